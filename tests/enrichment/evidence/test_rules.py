"""Test every rule of mapping/evidence individually; the ID of each test is the rule's ID."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.loader import ROOT, read_mapping
from enricher.authoring.rule_docs import calls_by_rule, rules_of, words_by_rule
from enricher.enrichment.evidence import DENIED_CALL, Rule, find_evidence, in_scope
from enricher.enrichment.finding_type import TypeMeaning
from enricher.enrichment.tag import Entry
from enricher.mapping.model import CONFIDENCES, AttackMapping
from enricher.mapping.type_name import parse_type
from tests.enrichment.evidence.findings import at_place, finding_of

EXAMPLES = {
    row["rule"]: row
    for row in json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
}
CALL = "service.action.awsApiCallAction"


@cache
def bundled() -> AttackMapping:
    """Return the mapping, read once when tests are collected."""
    return read_mapping()


RULES = list(rules_of(bundled()))
CALLS = calls_by_rule(bundled())
WORDS = words_by_rule(bundled())
FIELD_RULES = [rule for rule in RULES if rule.id not in CALLS and rule.id not in WORDS]
CALL_RULES = [rule for rule in RULES if rule.id in CALLS]
WITH_SCOPE = [rule for rule in FIELD_RULES if rule.scope]


def by_id(rule: Rule) -> str:
    """Return the rule's ID as the test ID."""
    return rule.id


def evidence_of(finding_type: str, fields: dict[str, Any], mapping: AttackMapping) -> tuple[Entry, ...]:
    """Return the evidence entries of a finding with the given type and fields."""
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)


def test_every_field_rule_has_an_example() -> None:
    """Each field rule must have exactly one example, and each example a rule."""
    assert sorted(rule.id for rule in FIELD_RULES) == sorted(EXAMPLES)


@pytest.mark.parametrize("rule", FIELD_RULES, ids=by_id)
def test_example_has_the_technique(rule: Rule, mapping: AttackMapping) -> None:
    """A finding with the rule's fields must have the example's technique, with the fields as evidence."""
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


@pytest.mark.parametrize("rule", FIELD_RULES, ids=by_id)
def test_rule_does_not_match_other_values(rule: Rule, mapping: AttackMapping) -> None:
    """The rule must not match the same finding with another value in every field."""
    example = EXAMPLES[rule.id]
    other_values = {
        path: "-" if isinstance(value, str) else None for path, value in example["fields"].items()
    }
    if any(condition[1] == "present" for condition in rule.conditions):
        other_values = dict.fromkeys(example["fields"])
    rationales = [entry.rationale for entry in evidence_of(example["type"], other_values, mapping)]
    assert rule.rationale not in rationales


@pytest.mark.parametrize("rule", WITH_SCOPE, ids=by_id)
def test_rule_does_not_match_outside_its_scope(rule: Rule, mapping: AttackMapping) -> None:
    """A rule with a scope must not match the same fields in a finding of another type."""
    other = "Behavior:Elsewhere/SomethingElse"
    assert not in_scope(rule.scope, parse_type(other))
    rationales = [entry.rationale for entry in evidence_of(other, EXAMPLES[rule.id]["fields"], mapping)]
    assert rule.rationale not in rationales


@pytest.mark.parametrize("rule", CALL_RULES, ids=by_id)
def test_call_has_the_technique(rule: Rule, mapping: AttackMapping) -> None:
    """Each call of the rule, in a finding of an unknown type, must have the most common reading."""
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


@pytest.mark.parametrize("rule", CALL_RULES, ids=by_id)
def test_failed_call_is_an_attempt(rule: Rule, mapping: AttackMapping) -> None:
    """A failed call must have confidence one level lower, say so, and list the error."""
    service, calls = next(iter(CALLS[rule.id].items()))
    fields = {f"{CALL}.api": calls[0], f"{CALL}.serviceName": service, f"{CALL}.errorCode": "AccessDenied"}
    entry = evidence_of("Odd:Thing/Made", fields, mapping)[0]
    normal = CONFIDENCES.index(rule.readings[0][2])
    assert CONFIDENCES[min(normal + 1, 2)] == entry.confidence
    assert entry.rationale.startswith(DENIED_CALL)
    assert "AccessDenied" == {shown.field: shown.value for shown in entry.evidence}[f"{CALL}.errorCode"]


def test_nine_in_ten_anomalous_calls_have_a_technique(mapping: AttackMapping) -> None:
    """At least 90 % of the calls in AnomalousBehavior findings must have a technique."""
    mapped = total = 0
    for finding_type, record in mapping.records.items():
        name = parse_type(finding_type)
        if name.resource != "IAMUser" or name.family != "AnomalousBehavior":
            continue
        meaning = TypeMeaning.of(finding_type, record, mapping.evidence)
        for services in CALLS.values():
            for service, calls in services.items():
                for call in calls:
                    fields = {f"{CALL}.api": call, f"{CALL}.serviceName": service}
                    entries = evidence_of(finding_type, fields, mapping)
                    total += 1
                    mapped += bool(entries and entries[0].pair.technique)
        assert meaning.purpose_tactics
    assert total > 1000
    assert mapped / total >= 0.9


@pytest.mark.parametrize("path", sorted((ROOT / "evidence").glob("*.toml")), ids=lambda path: path.stem)
def test_rule_ids_are_unique_in_a_file(path: Path) -> None:
    """The rules of a file must have unique IDs."""
    ids = [rule.id for rule in RULES if rule.file == path.stem]
    assert len(set(ids)) == len(ids)


def test_evidence_paths_can_be_read(mapping: AttackMapping) -> None:
    """In every example each evidence path must have the value listed with it."""
    for example in EXAMPLES.values():
        finding = finding_of(example["type"], example["fields"])
        for entry in find_evidence(finding, mapping.record_for(finding.type), mapping):
            for shown in entry.evidence:
                assert shown.value == at_place(finding.view, shown.field)
