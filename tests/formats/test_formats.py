"""Test what every format promises alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.formats.base import TooLarge
from enricher.mapping.model import Mapping
from enricher.settings import DEFAULT_LIMIT, FORMATS, LEAST_LIMIT
from tests import examples
from tests.formats import odd


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("pascal", [False, True])
def test_every_example_renders(name: str, pascal: bool, mapping: Mapping) -> None:
    """Every example in either spelling must render within the smallest limit a topic may have here."""
    for example in examples.names():
        event = examples.event(example)
        detail = examples.to_pascal(event["detail"]) if pascal else event["detail"]
        text = load_format(name)(
            enrich(Finding.from_event({**event, "detail": detail}), mapping), LEAST_LIMIT
        )
        assert len(text.encode("utf-8")) <= LEAST_LIMIT, example


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "guardduty"])
def test_both_spellings_read_alike(name: str, mapping: Mapping) -> None:
    """A finding must read the same whether it came from EventBridge or from the API."""
    event = examples.event("runtime-reverse-shell")
    pascal = {**event, "detail": examples.to_pascal(event["detail"])}
    texts = [
        load_format(name)(enrich(Finding.from_event(one), mapping), DEFAULT_LIMIT) for one in (event, pascal)
    ]
    if name in ("ecs", "ocsf"):  # what carries the original differs in it, and must
        assert len({_without_original(text) for text in texts}) == 1
    else:
        assert texts[0] == texts[1]


def _without_original(text: str) -> str:
    document = json.loads(text)
    document.pop("raw_data", None)
    document.get("event", {}).pop("original", None)
    return json.dumps(document)


@settings(max_examples=150)
@given(event=odd.events(), limit=st.sampled_from([700, 3_000, 9_000, DEFAULT_LIMIT]))
def test_any_event_renders_or_is_refused(event: dict[str, Any], limit: int, mapping: Mapping) -> None:
    """Whatever a finding holds, a format must stay within the limit, or say that the finding is too large."""
    enriched = enrich(Finding.from_event(event), mapping)
    for name in FORMATS:
        try:
            text = load_format(name)(enriched, limit)
        except TooLarge:
            assert limit != DEFAULT_LIMIT, name
            continue
        assert len(text.encode("utf-8")) <= limit, name
        assert name == "text" or isinstance(json.loads(text), dict)


@pytest.mark.parametrize("name", FORMATS)
def test_300_kb_of_signals_arrive(name: str, mapping: Mapping) -> None:
    """An attack sequence of 300 kB must arrive below 256 KiB in every format."""
    event = examples.event("attack-sequence-compromised-credentials")
    signals = event["detail"]["service"]["detection"]["sequence"]["signals"]
    signals += [{"uid": f"s{place}", "description": "x" * 1_000} for place in range(300)]
    text = load_format(name)(enrich(Finding.from_event(event), mapping), DEFAULT_LIMIT)
    assert len(text.encode("utf-8")) <= DEFAULT_LIMIT


@pytest.mark.parametrize("name", FORMATS)
def test_swollen_fields_do_not_dead_letter(name: str, mapping: Mapping) -> None:
    """Attacker-chosen names of megabytes must cost their own tail, not the finding."""
    event = examples.event("runtime-reverse-shell", title="é" * 500_000, description="\u3042" * 500_000)
    event["detail"]["service"]["runtimeDetails"]["process"].update(
        name="x" * 500_000, executablePath="/" * 500_000
    )
    event["detail"]["resource"]["containerDetails"]["image"] = "y" * 500_000
    if name == "guardduty":
        event["detail"]["title"] = "short"
    text = load_format(name)(enrich(Finding.from_event(event), mapping), LEAST_LIMIT)
    assert len(text.encode("utf-8")) <= LEAST_LIMIT
