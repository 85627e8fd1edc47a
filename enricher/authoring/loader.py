"""Read and validate the mapping in its source form (TOML, CSV, JSON), reporting every problem.

Used by the command line and at build time only; the Lambda function reads the compiled form.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from enricher.attack.catalog import Catalogue
from enricher.authoring import responses
from enricher.authoring.rule_compiler import read_evidence
from enricher.mapping.model import AttackMapping, Record, record_to_json, response_to_json
from enricher.mapping.problems import InvalidMapping, Problem
from enricher.mapping.records import read_records

STATUSES = ("active", "retired", "alias")
SEVERITIES = ("Low", "Medium", "High", "Critical", "Varies")
#: Data sources of finding types, in the words of the user guide.
DATA_SOURCES = (
    "CloudTrail management events", "CloudTrail data events for S3", "VPC flow logs", "DNS logs",
    "EKS audit logs", "Runtime Monitoring", "RDS Login Activity Monitoring",
    "Lambda Network Activity Monitoring", "EBS Malware Protection", "Malware Protection for Backup",
    "Malware Protection for S3", "AI Protection",
)  # fmt: skip
#: Protection plans; "Foundational" is on wherever GuardDuty is.
PLANS = (
    "Foundational", "Extended Threat Detection", "S3 Protection", "EKS Protection", "Runtime Monitoring",
    "Malware Protection for EC2", "Malware Protection for S3", "Malware Protection for Backup",
    "RDS Protection", "Lambda Protection", "AI Protection", "Custom Detection Rules",
)  # fmt: skip
_DATE = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")
_VERSION = re.compile(r"20[0-9]{2}\.(0[1-9]|1[0-2])\.[0-9]+")

_CLONE = Path(__file__).resolve().parents[2] / "mapping"
#: The mapping's source: that of the clone this module is in, else the copy in the installed package.
ROOT = _CLONE if (_CLONE / "attack.json").is_file() else Path(__file__).resolve().with_name("mapping")


@dataclass(frozen=True, slots=True)
class KnownType:
    """One row of `finding-types.csv`; status: active, retired or alias; file: TOML file without .toml.

    severity, data_source, plan: as in the GuardDuty user guide on the day `read`, "" for an alias. Several
    severities are separated by "|", several sources and plans by "; "; a severity with "*" is the default.
    """

    type: str
    status: str
    file: str
    replaced_by: str
    severity: str = ""
    data_source: str = ""
    plan: str = ""
    read: str = ""


def read_catalogue(root: Path = ROOT) -> Catalogue:
    """Read the pinned ATT&CK release; raise InvalidMapping if `attack.json` is malformed."""
    try:
        return Catalogue.from_json(read_catalogue_json(root))
    except (LookupError, TypeError, AttributeError) as error:
        message = f"not a catalogue written by `enricher attack import` ({error!r}): restore the file"
        raise InvalidMapping([Problem("attack.json", "", message)]) from error


def read_catalogue_json(root: Path = ROOT) -> dict[str, Any]:
    """Parse `attack.json`; raise InvalidMapping if it is not JSON."""
    text = _read_text(root / "attack.json")
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError as error:
        raise InvalidMapping([Problem("attack.json", "", f"not JSON: {error}: restore the file")]) from error


def read_known_types(root: Path = ROOT) -> list[KnownType]:
    """Read `finding-types.csv`, the list of every finding type AWS documents or has documented."""
    lines = _read_text(root / "finding-types.csv").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    columns = ("type", "status", "file", "replaced_by", "severity", "data_source", "plan", "read")
    return [KnownType(*(row.get(name) or "" for name in columns)) for row in rows]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(path.name, "", f"byte {error.start}: not UTF-8: save it as UTF-8")
        raise InvalidMapping([problem]) from error


def read_all_records(root: Path, catalogue: Catalogue, problems: list[Problem]) -> dict[str, Record]:
    """Read every valid record under `root`, by finding type; append the problems of others to `problems`."""
    records: dict[str, Record] = {}
    for path in sorted(set(root.glob("*.toml")) - {root / responses.FILE}):
        try:
            text = _read_text(path)
        except InvalidMapping as error:
            problems.extend(error.problems)
            continue
        for record in read_records(text, path.name, catalogue, problems):
            if record.type in records:
                other = records[record.type].file
                problems.append(
                    Problem(path.name, record.type, f"recorded twice, also in {other}.toml: remove one")
                )
            records.setdefault(record.type, record)
    return records


def read_guide_pages(root: Path = ROOT) -> dict[str, str]:
    """Return the URL of the user guide's page for each record file, by its name without .toml."""
    pages = ((path.stem, tomllib.loads(_read_text(path)).get("page")) for path in sorted(root.glob("*.toml")))
    return {stem: page for stem, page in pages if isinstance(page, str)}


def read_mapping(root: Path = ROOT) -> AttackMapping:
    """Read and validate the whole mapping; raise InvalidMapping with every problem in it."""
    catalogue = read_catalogue(root)
    known = read_known_types(root)
    problems: list[Problem] = []
    records = read_all_records(root, catalogue, problems)
    version = _read_text(root / "VERSION").strip()
    if not _VERSION.fullmatch(version):
        message = f"{version!r} is not a valid version: expected YEAR.MONTH.NUMBER"
        problems.append(Problem("VERSION", "", message))
    rejected = {problem.subject or problem.file.removesuffix(".toml") for problem in problems}
    problems += [*_check_list(known), *_check_coverage(known, records, rejected)]
    evidence = read_evidence(root / "evidence", catalogue, problems)
    path = root / responses.FILE
    groups = responses.read_responses(_read_text(path) if path.exists() else "", problems)
    problems += responses.check_groups(groups, records)
    if problems:
        raise InvalidMapping(problems)
    aliases = {row.type: row.replaced_by for row in known if row.status == "alias"}
    ordered = {row.type: records[row.type] for row in known if row.status != "alias"}
    return AttackMapping(version, catalogue, ordered, aliases, evidence, groups)


def bundle_of(mapping: AttackMapping, root: Path = ROOT) -> dict[str, Any]:
    """Return the bundle that `enricher compile` writes and the Lambda function loads."""
    return {
        "version": mapping.version,
        "attack": read_catalogue_json(root),
        "records": {key: record_to_json(record) for key, record in mapping.records.items()},
        "aliases": dict(mapping.aliases),
        "evidence": mapping.evidence,
        "responses": {key: response_to_json(item) for key, item in mapping.responses.items()},
    }


def _check_list(known: list[KnownType]) -> Iterator[Problem]:
    name = "finding-types.csv"
    types = Counter(row.type for row in known)
    yield from (Problem(name, key, f"is listed {count} times") for key, count in types.items() if count > 1)
    for row in known:
        if row.status not in STATUSES:
            expected = f"expected {', '.join(STATUSES)}, got {row.status!r}"
            yield Problem(name, row.type, f"invalid value for `status`: {expected}")
        if row.status != "alias":
            yield from (Problem(name, row.type, message) for message in _check_facts(row))


def _check_facts(row: KnownType) -> Iterator[str]:
    facts = (
        ("severity", row.severity.removesuffix("*").split("|"), SEVERITIES),
        ("data_source", row.data_source.split("; "), DATA_SOURCES),
        ("plan", row.plan.split("; "), PLANS),
    )
    for column, values, expected in facts:
        if unknown := [value for value in values if value not in expected]:
            yield f"invalid value for `{column}`: expected {', '.join(expected)}, got {unknown[0]!r}"
    if not _DATE.fullmatch(row.read):
        yield f"invalid value for `read`: expected a date (YYYY-MM-DD), got {row.read!r}"


def _check_coverage(
    known: list[KnownType], records: dict[str, Record], rejected: Set[str]
) -> Iterator[Problem]:
    """Compare list and records; `rejected`: types and files whose problems are already reported."""
    listed = {row.type for row in known}
    for row in known:
        record = records.get(row.type)
        if row.status == "alias":
            if row.replaced_by not in listed:
                yield Problem(
                    "finding-types.csv", row.type, f"alias of {row.replaced_by!r}, which is not listed"
                )
        elif record is None:
            if not rejected & {row.type, row.file}:
                yield Problem(
                    f"{row.file}.toml", row.type, "has no record: add one, with `attack = []` for a known gap"
                )
        elif record.file != row.file:
            where = f"must be in {row.file}.toml, its file in finding-types.csv"
            yield Problem(f"{record.file}.toml", row.type, where)
    for record in records.values():
        if record.type not in listed:
            yield Problem(
                f"{record.file}.toml", record.type, "is not listed in finding-types.csv: add its row"
            )
        if record.successor and record.successor not in listed:
            yield Problem(f"{record.file}.toml", record.type, f"successor {record.successor!r} is not listed")
