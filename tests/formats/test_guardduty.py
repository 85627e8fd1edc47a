"""Test the enriched event's rendering and its size rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.guardduty import render
from enricher.formats.json_text import dump_json, utf8_size
from enricher.formats.slimming import SLIMMING_ORDER
from enricher.mapping.model import Mapping
from tests import examples

SEQUENCE = "attack-sequence-compromised-credentials"


def swollen(mapping: Mapping, signals: int, filler: str = "x" * 1000) -> EnrichedFinding:
    """Enrich an attack sequence with `signals` more signals of about a kilobyte each."""
    event = examples.event(SEQUENCE)
    sequence = event["detail"]["service"]["detection"]["sequence"]
    sequence["signals"] += [{"uid": f"s{place}", "description": filler} for place in range(signals)]
    return enrich(Finding.from_event(event), mapping)


def test_whole_event_fits(mapping: Mapping) -> None:
    """An event of exactly the limit must be sent whole, without the key that says what is missing."""
    enriched = swollen(mapping, 0)
    whole = utf8_size(dump_json(enriched.as_event()))
    assert "slimmed" not in json.loads(render(enriched, whole))


def test_one_byte_over_is_slimmed(mapping: Mapping) -> None:
    """An event one byte above the limit must lose the least-needed part, and say so."""
    enriched = swollen(mapping, 0)
    whole = utf8_size(dump_json(enriched.as_event()))
    out = json.loads(render(enriched, whole - 1))
    assert {"bytes": whole, "removed": ["detail.service.detection.sequence.signals"]} == out["slimmed"]


def test_300_kb_of_signals_arrive_as_valid_json(mapping: Mapping) -> None:
    """300 kB of signals must become valid JSON under 256 KiB with `attack` and `alert` whole."""
    enriched = swollen(mapping, 300)
    text = render(enriched, 262_144)
    out = json.loads(text)
    assert len(text.encode("utf-8")) <= 262_144
    assert (enriched.attack, enriched.alert) == (out["attack"], out["alert"])


@given(limit=st.integers(2_000, 60_000), filler=st.sampled_from(["x", "é", "日本", "🦆", "\ud800", "\x00"]))
def test_never_above_the_limit(mapping: Mapping, limit: int, filler: str) -> None:
    """For any limit the body must be valid JSON within it, counted in UTF-8 bytes, or TooLarge be raised."""
    enriched = swollen(mapping, 8, filler * 700)
    try:
        text = render(enriched, limit)
    except TooLarge:
        return
    assert len(text.encode("utf-8")) <= limit
    assert enriched.attack == json.loads(text)["attack"]


def test_identity_is_never_given_up(mapping: Mapping) -> None:
    """However tight the limit, what identifies the finding must stay, or it is refused."""
    enriched = swollen(mapping, 0)
    attack_and_alert = utf8_size(dump_json({"attack": enriched.attack, "alert": enriched.alert}))
    out = json.loads(render(enriched, attack_and_alert + 1_800))
    expected = {"schemaVersion", "accountId", "region", "partition", "id", "arn", "type", "severity"}
    assert expected <= out["detail"].keys()
    with pytest.raises(TooLarge):
        render(enriched, attack_and_alert)


def test_removed_parts_are_named_once(mapping: Mapping) -> None:
    """When a whole block goes, the parts of it that went before must not be named beside it."""
    enriched = swollen(mapping, 0)
    attack_and_alert = utf8_size(dump_json({"attack": enriched.attack, "alert": enriched.alert}))
    removed = json.loads(render(enriched, attack_and_alert + 1_800))["slimmed"]["removed"]
    assert not [path for path in removed if any(path.startswith(f"{other}.") for other in removed)]


def test_pascal_finding_is_slimmed_too(mapping: Mapping) -> None:
    """A finding in the API's spelling must be slimmed by the same order."""
    event = examples.event(SEQUENCE)
    detail = examples.to_pascal(event["detail"])
    enriched = enrich(Finding.from_detail(detail), mapping)
    whole = utf8_size(dump_json(enriched.as_event()))
    out = json.loads(render(enriched, whole - 1))
    assert ["detail.service.detection.sequence.signals"] == out["slimmed"]["removed"]
    assert "Signals" not in out["detail"]["Service"]["Detection"]["Sequence"]


def test_unknown_large_part_is_given_up_last(mapping: Mapping) -> None:
    """A part that no one foresaw must be left out as well when it alone is too large."""
    enriched = enrich(Finding.from_event(examples.event("ec2-portscan", novelty="x" * 300_000)), mapping)
    assert "detail.novelty" in json.loads(render(enriched, 262_144))["slimmed"]["removed"]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_json_cannot_carry_are_refused(value: float) -> None:
    """Infinity and NaN must raise, not become text that no parser reads."""
    with pytest.raises(ValueError, match="JSON cannot carry"):
        dump_json({"a": value})


@pytest.mark.parametrize("text", ["\ud800", "\ufffe", "\uffff"])
def test_characters_a_queue_refuses_are_escaped(text: str) -> None:
    """What SQS refuses must travel escaped and come out the same."""
    written = dump_json({"a": text})
    assert written.isascii()
    assert {"a": text} == json.loads(written)


def test_too_deep_nesting_is_a_value_error() -> None:
    """A value nested beyond what can be written must raise ValueError, which costs one record only."""
    value: Any = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        dump_json(value)


def test_slimming_order_names_outer_blocks_after_inner_ones() -> None:
    """A block must never stand before a part of it, or naming the part would be dead."""
    order = list(SLIMMING_ORDER)
    early = [
        (outer, inner)
        for place, outer in enumerate(order)
        for inner in order[place + 1 :]
        if inner.startswith(f"{outer}.")
    ]
    assert [] == early
