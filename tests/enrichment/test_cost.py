"""Guards of the cost of a finding that need no clock: path reads, and records visited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from enricher.enrichment.enrich import enrich
from enricher.enrichment.rules import Rule
from enricher.finding import fields
from enricher.finding.event import Finding
from enricher.mapping.model import Record
from tests.bundled import bundled_mapping
from tests.examples import names, text_of

#: Path reads of one finding, the mean of the example events, with little room above what they are.
MAX_PATH_READS = 34
MAPPING = bundled_mapping()


class CountingRecords(dict[str, Record]):
    """Records that count how many of them were visited."""

    visited = 0

    def __getitem__(self, key: str) -> Record:
        self.visited += 1
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.visited += 1
            yield key

    def items(self) -> Any:
        """Yield every item, counted."""
        return ((key, self[key]) for key in self)


class CountingSteps(fields._Steps):
    """Steps of paths that count how many paths were read."""

    reads = 0

    def __getitem__(self, path: str) -> tuple[str, ...]:
        self.reads += 1
        return super().__getitem__(path)


def test_path_reads_of_a_finding_are_within_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enriching a finding must not read the blocks that it does not have."""
    findings = [Finding.from_json(text_of(name)) for name in names()]
    steps = CountingSteps()
    monkeypatch.setattr(fields, "_STEPS", steps)
    for finding in findings:
        enrich(finding, MAPPING)
    mean = steps.reads / len(findings)
    assert 0 < mean <= MAX_PATH_READS, f"{mean:.0f} path reads a finding"


def test_rules_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding must decode few of the rules, and a second one of the same kind none of them again."""
    mapping, decoded, of = replace(MAPPING), [], Rule.of

    def counted(row: list[Any]) -> Rule:
        decoded.append(row[0])
        return of(row)

    monkeypatch.setattr(Rule, "of", counted)
    for _ in range(2):
        enrich(Finding.from_json(text_of("iam-cloudtrail-logging-disabled")), mapping)
        assert 0 < len(decoded) < 20
    assert len(set(decoded)) == len(decoded)


def test_parts_that_the_headline_does_not_state_are_not_read() -> None:
    """The context of an AWS API call must not be searched for containers, parent process and threats."""
    enriched = enrich(Finding.from_json(text_of("iam-cloudtrail-logging-disabled")), MAPPING)
    read = vars(enriched.context).keys()
    assert "call" in read
    assert read.isdisjoint({"containers", "parent", "threats", "logins", "blocked", "facts"})


def test_unknown_type_is_not_searched_for_in_all_records() -> None:
    """A type without a record, with or without a counterpart, must visit few records, however many exist."""
    records = CountingRecords(MAPPING.records)
    mapping = replace(MAPPING, records=records)
    for unknown in ("Recon:Unheard/Portscan", "Impact:Unheard/NeverSeen.Of", "no type at all"):
        records.visited = 0
        enrich(Finding.from_detail({"type": unknown}), mapping)
        assert records.visited <= 5, unknown


def test_other_spelling_of_a_type_is_found_by_index() -> None:
    """A type in another case must get its record without a search."""
    records = CountingRecords(MAPPING.records)
    mapping = replace(MAPPING, records=records)
    records.visited = 0
    assert mapping.record_for("recon:ec2/portscan") is MAPPING.records["Recon:EC2/Portscan"]
    assert records.visited == 1
