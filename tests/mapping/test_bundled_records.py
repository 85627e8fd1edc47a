"""Tests of every record of the mapping; the test id is the finding type."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from enricher.attack.catalog import parent_id
from enricher.authoring.loader import ROOT, read_all_records, read_catalogue, read_known_types
from enricher.mapping.model import Record
from enricher.mapping.problems import Problem

DATA = Path(__file__).parents[1] / "data"
CATALOGUE = read_catalogue()
PROBLEMS: list[Problem] = []
RECORDS = read_all_records(ROOT, CATALOGUE, PROBLEMS)
KNOWN = {row.type: row for row in read_known_types()}
TACTICS = {tactic.name: tactic.id for tactic in CATALOGUE.pinned.tactics.values()}


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


CHOICES_2020 = {row["finding_type"]: row for row in _rows("mapping-2020.csv")}
AWS_RULES = _rows("aws-custom-detection-rules.csv")
each_record = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())


def test_every_record_is_valid() -> None:
    """Every record must be valid: the other tests cover valid records only."""
    assert PROBLEMS == []


@pytest.mark.parametrize("finding_type", KNOWN)
def test_known_type_has_a_record(finding_type: str) -> None:
    """Every type AWS documents or has documented must have a record in its file, or be an alias of one."""
    row = KNOWN[finding_type]
    if row.status == "alias":
        assert KNOWN[row.replaced_by].status == "active"
        assert row.replaced_by in RECORDS
    else:
        assert RECORDS[finding_type].file == row.file
        assert RECORDS[finding_type].is_retired == (row.status == "retired")


@each_record
def test_record_is_of_a_known_type(record: Record) -> None:
    """A record must be of a type in finding-types.csv, under the name AWS uses, not an alias."""
    assert KNOWN[record.type].status in ("active", "retired")


@each_record
def test_rationale_is_one_to_three_sentences_of_its_own(record: Record) -> None:
    """A rationale must be short enough for an on-call analyst, state the reason, and be unique."""
    sentences = re.findall(r"[.!?](?=\s|$)", record.rationale)
    assert 1 <= len(sentences) <= 3
    assert 15 <= len(record.rationale.split()) <= 75
    assert Counter(item.rationale for item in RECORDS.values())[record.rationale] == 1


@pytest.mark.parametrize("finding_type", CHOICES_2020)
def test_choice_of_2020_is_primary(finding_type: str) -> None:
    """The 71 types of 2020 must keep their tactic and technique (or a sub-technique of it) as primary."""
    row, record = CHOICES_2020[finding_type], RECORDS[finding_type]
    primary = record.pairs[0]
    assert record.provenance == "2020"
    assert primary.tactic == row["tactic"]
    assert primary.technique is not None
    assert row["technique"] in (primary.technique, parent_id(primary.technique))


def test_provenance_2020_is_set_on_the_71_records_only() -> None:
    """No other record may have the provenance 2020."""
    claimed = {key for key, record in RECORDS.items() if record.provenance == "2020"}
    assert claimed == CHOICES_2020.keys()
    assert len(claimed) == 71


@pytest.mark.parametrize("row", AWS_RULES, ids=[row["rule"] for row in AWS_RULES])
def test_custom_detection_rule_keeps_the_mapping_of_aws(row: dict[str, str]) -> None:
    """AWS's tactic and technique of each rule must be in the record, and the primary be AWS's."""
    record = RECORDS[row["finding_type"]]
    pairs = [(pair.tactic, pair.technique) for pair in record.pairs]
    siblings = [other for other in AWS_RULES if other["finding_type"] == row["finding_type"]]
    assert record.provenance == "aws"
    assert (TACTICS[row["tactic"]], row["technique"]) in pairs
    assert pairs[0] in [(TACTICS[other["tactic"]], other["technique"]) for other in siblings]


def test_every_custom_detection_rule_type_has_a_rule() -> None:
    """The types of the file of custom detection rules must be exactly those of AWS's rules."""
    types = {key for key, record in RECORDS.items() if record.file == "custom-detection-rules"}
    assert types == {row["finding_type"] for row in AWS_RULES}
