"""Test that truncation is linear in the size of a finding, removes no more than needed, and says what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats import ecs, guardduty, ocsf
from enricher.formats.base import TooLarge
from enricher.formats.json_text import utf8_size
from enricher.formats.truncation import Removals, fit
from enricher.mapping.model import AttackMapping
from tests import examples

LIMIT = 262_144
FORMATS = [guardduty, ecs, ocsf]


def counted(function: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    """Return the function with its calls counted in `calls[0]`."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        calls[0] += 1
        return function(*arguments, **keywords)

    return call


def with_keys(mapping: AttackMapping, keys: int, value: str = "x" * 20) -> EnrichedFinding:
    """Enrich a finding with so many unknown keys."""
    return enrich(
        Finding.from_event(
            examples.event("ec2-portscan", **{f"novelty{key}": f"{value}{key}" for key in range(keys)})
        ),
        mapping,
    )


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_work_does_not_grow_with_the_number_of_keys(
    module: Any, mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finding of 24,800 unknown keys must be fitted with a few dozen serializations, not one a key."""
    texts = [0]
    monkeypatch.setattr(module, "dump_json", counted(module.dump_json, texts))
    text = module.render(with_keys(mapping, 24_800), LIMIT)
    assert utf8_size(text) <= LIMIT
    # Two serializations a step: of the truncated finding, and of the document that contains it.
    assert texts[0] <= 2 * 20


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_finding_that_fits_is_serialized_once(
    module: Any, mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Truncation must cost nothing if the finding fits: no removal may be prepared."""

    def fail(_: Removals) -> None:
        raise AssertionError("prepared")

    monkeypatch.setattr(Removals, "_prepare", fail)
    module.render(with_keys(mapping, 3), LIMIT)


def test_largest_unknown_keys_are_removed_first(mapping: AttackMapping) -> None:
    """Of unknown keys the largest must be removed first, and only as many as needed."""
    event = examples.event("ec2-portscan", small="x", large="x" * 200_000, larger="x" * 200_000 + "yy")
    out = json.loads(guardduty.render(enrich(Finding.from_event(event), mapping), LIMIT))
    assert (True, True, False) == tuple(key in out["detail"] for key in ("small", "large", "larger"))
    assert out["truncated"].endswith(", detail.larger")


def test_many_removed_keys_are_counted_not_listed(mapping: AttackMapping) -> None:
    """Of many removed keys ten must be named and the others counted, or the names would fill the limit."""
    out = json.loads(guardduty.render(with_keys(mapping, 24_800), 20_000))
    removed = out["truncated"].split(", ")
    named = [path for path in removed if path.startswith("detail.novelty")]
    assert 10 == len(named)
    kept = sum(key.startswith("novelty") for key in out["detail"])
    assert f"{24_800 - kept - 10} other keys of detail" == removed[-1]


@given(sizes=st.lists(st.integers(0, 100), max_size=40), limit=st.integers(0, 2_000))
def test_fit_removes_as_little_as_needed(sizes: list[int], limit: int) -> None:
    """`fit` must return the first text that fits, and raise TooLarge only if none does."""
    texts = ["x" * sum(sizes[count:]) for count in range(len(sizes) + 1)]
    expected = next((text for text in texts if len(text) <= limit), None)
    if expected is None:
        with pytest.raises(TooLarge, match=f"the limit is {limit}"):
            fit(texts.__getitem__, lambda: len(sizes), limit)
    else:
        assert expected == fit(texts.__getitem__, lambda: len(sizes), limit)
