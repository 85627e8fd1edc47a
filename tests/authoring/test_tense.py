"""Test that no text which may stand under a denied call claims that the call had an effect."""

from __future__ import annotations

import csv
import re
import tomllib
from typing import Any

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.rule_examples import put
from enricher.authoring.tense import CALL_SOURCES, claims_of, reads_a_call
from enricher.enrichment.enrich import enrich
from enricher.enrichment.ranking import DENIED_CALL
from enricher.finding.event import Finding
from enricher.formats.text import render
from enricher.mapping.model import AttackMapping

CALL = "service.action.awsApiCallAction"
CLUSTER = "service.action.kubernetesApiCallAction"
RULES = [
    item
    for path in sorted((ROOT / "evidence").glob("*.toml"))
    for item in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
    if reads_a_call(item)
]
with (ROOT / "finding-types.csv").open(encoding="utf-8", newline="") as _rows:
    TYPES = [row["type"] for row in csv.DictReader(_rows) if row["data_source"].startswith(CALL_SOURCES)]


@pytest.mark.parametrize(
    "text",
    [
        "Objects were deleted.",
        "The key was used.",
        "An identity made calls that it does not make.",
        "A caller requested secrets of the cluster.",
        "Requests listed the buckets.",
        "The call deleted it.",
        "The role has been changed.",
        "A principal that had never done so.",
        "Access came from outside.",
        "Anyone may now read the bucket.",
        "The credentials are stolen.",
    ],
)
def test_claim_is_reported(text: str) -> None:
    """A past or perfect tense, "now" and a compromise that is not known must be reported."""
    assert list(claims_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "Objects are deleted.",
        "A call associated with it, listed in the finding, is made with credentials of another role.",
        "The key has permissions that the attached policies need.",
        "An identity reads the stored secrets, which are encrypted.",
        "If nobody explains it, the key is stolen.",
    ],
)
def test_present_tense_is_accepted(text: str) -> None:
    """The present tense, participles and a hedged explanation must be accepted."""
    assert [] == list(claims_of(text))


@pytest.mark.parametrize("item", RULES, ids=lambda item: item["id"])
def test_rule_on_calls_claims_nothing(item: dict[str, Any]) -> None:
    """Every sentence of a rule that reads a call must be true of a call that was denied."""
    assert [] == list(claims_of(item["rationale"]))


@pytest.mark.parametrize("finding_type", [name for name in TYPES if name])
def test_record_on_calls_claims_nothing(finding_type: str, mapping: AttackMapping) -> None:
    """Every sentence of a record of a type that reports calls must be true of a call that was denied."""
    record = mapping.record_for(finding_type)
    assert record is not None
    assert [] == list(claims_of(record.rationale))


def _denied(item: dict[str, Any]) -> Finding:
    """Return a finding with the rule's first call, or its first example, denied."""
    if "calls" in item:
        finding_type = "Impact:IAMUser/AnomalousBehavior"
        fields = {f"{CALL}.api": item["calls"][0], f"{CALL}.serviceName": item["services"][0]}
    elif "verbs" in item:
        finding_type = "Odd:Thing/Made"
        fields = {f"{CALL}.api": f"{item['verbs'][0]}{item.get('nouns', ['Thing'])[0]}"}
    else:
        finding_type, fields = item["example"][0]["type"], item["example"][0]["fields"]
    detail: dict[str, Any] = {"type": finding_type, "accountId": "111122223333", "region": "eu-west-1"}
    for path, value in fields.items():
        put(detail, path, value)
    if any(path.startswith(CLUSTER) for path in fields):
        put(detail, f"{CLUSTER}.statusCode", 403)
        put(detail, f"{CLUSTER}.verb", fields.get(f"{CLUSTER}.verb", "create"))
    else:
        put(detail, f"{CALL}.api", fields.get(f"{CALL}.api", "GetObject"))
        put(detail, f"{CALL}.errorCode", "AccessDenied")
    return Finding.from_detail(detail)


@pytest.mark.parametrize("item", RULES, ids=lambda item: item["id"])
def test_alert_on_a_denied_call_claims_nothing(item: dict[str, Any], mapping: AttackMapping) -> None:
    """The e-mail on a denied call must say that it was denied, and its reasons must claim no effect."""
    enriched = enrich(_denied(item), mapping)
    text = render(enriched, 262_144)
    assert "Denied (" in text
    assert "nothing changed." in text
    assert re.search(r" was denied | failed to log in to ", text)
    why = text.partition("\nWHY ")[2].partition("\n\n")[0]
    reasons = [row["rationale"].removeprefix(DENIED_CALL) for row in enriched.attack["techniques"]]
    assert [] == [claim for reason in (*reasons, why) for claim in claims_of(reason)]
