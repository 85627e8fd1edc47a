"""Tests of every record of the mapping; the test id is the finding type."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from enricher.attack.catalog import parent_id
from enricher.authoring.authored_records import read_all_records
from enricher.authoring.known_types import read_known_types
from enricher.authoring.loader import ROOT, read_catalogue
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import CONFIDENCES, AttackMapping, Record
from enricher.mapping.problems import Problem

DATA = Path(__file__).parents[1] / "data"
CATALOGUE = read_catalogue()
PROBLEMS: list[Problem] = []
RECORDS = {key: item.record for key, item in read_all_records(ROOT, CATALOGUE, PROBLEMS).items()}
KNOWN = {row.type: row for row in read_known_types(ROOT)}
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


def test_shared_type_lists_its_custom_detection_rules() -> None:
    """A type that several of AWS's rules share must say for each one, by name, what is benign."""
    rules = Counter(row["finding_type"] for row in AWS_RULES)
    shared = {key: RECORDS[key] for key, count in rules.items() if count > 1}
    stated = {(key, rule.name) for key, record in RECORDS.items() for rule in record.rules}
    assert stated == {
        (row["finding_type"], row["rule"]) for row in AWS_RULES if row["finding_type"] in shared
    }
    assert all(rule.benign for record in shared.values() for rule in record.rules)


@each_record
def test_benign_is_short(record: Record) -> None:
    """What makes a finding benign must be short enough for an e-mail of 110 words."""
    texts = (record.benign, record.benign_target, *(rule.benign for rule in record.rules))
    assert [] == [text for text in texts if len(text.split()) > 16]


def test_every_custom_detection_rule_type_has_a_rule() -> None:
    """The types of the file of custom detection rules must be exactly those of AWS's rules."""
    types = {key for key, record in RECORDS.items() if record.file == "custom-detection-rules"}
    assert types == {row["finding_type"] for row in AWS_RULES}


def test_entries_per_type_stay_few() -> None:
    """A type must have at most 2.2 entries on average: a list that names everything says nothing."""
    assert sum(len(record.pairs) for record in RECORDS.values()) / len(RECORDS) <= 2.2


@each_record
def test_second_entry_is_not_surer_than_the_first(record: Record) -> None:
    """The primary entry must be the surest of its record, unless it keeps the choice of 2020 or of AWS."""
    ranks = [CONFIDENCES.index(confidence) for _, confidence in record.rated_pairs]
    assert ranks[:1] == sorted(ranks)[:1]


@pytest.mark.parametrize(
    "finding_type",
    [key for key in RECORDS if re.search(r"(^Execution:|^Object:).*/(Malicious|Suspicious)File", key)],
)
def test_file_that_somebody_may_open_is_user_execution(finding_type: str) -> None:
    """A malicious or suspicious file must carry User Execution, of a file or of an image."""
    assert "T1204" in {parent_id(pair.technique or "") for pair in RECORDS[finding_type].pairs}


@pytest.mark.parametrize("finding_type", [key for key in RECORDS if key.endswith("/TorRelay")])
def test_tor_relay_is_also_a_multi_hop_proxy(finding_type: str) -> None:
    """A Tor relay must be bandwidth hijacking first and a multi-hop proxy second, on every resource."""
    assert [pair.technique for pair in RECORDS[finding_type].pairs] == ["T1496.002", "T1090.003"]


@pytest.mark.parametrize(
    "finding_type", [key for key in RECORDS if key.startswith("Recon:IAMUser/") and "IPCaller" in key]
)
def test_reconnaissance_with_a_valid_key_is_infrastructure_discovery(finding_type: str) -> None:
    """A look round from a listed address must carry Cloud Infrastructure Discovery."""
    assert "T1580" in {pair.technique for pair in RECORDS[finding_type].pairs}


@pytest.mark.parametrize(
    "finding_type",
    [key for key in RECORDS if key.endswith("/MaliciousIPCaller.Custom") and ":Kubernetes/" not in key],
)
def test_own_threat_list_is_low_confidence(finding_type: str) -> None:
    """What only the operator's own list says must be low; in a cluster the call itself is seen besides."""
    assert {confidence for _, confidence in RECORDS[finding_type].rated_pairs} == {"low"}


@pytest.mark.parametrize("row", AWS_RULES, ids=[row["rule"] for row in AWS_RULES])
def test_custom_detection_rule_has_an_evidence_entry(row: dict[str, str], mapping: AttackMapping) -> None:
    """The name of each of AWS's rules in a finding must lead to AWS's tactic and technique."""
    detail = {"type": row["finding_type"], "customDetectionRuleName": row["rule"]}
    first = enrich(Finding.from_detail(detail), mapping).entries[0]
    assert (first.source, first.pair.tactic) == ("evidence", TACTICS[row["tactic"]])
    assert first.pair.technique == row["technique"]
