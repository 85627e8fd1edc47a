"""Test rendering and truncating the enriched event."""

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
from enricher.formats.truncation import TRUNCATION_ORDER
from enricher.mapping.model import AttackMapping
from tests import examples

SEQUENCE = "attack-sequence-compromised-credentials"


def oversized(mapping: AttackMapping, signals: int, filler: str = "x" * 1000) -> EnrichedFinding:
    """Enrich an attack sequence with `signals` more signals of about a kilobyte each."""
    event = examples.event(SEQUENCE)
    sequence = event["detail"]["service"]["detection"]["sequence"]
    sequence["signals"] += [{"uid": f"s{place}", "description": filler} for place in range(signals)]
    return enrich(Finding.from_event(event), mapping)


def test_whole_event_fits(mapping: AttackMapping) -> None:
    """An event of exactly the limit must be complete, without the key `truncated`."""
    enriched = oversized(mapping, 0)
    whole = utf8_size(dump_json(enriched.as_event()))
    assert "truncated" not in json.loads(render(enriched, whole))


def test_one_byte_above_the_limit_is_truncated(mapping: AttackMapping) -> None:
    """An event one byte above the limit must lose the least important part and list it in `truncated`."""
    enriched = oversized(mapping, 0)
    whole = utf8_size(dump_json(enriched.as_event()))
    out = json.loads(render(enriched, whole - 1))
    assert "detail.service.detection.sequence.signals" == out["truncated"]


def test_300_kb_of_signals_become_valid_json(mapping: AttackMapping) -> None:
    """300 kB of signals must become valid JSON within 256 KiB with complete `attack` and `alert`."""
    enriched = oversized(mapping, 300)
    text = render(enriched, 262_144)
    out = json.loads(text)
    assert len(text.encode("utf-8")) <= 262_144
    assert (enriched.attack, enriched.alert) == (out["attack"], out["alert"])


@given(limit=st.integers(2_000, 60_000), filler=st.sampled_from(["x", "é", "日本", "🦆", "\ud800", "\x00"]))
def test_never_above_the_limit(mapping: AttackMapping, limit: int, filler: str) -> None:
    """For any limit in UTF-8 bytes the body must be valid JSON within it, or TooLarge must be raised."""
    enriched = oversized(mapping, 8, filler * 700)
    try:
        text = render(enriched, limit)
    except TooLarge:
        return
    assert len(text.encode("utf-8")) <= limit
    assert enriched.attack == json.loads(text)["attack"]


def test_identity_is_never_removed(mapping: AttackMapping) -> None:
    """Fields that identify the finding must be kept at any limit; below their size TooLarge is raised."""
    enriched = oversized(mapping, 0)
    attack_and_alert = utf8_size(dump_json({"attack": enriched.attack, "alert": enriched.alert}))
    out = json.loads(render(enriched, attack_and_alert + 1_800))
    expected = {"schemaVersion", "accountId", "region", "partition", "id", "arn", "type", "severity"}
    assert expected <= out["detail"].keys()
    with pytest.raises(TooLarge):
        render(enriched, attack_and_alert)


def test_removed_parts_are_listed_once(mapping: AttackMapping) -> None:
    """When a whole object is removed, its parts removed earlier must not be listed as well."""
    enriched = oversized(mapping, 0)
    attack_and_alert = utf8_size(dump_json({"attack": enriched.attack, "alert": enriched.alert}))
    removed = json.loads(render(enriched, attack_and_alert + 1_800))["truncated"].split(", ")
    assert not [path for path in removed if any(path.startswith(f"{other}.") for other in removed)]


def test_pascal_case_finding_is_truncated(mapping: AttackMapping) -> None:
    """A finding in PascalCase, as the API returns it, must be truncated in the same order."""
    event = examples.event(SEQUENCE)
    detail = examples.to_pascal(event["detail"])
    enriched = enrich(Finding.from_detail(detail), mapping)
    whole = utf8_size(dump_json(enriched.as_event()))
    out = json.loads(render(enriched, whole - 1))
    assert "detail.service.detection.sequence.signals" == out["truncated"]
    assert "Signals" not in out["detail"]["Service"]["Detection"]["Sequence"]


def test_unknown_large_part_is_removed_last(mapping: AttackMapping) -> None:
    """An unknown part must be removed as well if it alone is too large."""
    enriched = enrich(Finding.from_event(examples.event("ec2-portscan", novelty="x" * 300_000)), mapping)
    removed = json.loads(render(enriched, 262_144))["truncated"].split(", ")
    assert "detail.novelty" == removed[-1]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_infinity_and_nan_are_rejected(value: float) -> None:
    """Infinity and NaN must raise instead of becoming invalid JSON."""
    with pytest.raises(ValueError, match="JSON cannot represent"):
        dump_json({"a": value})


@pytest.mark.parametrize("text", ["\ud800", "\ufffe", "\uffff"])
def test_characters_that_sqs_rejects_are_escaped(text: str) -> None:
    """Characters that SQS rejects must be escaped and decode to the same text."""
    written = dump_json({"a": text})
    assert written.isascii()
    assert {"a": text} == json.loads(written)


def test_deep_nesting_raises_value_error() -> None:
    """A value nested too deeply must raise ValueError, which fails one record only."""
    value: Any = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        dump_json(value)


def test_truncation_order_lists_inner_objects_before_outer_ones() -> None:
    """An object must not precede a part of it, or the entry of the part would have no effect."""
    order = list(TRUNCATION_ORDER)
    early = [
        (outer, inner)
        for place, outer in enumerate(order)
        for inner in order[place + 1 :]
        if inner.startswith(f"{outer}.")
    ]
    assert [] == early
