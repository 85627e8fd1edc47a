"""Test the properties that all formats share."""

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
from enricher.mapping.model import AttackMapping
from enricher.settings import DEFAULT_LIMIT, FORMATS, LEAST_LIMIT
from tests import examples
from tests.formats import malformed_events


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("pascal", [False, True])
def test_every_example_renders(name: str, pascal: bool, mapping: AttackMapping) -> None:
    """Every example, in camelCase or PascalCase, must render within the smallest configurable limit."""
    for example in examples.names():
        event = examples.event(example)
        detail = examples.to_pascal(event["detail"]) if pascal else event["detail"]
        text = load_format(name)(
            enrich(Finding.from_event({**event, "detail": detail}), mapping), LEAST_LIMIT
        )
        assert len(text.encode("utf-8")) <= LEAST_LIMIT, example


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("guardduty", "finding")])
def test_camel_and_pascal_case_render_the_same(name: str, mapping: AttackMapping) -> None:
    """A finding must render the same whether it came from EventBridge or from the API."""
    event = examples.event("runtime-reverse-shell")
    pascal = {**event, "detail": examples.to_pascal(event["detail"])}
    texts = [
        load_format(name)(enrich(Finding.from_event(one), mapping), DEFAULT_LIMIT) for one in (event, pascal)
    ]
    if name in ("ecs", "ocsf"):  # these include the original finding, which differs
        assert len({_without_original(text) for text in texts}) == 1
    else:
        assert texts[0] == texts[1]


def _without_original(text: str) -> str:
    document = json.loads(text)
    document.pop("raw_data", None)
    document.get("event", {}).pop("original", None)
    return json.dumps(document)


@settings(max_examples=150)
@given(event=malformed_events.events(), limit=st.sampled_from([700, 3_000, 9_000, DEFAULT_LIMIT]))
def test_any_event_renders_or_is_too_large(event: dict[str, Any], limit: int, mapping: AttackMapping) -> None:
    """For any finding a format must stay within the limit or raise TooLarge."""
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
def test_300_kb_of_signals_fit_the_default_limit(name: str, mapping: AttackMapping) -> None:
    """An attack sequence of 300 kB must render within 256 KiB in every format."""
    event = examples.event("attack-sequence-compromised-credentials")
    signals = event["detail"]["service"]["detection"]["sequence"]["signals"]
    signals += [{"uid": f"s{place}", "description": "x" * 1_000} for place in range(300)]
    text = load_format(name)(enrich(Finding.from_event(event), mapping), DEFAULT_LIMIT)
    assert len(text.encode("utf-8")) <= DEFAULT_LIMIT


@pytest.mark.parametrize("name", FORMATS)
def test_oversized_fields_are_truncated(name: str, mapping: AttackMapping) -> None:
    """Attacker-controlled values of a megabyte must be truncated; the finding must still be rendered."""
    event = examples.event("runtime-reverse-shell", title="é" * 500_000, description="\u3042" * 500_000)
    event["detail"]["service"]["runtimeDetails"]["process"].update(
        name="x" * 500_000, executablePath="/" * 500_000
    )
    event["detail"]["resource"]["containerDetails"]["image"] = "y" * 500_000
    if name in ("guardduty", "finding"):
        event["detail"]["title"] = "short"
    text = load_format(name)(enrich(Finding.from_event(event), mapping), LEAST_LIMIT)
    assert len(text.encode("utf-8")) <= LEAST_LIMIT
