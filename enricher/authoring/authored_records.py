"""Read the records of a mapping folder with their places, and check each against the list of known types."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from enricher.attack.catalog import Catalogue
from enricher.authoring.files import KNOWN_TYPES, RESPONSES, read_toml
from enricher.authoring.known_types import KnownType
from enricher.mapping.model import Record
from enricher.mapping.problems import Problem, Violation
from enricher.mapping.records import read_records
from enricher.mapping.toml_source import TomlSource
from enricher.mapping.type_name import parse_type


class AuthoredRecord(NamedTuple):
    """A record and where it is written: the file and the index of its [[finding]] table."""

    record: Record
    source: TomlSource
    place: int

    def problem(self, violation: Violation) -> Problem:
        """Return the problem of a violation in the record."""
        return self.source.problem(self.record.type, violation, "finding", self.place)


def read_all_records(root: Path, catalogue: Catalogue, problems: list[Problem]) -> dict[str, AuthoredRecord]:
    """Read every valid record under `root`, by finding type; append the problems of others to `problems`."""
    found: dict[str, AuthoredRecord] = {}
    for source in read_toml(root, problems):
        if source.name == RESPONSES:
            continue
        for place, record in read_records(source, catalogue, problems):
            item = AuthoredRecord(record, source, place)
            if other := found.get(record.type):
                message = f"recorded twice, also in {other.source.name}: remove one"
                problems.append(item.problem(Violation(message, ("type",))))
            found.setdefault(record.type, item)
    return found


def check_coverage(
    known: Sequence[KnownType], records: Mapping[str, AuthoredRecord], rejected: Set[str]
) -> Iterator[Problem]:
    """Compare list and records; `rejected`: types and files whose problems are already reported."""
    listed = {row.type: row for row in known}
    for row in known:
        if row.status != "alias" and row.type not in records and not rejected & {row.type, row.file}:
            yield row.problem(
                f"has no record in {row.file}.toml: add one, with `attack = []` for a known gap"
            )
    for item in records.values():
        found = _check_listed(item.record, listed.get(item.record.type))
        yield from (item.problem(Violation(message, ("type",))) for message in found)
        if item.record.successor and item.record.successor not in listed:
            message = f"successor {item.record.successor!r} is not listed"
            yield item.problem(Violation(message, ("successor",)))


def check_purposes(records: Mapping[str, AuthoredRecord], purposes: Container[str]) -> Iterator[Problem]:
    """Yield a problem for each record whose threat purpose has no row in the table of purposes."""
    for finding_type, item in records.items():
        purpose = parse_type(finding_type).purpose
        if purpose not in purposes:
            message = f"the threat purpose {purpose} is not in evidence/purposes.toml: add it"
            yield item.problem(Violation(message, ("type",)))


def _check_listed(record: Record, row: KnownType | None) -> Iterator[str]:
    if row is None:
        yield f"is not listed in {KNOWN_TYPES}: add its row"
    elif row.status == "alias":
        yield f"is an alias in {KNOWN_TYPES}: write {row.replaced_by}"
    elif record.file != row.file:
        yield f"must be in {row.file}.toml, its file in {KNOWN_TYPES}"
    elif record.is_retired != (row.status == "retired"):
        yield f"is {row.status} in {KNOWN_TYPES}: only retired types have `retired` or are in retired.toml"
