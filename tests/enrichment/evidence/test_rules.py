"""Test every rule of mapping/evidence, one by one; the test's id is the rule's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.loader import ROOT, read_mapping
from enricher.authoring.rule_docs import calls_by_rule, rules_of
from enricher.enrichment.evidence import REFUSED, Rule, find_evidence, in_scope
from enricher.enrichment.finding_type import Meaning, parse_type
from enricher.enrichment.tag import Entry
from enricher.mapping.model import CONFIDENCES, Mapping
from tests.enrichment.evidence.findings import at_place, finding_of

EXAMPLES = {
    row["rule"]: row
    for row in json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
}
CALL = "service.action.awsApiCallAction"


@cache
def bundled() -> Mapping:
    """Give the bundled mapping while tests are collected."""
    return read_mapping()


RULES = list(rules_of(bundled()))
CALLS = calls_by_rule(bundled())
OF_FIELDS = [rule for rule in RULES if rule.id not in CALLS]
OF_CALLS = [rule for rule in RULES if rule.id in CALLS]
LIMITED = [rule for rule in OF_FIELDS if rule.scope]


def by_id(rule: Rule) -> str:
    """Name a test after its rule."""
    return rule.id


def evidence_of(finding_type: str, fields: dict[str, Any], mapping: Mapping) -> tuple[Entry, ...]:
    """Give the evidence of a finding made of a type and fields."""
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)


def test_every_rule_of_fields_has_an_example() -> None:
    """Each rule of fields must have exactly one example, and each example a rule."""
    assert sorted(rule.id for rule in OF_FIELDS) == sorted(EXAMPLES)


@pytest.mark.parametrize("rule", OF_FIELDS, ids=by_id)
def test_example_shows_the_technique(rule: Rule, mapping: Mapping) -> None:
    """A finding with the rule's fields must give the example's technique, with the fields as evidence."""
    example = EXAMPLES[rule.id]
    tactic, technique, confidence = example["gives"]
    found = {
        (entry.pair.tactic, entry.pair.technique): entry
        for entry in evidence_of(example["type"], example["fields"], mapping)
    }
    assert confidence == found[tactic, technique].confidence
    named = {shown.field: shown.value for shown in found[tactic, technique].evidence}
    assert example["fields"].items() >= named.items()
    assert named


@pytest.mark.parametrize("rule", OF_FIELDS, ids=by_id)
def test_without_its_fields_a_rule_is_silent(rule: Rule, mapping: Mapping) -> None:
    """The same finding with another value in every field must not be read by the rule."""
    example = EXAMPLES[rule.id]
    harmless = {path: "-" if isinstance(value, str) else None for path, value in example["fields"].items()}
    if any(condition[1] == "present" for condition in rule.conditions):
        harmless = dict.fromkeys(example["fields"])
    rationales = [entry.rationale for entry in evidence_of(example["type"], harmless, mapping)]
    assert rule.rationale not in rationales


@pytest.mark.parametrize("rule", LIMITED, ids=by_id)
def test_outside_its_limits_a_rule_is_silent(rule: Rule, mapping: Mapping) -> None:
    """A rule that is limited to some types must not read the same fields in a finding of another."""
    other = "Behavior:Elsewhere/SomethingElse"
    assert not in_scope(rule.scope, parse_type(other))
    rationales = [entry.rationale for entry in evidence_of(other, EXAMPLES[rule.id]["fields"], mapping)]
    assert rule.rationale not in rationales


@pytest.mark.parametrize("rule", OF_CALLS, ids=by_id)
def test_call_shows_the_technique(rule: Rule, mapping: Mapping) -> None:
    """Each call of the rule, in a finding whose type means nothing else, must give its usual reading."""
    tactic, technique, confidence = rule.readings[0][:3]
    for service, calls in CALLS[rule.id].items():
        for call in calls:
            fields = {f"{CALL}.api": call, f"{CALL}.serviceName": service}
            entry = evidence_of("Odd:Thing/Made", fields, mapping)[0]
            assert (tactic, technique, confidence) == (
                entry.pair.tactic,
                entry.pair.technique,
                entry.confidence,
            )
            assert fields == {shown.field: shown.value for shown in entry.evidence}


@pytest.mark.parametrize("rule", OF_CALLS, ids=by_id)
def test_refused_call_is_an_attempt(rule: Rule, mapping: Mapping) -> None:
    """A refused call must lower the confidence by one step, say so, and name the error."""
    service, calls = next(iter(CALLS[rule.id].items()))
    fields = {f"{CALL}.api": calls[0], f"{CALL}.serviceName": service, f"{CALL}.errorCode": "AccessDenied"}
    entry = evidence_of("Odd:Thing/Made", fields, mapping)[0]
    usual = CONFIDENCES.index(rule.readings[0][2])
    assert CONFIDENCES[min(usual + 1, 2)] == entry.confidence
    assert entry.rationale.startswith(REFUSED)
    assert "AccessDenied" == {shown.field: shown.value for shown in entry.evidence}[f"{CALL}.errorCode"]


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_readings_belong_to_both_releases(rule: Rule, mapping: Mapping) -> None:
    """Each reading must be a pair of the pinned release and have one in the former release."""
    catalogue = mapping.catalogue
    for tactic, technique, _, *stated in rule.readings:
        former, former_tactic = [*stated, None, None][:2]
        assert catalogue.belongs(tactic, technique)
        before = catalogue.former_technique(technique, former)
        assert before is not None
        assert catalogue.former_tactic(tactic, before, former_tactic) is not None


def test_anomalous_calls_show_a_technique_nine_times_in_ten(mapping: Mapping) -> None:
    """Nine of ten calls in AnomalousBehavior findings must show a technique of an aim the purpose names."""
    fitting = total = 0
    for finding_type, record in mapping.records.items():
        name = parse_type(finding_type)
        if name.resource != "IAMUser" or name.family != "AnomalousBehavior":
            continue
        meaning = Meaning.of(name.purpose, record, mapping.evidence)
        for services in CALLS.values():
            for service, calls in services.items():
                for call in calls:
                    fields = {f"{CALL}.api": call, f"{CALL}.serviceName": service}
                    entries = evidence_of(finding_type, fields, mapping)
                    total += 1
                    fitting += bool(entries and entries[0].pair.technique)
        assert meaning.aim
    assert total > 1000
    assert fitting / total >= 0.9


@pytest.mark.parametrize("path", sorted((ROOT / "evidence").glob("*.toml")), ids=lambda path: path.stem)
def test_files_name_no_two_rules_alike(path: Path) -> None:
    """The rules of a file must have ids of their own."""
    ids = [rule.id for rule in RULES if rule.file == path.stem]
    assert len(set(ids)) == len(ids)


def test_evidence_places_can_be_read(mapping: Mapping) -> None:
    """Each place named as evidence must lead to the value named, in every example."""
    for example in EXAMPLES.values():
        finding = finding_of(example["type"], example["fields"])
        for entry in find_evidence(finding, mapping.record_for(finding.type), mapping):
            for shown in entry.evidence:
                assert shown.value == at_place(finding.view, shown.field)
