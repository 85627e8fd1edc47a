"""Read the mapping as people write it (TOML) and refuse, with every fault named, what must not ship.

Used by the command line and at build time only; the Lambda reads the compiled form.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from enricher.attack import Catalogue
from enricher.mapping import CONFIDENCES, Confidence, Mapping, Pair, Record, record_to_json

ROOT = Path(__file__).resolve().parent.parent / "mapping"
LINEAGES = ("2020", "aws", "project")
CEILING = 3
_KEYS = {
    "type", "attack", "confidence", "rationale", "caveats", "references", "lineage", "reviewed", "atlas",
    "retired", "successor",
}  # fmt: skip
_PAIR_KEYS = {"tactic", "technique", "former", "former_tactic"}
_TYPE = re.compile(r"[A-Z]\w*:[A-Z]\w*/[A-Z][\w.!&]*")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Name one fault of the mapping: the file, the finding type or rule, and what to do about it."""

    file: str
    subject: str
    message: str

    def __str__(self) -> str:
        """Print as file: subject: message."""
        return f"{self.file}: {self.subject}: {self.message}" if self.subject else f"{self.file}: {self.message}"


class InvalidMapping(ValueError):
    """Carry every fault found in a mapping."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class KnownType:
    """Hold one row of `finding-types.csv`: status active, retired or alias; file is the TOML file's stem."""

    type: str
    status: str
    file: str
    replaced_by: str


def read_catalogue(root: Path = ROOT) -> Catalogue:
    """Read the pinned ATT&CK release."""
    return Catalogue.from_json(read_catalogue_json(root))


def read_catalogue_json(root: Path = ROOT) -> dict[str, Any]:
    """Read `attack.json` as it is."""
    return cast("dict[str, Any]", json.loads((root / "attack.json").read_text(encoding="utf-8")))


def read_known_types(root: Path = ROOT) -> list[KnownType]:
    """Read the list of every finding type AWS documents or ever documented."""
    with (root / "finding-types.csv").open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return [KnownType(row["type"], row["status"], row["file"], row["replaced_by"]) for row in rows]


def read_mapping(root: Path = ROOT) -> Mapping:
    """Read and check the whole mapping; raise InvalidMapping with every fault in it."""
    # The evidence rules are read here and not at the top: they need this module's Fault.
    from enricher.evidence_authoring import read_evidence

    catalogue = read_catalogue(root)
    known = read_known_types(root)
    faults: list[Fault] = []
    records: dict[str, Record] = {}
    for path in sorted(root.glob("*.toml")):
        for record in _read_file(path, catalogue, faults):
            if record.type in records:
                other = records[record.type].file
                faults.append(Fault(path.name, record.type, f"recorded twice, also in {other}.toml: remove one"))
            records.setdefault(record.type, record)
    faults += _check_coverage(known, records)
    evidence = read_evidence(root / "evidence", catalogue, faults)
    if faults:
        raise InvalidMapping(faults)
    aliases = {row.type: row.replaced_by for row in known if row.status == "alias"}
    version = (root / "VERSION").read_text(encoding="ascii").strip()
    order = {row.type: place for place, row in enumerate(known)}
    ordered = dict(sorted(records.items(), key=lambda item: order[item[0]]))
    return Mapping(version, catalogue, ordered, aliases, evidence)


def bundle_of(mapping: Mapping, root: Path = ROOT) -> dict[str, Any]:
    """Give the object that `enricher compile` writes and the Lambda loads."""
    return {
        "version": mapping.version,
        "attack": read_catalogue_json(root),
        "records": {key: record_to_json(record) for key, record in mapping.records.items()},
        "aliases": dict(mapping.aliases),
        "evidence": mapping.evidence,
    }


def read_overrides(
    text: str, name: str, catalogue: Catalogue
) -> tuple[dict[str, Record], list[Fault]]:
    """Read a team's overrides: records in the bundled form, `name` is the file or parameter they came from.

    Valid records are given beside the faults of the others, so that one mistake costs one override.
    """
    faults: list[Fault] = []
    records: dict[str, Record] = {}
    for record in _read_text(text, name, catalogue, faults, override=True):
        if record.type in records:
            faults.append(Fault(name, record.type, "overridden twice: remove one"))
        records[record.type] = record
    return records, faults


def _read_file(path: Path, catalogue: Catalogue, faults: list[Fault]) -> Iterator[Record]:
    return _read_text(path.read_text(encoding="utf-8"), path.name, catalogue, faults)


def _read_text(
    text: str, name: str, catalogue: Catalogue, faults: list[Fault], *, override: bool = False
) -> Iterator[Record]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(name, "", f"not TOML: {error}"))
        return
    for key in data.keys() - {"page", "finding"}:
        faults.append(Fault(name, "", f"unknown key {key!r}: a file holds `page` and [[finding]] records"))
    items = data.get("finding", [])
    if not isinstance(items, list):
        faults.append(Fault(name, "", "`finding` is a table: write [[finding]], one for each type"))
        return
    for place, item in enumerate(items, 1):
        record, messages = read_record(item, name.removesuffix(".toml"), catalogue, override=override)
        subject = item["type"] if isinstance(item.get("type"), str) else f"record {place}"
        faults.extend(Fault(name, subject, message) for message in messages)
        if record is not None:
            yield record


def read_record(
    item: dict[str, Any], stem: str, catalogue: Catalogue, *, override: bool = False
) -> tuple[Record | None, list[str]]:
    """Read one [[finding]] table; give the record, or None and what is wrong with it."""
    messages = [f"unknown key {key!r}: expected one of {', '.join(sorted(_KEYS))}" for key in sorted(item.keys() - _KEYS)]
    messages += list(_check_fields(item, override=override))
    pairs = list(_read_pairs(item.get("attack"), catalogue, messages))
    if messages:
        return None, messages
    confidence = cast("Confidence", item.get("confidence", "low"))
    return (
        Record(
            type=item["type"],
            pairs=tuple(pairs),
            confidence=confidence,
            rationale=_flatten(item["rationale"]),
            lineage=item.get("lineage", "project"),
            file=stem,
            caveats=_flatten(item.get("caveats", "")),
            references=tuple(item.get("references", ())),
            reviewed=str(item.get("reviewed", "")),
            atlas=tuple((entry["id"], entry["name"]) for entry in item.get("atlas", ())),
            retired=str(item.get("retired", "")),
            successor=item.get("successor", ""),
        ),
        [],
    )


def _check_fields(item: dict[str, Any], *, override: bool) -> Iterator[str]:
    finding_type = item.get("type")
    if not isinstance(finding_type, str) or not _TYPE.fullmatch(finding_type):
        yield f"type is {finding_type!r}: expected ThreatPurpose:Resource/Family[.Mechanism][!Artifact]"
    for key in ("rationale", "caveats", "successor"):
        value = item.get(key, "")
        if not isinstance(value, str):
            yield f"{key} is no string"
        elif key == "rationale" and not value.strip():
            yield "rationale is missing: say in one to three sentences what was seen and why this technique"
    if item.get("attack") and item.get("confidence") not in CONFIDENCES:
        yield f"confidence is {item.get('confidence')!r}: expected {', '.join(CONFIDENCES)}"
    if not override or "lineage" in item:
        if item.get("lineage") not in LINEAGES:
            yield f"lineage is {item.get('lineage')!r}: expected {', '.join(LINEAGES)}"
    if not override or "reviewed" in item:
        if not isinstance(item.get("reviewed"), date):
            yield "reviewed is no date: write reviewed = YYYY-MM-DD, the day somebody last judged it"
    if not isinstance(item.get("retired", date.min), date):
        yield "retired is no date: write retired = YYYY-MM-DD"
    references = item.get("references", [])
    if not isinstance(references, list) or not all(
        isinstance(url, str) and url.startswith("https://") for url in references
    ):
        yield "references is no list of https:// addresses"
    atlas = item.get("atlas", [])
    if not isinstance(atlas, list) or not all(
        isinstance(entry, dict) and entry.keys() == {"id", "name"} and str(entry["id"]).startswith("AML.T")
        for entry in atlas
    ):
        yield 'atlas is no list of { id = "AML.T…", name = "…" }'


def _read_pairs(value: object, catalogue: Catalogue, messages: list[str]) -> Iterator[Pair]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        messages.append("attack is missing: write attack = [{ tactic, technique }, …], or [] for a known gap")
        return
    if len(value) > CEILING:
        messages.append(f"attack has {len(value)} entries: {CEILING} is the ceiling, keep what the finding shows")
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
    faults = [f"unknown key {key!r}" for key in sorted(entry.keys() - _PAIR_KEYS)]
    tactic, technique = entry.get("tactic"), entry.get("technique")
    if tactic not in catalogue.pinned.tactics:
        faults.append(f"{tactic!r} is no tactic of ATT&CK {catalogue.pinned.version}: expected TA and four digits")
    if technique is not None and technique not in catalogue.pinned.techniques:
        heir = catalogue.resolve(technique) if isinstance(technique, str) else None
        remedy = f": revoked, now {heir}" if heir else ""
        faults.append(f"{technique!r} is no active technique of ATT&CK {catalogue.pinned.version}{remedy}")
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
        yield f"{pair.technique} does not belong to {pair.tactic}: ATT&CK {pinned.version} lists it under {tactics}"
    if pair.former and pair.former not in catalogue.former_candidates(pair.technique):
        choices = ", ".join(catalogue.former_candidates(pair.technique)) or "none"
        yield f"former {pair.former!r} was not revoked in favour of {pair.technique}: expected one of {choices}"
        return
    before = catalogue.former_technique(pair.technique, pair.former)
    if before is None:
        yield f"{pair.technique} has no equivalent in ATT&CK {former.version}: choose one that both releases know"
    elif pair.former_tactic and pair.former_tactic not in before.tactics:
        yield f"former_tactic {pair.former_tactic!r}: {before.id} was listed under {', '.join(before.tactics)}"
    elif catalogue.former_tactic(pair.tactic, before, pair.former_tactic) is None:
        yield f"{before.id} was listed under {', '.join(before.tactics)}: say which with former_tactic"


def _check_coverage(known: list[KnownType], records: dict[str, Record]) -> Iterator[Fault]:
    listed = {row.type: row for row in known}
    for row in known:
        if row.status == "alias":
            if row.replaced_by not in records:
                yield Fault("finding-types.csv", row.type, f"alias of {row.replaced_by!r}, which has no record")
        elif row.type not in records:
            yield Fault(f"{row.file}.toml", row.type, "has no record: add one, attack = [] with a reason if need be")
        elif records[row.type].file != row.file:
            yield Fault(
                f"{records[row.type].file}.toml", row.type, f"belongs in {row.file}.toml, as finding-types.csv says"
            )
    for finding_type, record in records.items():
        if finding_type not in listed:
            yield Fault(f"{record.file}.toml", finding_type, "is not listed in finding-types.csv: add its row")


def _flatten(text: str) -> str:
    return " ".join(text.split())
