"""Read and validate [[finding]] records in TOML, both bundled records and overrides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterator
from datetime import date
from typing import Any, cast

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.advice import check_advice, read_advice
from enricher.mapping.model import CONFIDENCES, OVERRIDE, Confidence, Record
from enricher.mapping.problems import Problem

PROVENANCES = ("2020", "aws", "project")
MAX_ENTRIES = 3
#: Dots in one line of a file. tomllib's time grows with the square of the dots in one key: a key of 80 kB
#: takes 25 seconds, a line within this limit less than a millisecond.
MAX_DOTS = 100
KEYS = (
    "type", "attack", "confidence", "rationale", "benign", "benign_target", "caveats", "shows", "references",
    "response", "rules", "provenance", "reviewed", "atlas", "retired", "successor",
)  # fmt: skip
PAIR_KEYS = ("tactic", "technique", "former", "former_tactic")
TYPE_PATTERN = r"[A-Z]\w*:[A-Z]\w*/[A-Z][\w.!&]*"
_TYPE = re.compile(TYPE_PATTERN, re.ASCII)


def read_records(
    text: str, name: str, catalogue: Catalogue, problems: list[Problem], *, override: bool = False
) -> Iterator[Record]:
    """Yield the valid records of a TOML text; append the problems of the others to `problems`.

    name: the file, for problems; override: the records are overrides, for which `provenance` and
    `reviewed` are optional.
    """
    if line := next((n for n, line in enumerate(text.split("\n"), 1) if line.count(".") > MAX_DOTS), 0):
        problems.append(
            Problem(name, "", f"line {line} has more than {MAX_DOTS} dots: write it as several lines")
        )
        return
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.append(Problem(name, "", f"not TOML: {error}"))
        return
    problems.extend(
        Problem(name, "", f"unknown key {key!r}: a file holds `page` and [[finding]] records")
        for key in sorted(data.keys() - {"page", "finding"})
    )
    items = data.get("finding", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        message = "`finding` must be an array of tables: write one [[finding]] per finding type"
        problems.append(Problem(name, "", message))
        return
    for place, item in enumerate(items, 1):
        file = name if override else name.removesuffix(".toml")
        record, messages = read_record(item, file, catalogue, override=override)
        subject = item["type"] if isinstance(item.get("type"), str) else f"record {place}"
        problems.extend(Problem(name, subject, message) for message in messages)
        if record is not None:
            yield record


def read_overrides(
    text: str, name: str, catalogue: Catalogue, responses: Container[str] = ()
) -> tuple[dict[str, Record], list[Problem]]:
    """Read overrides, which have the form of the bundled records, from TOML text.

    name: the file or SSM parameter, for problems; responses: the groups that they may name. Returns the valid
    records by finding type and the problems of the others: an invalid override does not affect the rest.
    """
    problems: list[Problem] = []
    records: dict[str, Record] = {}
    for record in read_records(text, name, catalogue, problems, override=True):
        if unknown := [group for group in record.groups if group not in responses]:
            message = f"`response` {unknown[0]!r} is not a group of mapping/responses.toml"
            problems.append(Problem(name, record.type, message))
            continue
        if record.type in records:
            problems.append(Problem(name, record.type, "overridden twice: using the first"))
        records.setdefault(record.type, record)
    return records, problems


def read_record(
    item: dict[str, Any], stem: str, catalogue: Catalogue, *, override: bool = False
) -> tuple[Record | None, list[str]]:
    """Read one [[finding]] table; return the record and no messages, or None and the error messages.

    stem: the name of the file without .toml; override: `provenance` and `reviewed` are optional.
    """
    expected = ", ".join(KEYS)
    messages = [f"unknown key {key!r}: expected one of {expected}" for key in sorted(item.keys() - set(KEYS))]
    messages += [*_check_text(item), *_check_review(item, override=override), *_check_lists(item)]
    messages += check_advice(item)
    entries = tuple(_read_entries(item.get("attack"), catalogue, messages))
    if messages:
        return None, messages
    confidence = cast("Confidence", item.get("confidence", "low"))
    confidences = tuple(stated or confidence for _, stated in entries)
    record = Record(
        type=item["type"],
        pairs=tuple(pair for pair, _ in entries),
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


def _check_text(item: dict[str, Any]) -> Iterator[str]:
    finding_type = item.get("type")
    if not isinstance(finding_type, str) or not _TYPE.fullmatch(finding_type):
        yield _invalid("type", "ThreatPurpose:Resource/Family[.Mechanism][!Artifact]", finding_type)
    for key in ("rationale", "caveats", "successor"):
        value = item.get(key, "")
        if not isinstance(value, str):
            yield f"`{key}` must be a string"
        elif key == "rationale" and not value.strip():
            yield "`rationale` is missing: one to three sentences, what was observed and why it maps here"


def _check_review(item: dict[str, Any], *, override: bool) -> Iterator[str]:
    confidence = item.get("confidence")
    if (item.get("attack") or confidence is not None) and confidence not in CONFIDENCES:
        yield _invalid("confidence", ", ".join(CONFIDENCES), confidence)
    provenance = item.get("provenance")
    if provenance not in PROVENANCES and not (override and provenance is None):
        yield _invalid("provenance", ", ".join(PROVENANCES), provenance)
    reviewed = item.get("reviewed")
    if not isinstance(reviewed, date) and not (override and reviewed is None):
        yield "`reviewed` must be a date (YYYY-MM-DD): the day of the last review"
    if not isinstance(item.get("retired", date.min), date):
        yield "`retired` must be a date (YYYY-MM-DD)"


def _check_lists(item: dict[str, Any]) -> Iterator[str]:
    references = item.get("references", [])
    if not isinstance(references, list) or not all(
        isinstance(url, str) and url.startswith("https://") for url in references
    ):
        yield "`references` must be a list of https:// URLs"
    atlas = item.get("atlas", [])
    if not isinstance(atlas, list) or not all(_is_atlas(entry) for entry in atlas):
        yield '`atlas` must be a list of { id = "AML.T…", name = "…" }'


def _invalid(key: str, expected: str, value: object) -> str:
    return f"invalid value for `{key}`: expected {expected}, got {value!r:.80}"


def _is_atlas(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"id", "name"}
        and all(isinstance(value, str) for value in entry.values())
        and entry["id"].startswith("AML.T")
    )


def _read_entries(
    value: object, catalogue: Catalogue, messages: list[str]
) -> Iterator[tuple[Pair, Confidence | None]]:
    """Yield the valid entries of `attack`, each with its own confidence, None where it states none."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        messages.append("`attack` is missing: write [{ tactic, technique }, …], or [] for a known gap")
        return
    if len(value) > MAX_ENTRIES:
        messages.append(
            f"`attack` has {len(value)} entries: at most {MAX_ENTRIES}, keep those that the finding shows"
        )
    seen = set()
    for place, entry in enumerate(value, 1):
        confidence = entry.get("confidence")
        if "confidence" in entry and confidence not in CONFIDENCES:
            problem = _invalid("confidence", ", ".join(CONFIDENCES), confidence)
            messages.append(f"attack entry {place}: {problem}")
        stated = {key: item for key, item in entry.items() if key != "confidence"}
        pair, problems = read_pair(stated, catalogue)
        messages.extend(f"attack entry {place}: {problem}" for problem in problems)
        if pair is None:
            continue
        if (pair.tactic, pair.technique) in seen:
            messages.append(f"attack entry {place}: {pair.tactic} {pair.technique} is listed twice")
        seen.add((pair.tactic, pair.technique))
        yield pair, cast("Confidence | None", confidence)


def read_pair(entry: dict[str, Any], catalogue: Catalogue) -> tuple[Pair | None, list[str]]:
    """Read one { tactic, technique } table and check it against the pinned and the former release.

    Returns the pair and no messages, or None and the error messages.
    """
    problems = [f"unknown key {key!r}" for key in sorted(entry.keys() - set(PAIR_KEYS))]
    problems += [
        f"`{key}` must be a string" for key in PAIR_KEYS if key in entry and not isinstance(entry[key], str)
    ]
    if problems:
        return None, problems
    tactic, technique = entry.get("tactic"), entry.get("technique")
    version = catalogue.pinned.version
    if tactic not in catalogue.pinned.tactics:
        problems.append(f"{tactic!r} is not a tactic of ATT&CK {version}: expected TA and four digits")
    if technique is not None and technique not in catalogue.pinned.techniques:
        replacement = catalogue.resolve(technique)
        problems.append(
            f"{technique!r} is not an active technique of ATT&CK {version}"
            + (
                f": revoked by {replacement} {catalogue.pinned.techniques[replacement].name}"
                if replacement
                else ""
            )
        )
    if problems:
        return None, problems
    pair = Pair(cast("str", tactic), technique, entry.get("former"), entry.get("former_tactic"))
    problems = list(_check_pair(pair, catalogue))
    return (None, problems) if problems else (pair, [])


def _check_pair(pair: Pair, catalogue: Catalogue) -> Iterator[str]:
    if pair.technique is None:
        if pair.former or pair.former_tactic:
            yield "`former` and `former_tactic` require a `technique`"
        return
    pinned, former = catalogue.pinned, catalogue.former
    if not catalogue.belongs(pair.tactic, pair.technique):
        tactics = ", ".join(pinned.techniques[pair.technique].tactics)
        yield (
            f"{pair.technique} is not a technique of {pair.tactic}: "
            f"ATT&CK {pinned.version} lists it under {tactics}"
        )
    candidates = catalogue.former_candidates(pair.technique)
    if pair.former and pair.former not in candidates:
        choices = ", ".join(candidates) or "none"
        yield _invalid("former", f"an id revoked by {pair.technique} ({choices})", pair.former)
        return
    before = catalogue.former_technique(pair.technique, pair.former)
    if before is None:
        # A technique that is new in the pinned release: output for the former one falls back to its parent.
        if pair.former_tactic:
            yield f"`former_tactic` is not needed: {pair.technique} has no equivalent in {former.version}"
        return
    tactics = ", ".join(before.tactics)
    if pair.former_tactic and pair.former_tactic not in before.tactics:
        yield _invalid("former_tactic", f"a tactic of {before.id} ({tactics})", pair.former_tactic)
    elif catalogue.former_tactic(pair.tactic, before, pair.former_tactic) is None:
        yield f"ATT&CK {former.version} lists {before.id} under {tactics}: set `former_tactic` to one of them"


def _flatten(text: str) -> str:
    return " ".join(text.split())
