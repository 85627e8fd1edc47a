"""Test the format `finding`: the bare finding plus `attack` and `alert`."""

from __future__ import annotations

import json

import pytest

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.finding import render
from enricher.mapping.model import AttackMapping
from tests import examples

LIMIT = 262_144


@pytest.mark.parametrize("name", examples.names())
def test_finding_is_at_the_top_level(name: str, mapping: AttackMapping) -> None:
    """The body must be the finding unchanged, plus `attack` and `alert`, without EventBridge's envelope."""
    event = examples.event(name)
    enriched = enrich(Finding.from_event(event), mapping)
    body = json.loads(render(enriched, LIMIT))
    assert {**event["detail"], "attack": enriched.attack, "alert": enriched.alert} == body
    assert "detail" not in body


def test_keys_of_an_api_finding_keep_their_case(mapping: AttackMapping) -> None:
    """A finding in PascalCase must stay in PascalCase."""
    detail = examples.to_pascal(examples.event("ec2-tor-client")["detail"])
    body = json.loads(render(enrich(Finding.from_detail(detail), mapping), LIMIT))
    assert detail.keys() | {"attack", "alert"} == body.keys()


def test_oversized_finding_is_truncated(mapping: AttackMapping) -> None:
    """Above the limit parts of the finding must be removed and listed; attack and alert must stay whole."""
    enriched = enrich(Finding.from_event(examples.event("attack-sequence-compromised-credentials")), mapping)
    whole = render(enriched, LIMIT)
    body = json.loads(render(enriched, len(whole.encode()) - 1))
    assert "signals" not in body["service"]["detection"]["sequence"]
    assert "detail.service.detection.sequence.signals" in body["truncated"]
    assert (enriched.attack, enriched.alert) == (body["attack"], body["alert"])
    with pytest.raises(TooLarge):
        render(enriched, 100)
