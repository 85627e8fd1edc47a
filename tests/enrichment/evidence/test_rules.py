"""Test what the bundled rules give together; `validate` runs each rule on its examples and calls."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.rule_docs import calls_by_rule, rules_of
from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.finding_type import meaning_of
from enricher.enrichment.ranking import DENIED_CALL, FAILED_CALL
from enricher.enrichment.rules import Rule
from enricher.enrichment.tag import Entry
from enricher.mapping.model import CONFIDENCES, AttackMapping
from enricher.mapping.type_name import parse_type
from tests.bundled import bundled_mapping
from tests.enrichment.evidence.findings import at_place

CALL = "service.action.awsApiCallAction"


RULES = list(rules_of(bundled_mapping()))
CALLS = calls_by_rule(bundled_mapping())
ITEMS = [
    item
    for path in sorted((ROOT / "evidence").glob("*.toml"))
    for item in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
    if "when" in item
]
CALL_RULES = [rule for rule in RULES if rule.id in CALLS]


def by_id(rule: Rule) -> str:
    """Return the rule's ID as the test ID."""
    return rule.id


def evidence_of(finding_type: str, fields: dict[str, Any], mapping: AttackMapping) -> tuple[Entry, ...]:
    """Return the evidence entries of a finding with the given type and fields."""
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)


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


@pytest.mark.parametrize(
    ("error", "note"),
    [
        ("AccessDenied", DENIED_CALL),
        ("Client.UnauthorizedOperation", DENIED_CALL),
        ("NoSuchBucket", FAILED_CALL),
        ("Throttling", FAILED_CALL),
    ],
)
def test_only_a_refused_call_is_called_denied(error: str, note: str, mapping: AttackMapping) -> None:
    """A call that failed for another reason than a refusal must not be reported as denied."""
    fields = {f"{CALL}.api": "StopLogging", f"{CALL}.serviceName": "cloudtrail.amazonaws.com"}
    entry = evidence_of("Odd:Thing/Made", {**fields, f"{CALL}.errorCode": error}, mapping)[0]
    assert entry.rationale.startswith(note)


def test_nine_in_ten_anomalous_calls_have_a_technique(mapping: AttackMapping) -> None:
    """At least 90 % of the calls in AnomalousBehavior findings must have a technique."""
    mapped = total = 0
    for finding_type, record in mapping.records.items():
        name = parse_type(finding_type)
        if name.resource != "IAMUser" or name.family != "AnomalousBehavior":
            continue
        meaning = meaning_of(finding_type, record, mapping)
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


def test_evidence_paths_can_be_read(mapping: AttackMapping) -> None:
    """In every example each evidence path must have the value listed with it."""
    for example in (example for item in ITEMS for example in item["example"]):
        finding = finding_of(example["type"], example["fields"])
        for entry in find_evidence(finding, mapping.record_for(finding.type), mapping):
            for shown in entry.evidence:
                assert shown.value == at_place(finding.view, shown.field)
