"""Read and validate `finding-types.csv`, the list of every finding type AWS documents or has documented."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from enricher.authoring.files import KNOWN_TYPES, read_csv
from enricher.mapping.problems import Problem

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


@dataclass(frozen=True, slots=True)
class KnownType:
    """One row of `finding-types.csv`; status: active, retired or alias; file: TOML file without .toml.

    line: of the row, from 1; severity, data_source, plan: as in the GuardDuty user guide on the day
    `read`, "" for an alias. Several severities are separated by "|", several sources and plans by "; "; a
    severity with "*" is the default.
    """

    line: int
    type: str
    status: str
    file: str
    replaced_by: str
    severity: str = ""
    data_source: str = ""
    plan: str = ""
    read: str = ""

    def problem(self, message: str) -> Problem:
        """Return a problem of this row."""
        return Problem(KNOWN_TYPES, self.type, message, self.line)


def read_known_types(root: Path) -> list[KnownType]:
    """Read the list in a mapping folder."""
    columns = ("type", "status", "file", "replaced_by", "severity", "data_source", "plan", "read")
    rows = read_csv(root / KNOWN_TYPES, *columns)
    return [KnownType(line, *(row[name] for name in columns)) for line, row in rows]


def check_known_types(known: Iterable[KnownType]) -> Iterator[Problem]:
    """Yield the problems of the list by itself: repeated rows, values that the user guide does not use."""
    rows: dict[str, KnownType] = {}
    for row in known:
        if row.type in rows:
            yield row.problem(f"is also listed in line {rows[row.type].line}: remove one")
        rows.setdefault(row.type, row)
        if row.status not in STATUSES:
            yield row.problem(
                f"invalid value for `status`: expected {', '.join(STATUSES)}, got {row.status!r}"
            )
        if row.status != "alias":
            yield from map(row.problem, _check_facts(row))
    for row in rows.values():
        yield from map(row.problem, _check_replacement(row, rows.get(row.replaced_by)))


def _check_replacement(row: KnownType, target: KnownType | None) -> Iterator[str]:
    if row.status == "alias" and (target is None or target.status != "active"):
        found = "is not listed" if target is None else f"is {target.status}"
        yield f"alias of {row.replaced_by!r}, which {found}: name an active type"
    elif row.status == "retired" and row.replaced_by and target is None:
        yield f"replaced by {row.replaced_by!r}, which is not listed"
    elif row.status == "active" and row.replaced_by:
        yield f"`replaced_by` is {row.replaced_by!r}: only an alias or a retired type has one"


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
