"""Read [[finding]] records as people write them, ours or a team's, and name every fault in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.model import CONFIDENCES, OVERRIDE, Confidence, Record
from enricher.mapping.problems import Fault

LINEAGES = ("2020", "aws", "project")
CEILING = 3
KEYS = (
    "type", "attack", "confidence", "rationale", "caveats", "references", "lineage", "reviewed", "atlas",
    "retired", "successor",
)  # fmt: skip
PAIR_KEYS = ("tactic", "technique", "former", "former_tactic")
TYPE_PATTERN = r"[A-Z]\w*:[A-Z]\w*/[A-Z][\w.!&]*"
_TYPE = re.compile(TYPE_PATTERN, re.ASCII)


def read_records(
    text: str, name: str, catalogue: Catalogue, faults: list[Fault], *, override: bool = False
) -> Iterator[Record]:
    """Read the valid records of a TOML text, adding what is wrong with the others to `faults`.

    name: the file they came from; override: a team's own records, which need no lineage and no review date.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        faults.append(Fault(name, "", f"not TOML: {error}"))
        return
    faults.extend(
        Fault(name, "", f"unknown key {key!r}: a file holds `page` and [[finding]] records")
        for key in sorted(data.keys() - {"page", "finding"})
    )
    items = data.get("finding", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        faults.append(Fault(name, "", "`finding` is no list of tables: write [[finding]], one for each type"))
        return
    for place, item in enumerate(items, 1):
        file = name if override else name.removesuffix(".toml")
        record, messages = read_record(item, file, catalogue, override=override)
        subject = item["type"] if isinstance(item.get("type"), str) else f"record {place}"
        faults.extend(Fault(name, subject, message) for message in messages)
        if record is not None:
            yield record


def read_overrides(text: str, name: str, catalogue: Catalogue) -> tuple[dict[str, Record], list[Fault]]:
    """Read a team's overrides: records in the bundled form, `name` is the file or parameter they came from.

    Valid records are given beside the faults of the others, so that one mistake costs one override.
    """
    faults: list[Fault] = []
    records: dict[str, Record] = {}
    for record in read_records(text, name, catalogue, faults, override=True):
        if record.type in records:
            faults.append(Fault(name, record.type, "overridden twice, the first serves"))
        records.setdefault(record.type, record)
    return records, faults


def read_record(
    item: dict[str, Any], stem: str, catalogue: Catalogue, *, override: bool = False
) -> tuple[Record | None, list[str]]:
    """Read one [[finding]] table; give the record, or None and what is wrong with it."""
    expected = ", ".join(KEYS)
    messages = [f"unknown key {key!r}: expected one of {expected}" for key in sorted(item.keys() - set(KEYS))]
    messages += [*_check_text(item), *_check_judgement(item, override=override), *_check_lists(item)]
    pairs = tuple(_read_pairs(item.get("attack"), catalogue, messages))
    if messages:
        return None, messages
    record = Record(
        type=item["type"],
        pairs=pairs,
        confidence=cast("Confidence", item.get("confidence", "low")),
        rationale=_flatten(item["rationale"]),
        lineage=OVERRIDE if override else item["lineage"],
        file=stem,
        caveats=_flatten(item.get("caveats", "")),
        references=tuple(item.get("references", ())),
        reviewed=str(item.get("reviewed", "")),
        atlas=tuple((entry["id"], entry["name"]) for entry in item.get("atlas", ())),
        retired=str(item.get("retired", "")),
        successor=item.get("successor", ""),
    )
    return record, []


def _check_text(item: dict[str, Any]) -> Iterator[str]:
    finding_type = item.get("type")
    if not isinstance(finding_type, str) or not _TYPE.fullmatch(finding_type):
        yield f"type is {finding_type!r}: expected ThreatPurpose:Resource/Family[.Mechanism][!Artifact]"
    for key in ("rationale", "caveats", "successor"):
        value = item.get(key, "")
        if not isinstance(value, str):
            yield f"{key} is no string"
        elif key == "rationale" and not value.strip():
            yield "rationale is missing: say in one to three sentences what was seen and why this technique"


def _check_judgement(item: dict[str, Any], *, override: bool) -> Iterator[str]:
    confidence = item.get("confidence")
    if (item.get("attack") or confidence is not None) and confidence not in CONFIDENCES:
        yield f"confidence is {confidence!r}: expected {', '.join(CONFIDENCES)}"
    lineage = item.get("lineage")
    if lineage not in LINEAGES and not (override and lineage is None):
        yield f"lineage is {lineage!r}: expected {', '.join(LINEAGES)}"
    reviewed = item.get("reviewed")
    if not isinstance(reviewed, date) and not (override and reviewed is None):
        yield "reviewed is no date: write reviewed = YYYY-MM-DD, the day somebody last judged it"
    if not isinstance(item.get("retired", date.min), date):
        yield "retired is no date: write retired = YYYY-MM-DD"


def _check_lists(item: dict[str, Any]) -> Iterator[str]:
    references = item.get("references", [])
    if not isinstance(references, list) or not all(
        isinstance(url, str) and url.startswith("https://") for url in references
    ):
        yield "references is no list of https:// addresses"
    atlas = item.get("atlas", [])
    if not isinstance(atlas, list) or not all(_is_atlas(entry) for entry in atlas):
        yield 'atlas is no list of { id = "AML.T…", name = "…" }'


def _is_atlas(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"id", "name"}
        and all(isinstance(value, str) for value in entry.values())
        and entry["id"].startswith("AML.T")
    )


def _read_pairs(value: object, catalogue: Catalogue, messages: list[str]) -> Iterator[Pair]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        messages.append("attack is missing: write attack = [{ tactic, technique }, …], or [] for a known gap")
        return
    if len(value) > CEILING:
        messages.append(
            f"attack has {len(value)} entries: {CEILING} is the ceiling, keep what the finding shows"
        )
    seen = set()
    for place, entry in enumerate(value, 1):
        pair, faults = read_pair(entry, catalogue)
        messages.extend(f"attack entry {place}: {fault}" for fault in faults)
        if pair is None:
            continue
        if (pair.tactic, pair.technique) in seen:
            messages.append(f"attack entry {place}: {pair.tactic} {pair.technique} is listed twice")
        seen.add((pair.tactic, pair.technique))
        yield pair


def read_pair(entry: dict[str, Any], catalogue: Catalogue) -> tuple[Pair | None, list[str]]:
    """Read one { tactic, technique } table and check it against the pinned and the former release."""
    faults = [f"unknown key {key!r}" for key in sorted(entry.keys() - set(PAIR_KEYS))]
    faults += [f"{key} is no string" for key in PAIR_KEYS if key in entry and not isinstance(entry[key], str)]
    if faults:
        return None, faults
    tactic, technique = entry.get("tactic"), entry.get("technique")
    version = catalogue.pinned.version
    if tactic not in catalogue.pinned.tactics:
        faults.append(f"{tactic!r} is no tactic of ATT&CK {version}: expected TA and four digits")
    if technique is not None and technique not in catalogue.pinned.techniques:
        heir = catalogue.resolve(technique)
        faults.append(
            f"{technique!r} is no active technique of ATT&CK {version}"
            + (f": revoked, now {heir} {catalogue.pinned.techniques[heir].name}" if heir else "")
        )
    if faults:
        return None, faults
    pair = Pair(cast("str", tactic), technique, entry.get("former"), entry.get("former_tactic"))
    faults = list(_check_pair(pair, catalogue))
    return (None, faults) if faults else (pair, [])


def _check_pair(pair: Pair, catalogue: Catalogue) -> Iterator[str]:
    if pair.technique is None:
        if pair.former or pair.former_tactic:
            yield "former says nothing without a technique"
        return
    pinned, former = catalogue.pinned, catalogue.former
    if not catalogue.belongs(pair.tactic, pair.technique):
        tactics = ", ".join(pinned.techniques[pair.technique].tactics)
        yield (
            f"{pair.technique} does not belong to {pair.tactic}: "
            f"ATT&CK {pinned.version} lists it under {tactics}"
        )
    candidates = catalogue.former_candidates(pair.technique)
    if pair.former and pair.former not in candidates:
        choices = ", ".join(candidates) or "none"
        yield f"former {pair.former!r} did not become {pair.technique}: expected one of {choices}"
        return
    before = catalogue.former_technique(pair.technique, pair.former)
    if before is None:
        yield f"{pair.technique} has no equivalent in ATT&CK {former.version}: choose one that both know"
        return
    tactics = ", ".join(before.tactics)
    if pair.former_tactic and pair.former_tactic not in before.tactics:
        yield f"former_tactic {pair.former_tactic!r}: {before.id} was listed under {tactics}"
    elif catalogue.former_tactic(pair.tactic, before, pair.former_tactic) is None:
        yield f"{before.id} was listed under {tactics}: say which with former_tactic"


def _flatten(text: str) -> str:
    return " ".join(text.split())
