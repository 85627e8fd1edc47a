"""Read the mapping as people write it (TOML) and refuse, with every fault named, what must not ship.

Used by the command line and at build time only; the Lambda reads the compiled form.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from enricher.attack.catalog import Catalogue
from enricher.authoring.rule_compiler import read_evidence
from enricher.mapping.model import Mapping, Record, record_to_json
from enricher.mapping.problems import Fault, InvalidMapping
from enricher.mapping.records import read_records

STATUSES = ("active", "retired", "alias")
_VERSION = re.compile(r"20[0-9]{2}\.(0[1-9]|1[0-2])\.[0-9]+")

ROOT = Path(__file__).resolve().parents[2] / "mapping"


@dataclass(frozen=True, slots=True)
class KnownType:
    """Hold one row of `finding-types.csv`: status active, retired or alias; file is the TOML file's stem."""

    type: str
    status: str
    file: str
    replaced_by: str


def read_catalogue(root: Path = ROOT) -> Catalogue:
    """Read the pinned ATT&CK release; raise InvalidMapping if the file is not what `attack import` writes."""
    try:
        return Catalogue.from_json(read_catalogue_json(root))
    except (LookupError, TypeError, AttributeError) as error:
        message = f"no catalogue as enricher attack import writes it ({error!r}): restore the file"
        raise InvalidMapping([Fault("attack.json", "", message)]) from error


def read_catalogue_json(root: Path = ROOT) -> dict[str, Any]:
    """Read `attack.json` as it is; raise InvalidMapping if it is no JSON."""
    text = _read_text(root / "attack.json")
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError as error:
        raise InvalidMapping([Fault("attack.json", "", f"not JSON: {error}: restore the file")]) from error


def read_known_types(root: Path = ROOT) -> list[KnownType]:
    """Read the list of every finding type AWS documents or ever documented."""
    lines = _read_text(root / "finding-types.csv").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    columns = ("type", "status", "file", "replaced_by")
    return [KnownType(*(row.get(name) or "" for name in columns)) for row in rows]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault(path.name, "", f"byte {error.start}: not UTF-8: save it as UTF-8")
        raise InvalidMapping([fault]) from error


def read_all_records(root: Path, catalogue: Catalogue, faults: list[Fault]) -> dict[str, Record]:
    """Read every valid record under `root`, adding what is wrong with the others to `faults`."""
    records: dict[str, Record] = {}
    for path in sorted(root.glob("*.toml")):
        try:
            text = _read_text(path)
        except InvalidMapping as error:
            faults.extend(error.faults)
            continue
        for record in read_records(text, path.name, catalogue, faults):
            if record.type in records:
                other = records[record.type].file
                faults.append(
                    Fault(path.name, record.type, f"recorded twice, also in {other}.toml: remove one")
                )
            records.setdefault(record.type, record)
    return records


def read_mapping(root: Path = ROOT) -> Mapping:
    """Read and check the whole mapping; raise InvalidMapping with every fault in it."""
    catalogue = read_catalogue(root)
    known = read_known_types(root)
    faults: list[Fault] = []
    records = read_all_records(root, catalogue, faults)
    version = _read_text(root / "VERSION").strip()
    if not _VERSION.fullmatch(version):
        faults.append(Fault("VERSION", "", f"{version!r} is no version: expected YEAR.MONTH.NUMBER"))
    refused = {fault.subject or fault.file.removesuffix(".toml") for fault in faults}
    faults += [*_check_list(known), *_check_coverage(known, records, refused)]
    evidence = read_evidence(root / "evidence", catalogue, faults)
    if faults:
        raise InvalidMapping(faults)
    aliases = {row.type: row.replaced_by for row in known if row.status == "alias"}
    ordered = {row.type: records[row.type] for row in known if row.status != "alias"}
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


def _check_list(known: list[KnownType]) -> Iterator[Fault]:
    name = "finding-types.csv"
    types = Counter(row.type for row in known)
    yield from (Fault(name, key, f"is listed {count} times") for key, count in types.items() if count > 1)
    for row in known:
        if row.status not in STATUSES:
            yield Fault(name, row.type, f"status is {row.status!r}: expected {', '.join(STATUSES)}")


def _check_coverage(known: list[KnownType], records: dict[str, Record], refused: Set[str]) -> Iterator[Fault]:
    """Compare list and records; `refused` holds the types and files whose faults are named already."""
    listed = {row.type for row in known}
    for row in known:
        record = records.get(row.type)
        if row.status == "alias":
            if row.replaced_by not in listed:
                yield Fault(
                    "finding-types.csv", row.type, f"alias of {row.replaced_by!r}, which is not listed"
                )
        elif record is None:
            if not refused & {row.type, row.file}:
                yield Fault(
                    f"{row.file}.toml", row.type, "has no record: add one, [] with a reason if need be"
                )
        elif record.file != row.file:
            where = f"belongs in {row.file}.toml, as finding-types.csv says"
            yield Fault(f"{record.file}.toml", row.type, where)
    for record in records.values():
        if record.type not in listed:
            yield Fault(f"{record.file}.toml", record.type, "is not listed in finding-types.csv: add its row")
        if record.successor and record.successor not in listed:
            yield Fault(f"{record.file}.toml", record.type, f"successor {record.successor!r} is not listed")
