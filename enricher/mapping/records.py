"""Read and validate [[finding]] records in TOML, both bundled records and overrides."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from datetime import date
from typing import Any, cast

from enricher.attack.catalog import Catalogue
from enricher.mapping.advice import check_advice, check_groups_of, read_advice
from enricher.mapping.entries import StatedEntry, invalid, read_entries
from enricher.mapping.model import CONFIDENCES, OVERRIDE, Confidence, Record
from enricher.mapping.problems import Problem, Violation
from enricher.mapping.toml_source import TomlSource

PROVENANCES = ("2020", "aws", "project")
MAX_ENTRIES = 3
KEYS = (
    "type", "attack", "confidence", "rationale", "benign", "benign_target", "caveats", "shows", "references",
    "response", "rules", "provenance", "reviewed", "atlas", "retired", "successor",
)  # fmt: skip
TYPE_PATTERN = r"[A-Z]\w*:[A-Z]\w*/[A-Z][\w.!&]*"
_TYPE = re.compile(TYPE_PATTERN, re.ASCII)


def read_records(
    source: TomlSource, catalogue: Catalogue, problems: list[Problem], *, override: bool = False
) -> Iterator[tuple[int, Record]]:
    """Yield the index and the record of each valid [[finding]]; append the problems of the others.

    override: the records are overrides, for which `provenance` and `reviewed` are optional.
    """
    for key in sorted(source.data.keys() - {"page", "finding"}):
        message = f"unknown key {key!r}: a file holds `page` and [[finding]] records"
        problems.append(source.problem("", Violation(message, (key,))))
    items = source.data.get("finding", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        message = "`finding` must be an array of tables: write one [[finding]] per finding type"
        problems.append(source.problem("", Violation(message, ("finding",))))
        return
    file = source.name if override else source.name.removesuffix(".toml")
    for place, item in enumerate(items):
        record, violations = read_record(item, file, catalogue, override=override)
        subject = item["type"] if isinstance(item.get("type"), str) else f"record {place + 1}"
        problems += [source.problem(subject, found, "finding", place) for found in violations]
        if record is not None:
            yield place, record


def read_overrides(
    text: str, name: str, catalogue: Catalogue, responses: Container[str] = ()
) -> tuple[dict[str, Record], list[Problem]]:
    """Read overrides, which have the form of the bundled records, from TOML text.

    name: the file or SSM parameter, for problems; responses: the groups that they may name. Returns the valid
    records by finding type and the problems of the others: an invalid override does not affect the rest.
    """
    problems: list[Problem] = []
    records: dict[str, Record] = {}
    source = TomlSource.parse(name, text, problems)
    if source is None:
        return records, problems
    for place, record in read_records(source, catalogue, problems, override=True):
        violations = list(check_groups_of(record, responses))
        if not violations and record.type in records:
            violations = [Violation("overridden twice: using the first")]
        if not violations:
            records[record.type] = record
        problems += [source.problem(record.type, found, "finding", place) for found in violations]
    return records, problems


def read_record(
    item: dict[str, Any], stem: str, catalogue: Catalogue, *, override: bool = False
) -> tuple[Record | None, list[Violation]]:
    """Read one [[finding]] table; return the record and [], or None and what is wrong.

    stem: the name of the file without .toml; override: `provenance` and `reviewed` are optional.
    """
    expected = ", ".join(KEYS)
    violations = [
        Violation(f"unknown key {key!r}: expected one of {expected}", (key,))
        for key in sorted(item.keys() - set(KEYS))
    ]
    violations += [*_check_text(item), *_check_review(item, override=override), *_check_lists(item)]
    violations += check_advice(item)
    entries = _read_entries(item.get("attack"), catalogue, violations)
    if violations:
        return None, violations
    confidence = cast("Confidence", item.get("confidence", "low"))
    confidences = tuple(stated or confidence for _, stated in entries)
    record = Record(
        type=item["type"],
        pairs=tuple(pair for pair, _ in entries if pair),
        confidence=confidence,
        rationale=_flatten(item["rationale"]),
        provenance=OVERRIDE if override else item["provenance"],
        file=stem,
        caveats=_flatten(item.get("caveats", "")),
        references=tuple(item.get("references", ())),
        reviewed=str(item.get("reviewed", "")),
        atlas=tuple((entry["id"], entry["name"]) for entry in item.get("atlas", ())),
        retired=str(item.get("retired", "")),
        successor=item.get("successor", ""),
        entry_confidences=confidences if set(confidences) - {confidence} else (),
        **read_advice(item),
    )
    return record, []


def _check_text(item: dict[str, Any]) -> Iterator[Violation]:
    finding_type = item.get("type")
    if not isinstance(finding_type, str) or not _TYPE.fullmatch(finding_type):
        yield invalid("type", "ThreatPurpose:Resource/Family[.Mechanism][!Artifact]", finding_type)
    for key in ("rationale", "caveats", "successor"):
        value = item.get(key, "")
        if not isinstance(value, str):
            yield Violation(f"`{key}` must be a string", (key,))
        elif key == "rationale" and not value.strip():
            message = "`rationale` is missing: one to three sentences, what was observed and why it maps here"
            yield Violation(message, (key,))


def _check_review(item: dict[str, Any], *, override: bool) -> Iterator[Violation]:
    confidence = item.get("confidence")
    if (item.get("attack") or confidence is not None) and confidence not in CONFIDENCES:
        yield invalid("confidence", ", ".join(CONFIDENCES), confidence)
    provenance = item.get("provenance")
    if provenance not in PROVENANCES and not (override and provenance is None):
        yield invalid("provenance", ", ".join(PROVENANCES), provenance)
    reviewed = item.get("reviewed")
    if not isinstance(reviewed, date) and not (override and reviewed is None):
        message = "`reviewed` must be a date (YYYY-MM-DD): the day of the last review"
        yield Violation(message, ("reviewed",))
    if not isinstance(item.get("retired", date.min), date):
        yield Violation("`retired` must be a date (YYYY-MM-DD)", ("retired",))


def _check_lists(item: dict[str, Any]) -> Iterator[Violation]:
    references = item.get("references", [])
    if not isinstance(references, list) or not all(
        isinstance(url, str) and url.startswith("https://") for url in references
    ):
        yield Violation("`references` must be a list of https:// URLs", ("references",))
    atlas = item.get("atlas", [])
    if not isinstance(atlas, list) or not all(_is_atlas(entry) for entry in atlas):
        yield Violation('`atlas` must be a list of { id = "AML.T…", name = "…" }', ("atlas",))


def _is_atlas(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"id", "name"}
        and all(isinstance(value, str) for value in entry.values())
        and entry["id"].startswith("AML.T")
    )


def _read_entries(value: object, catalogue: Catalogue, violations: list[Violation]) -> list[StatedEntry]:
    missing = "[{ tactic, technique }, …], or [] for a known gap"
    entries = list(read_entries(value, catalogue, violations, missing))
    if len(entries) > MAX_ENTRIES:
        message = (
            f"`attack` has {len(entries)} entries: at most {MAX_ENTRIES}, keep those that the finding shows"
        )
        violations.append(Violation(message, ("attack", MAX_ENTRIES)))
    return entries


def _flatten(text: str) -> str:
    return " ".join(text.split())
