"""Test that malformed findings of any kind are enriched without an error."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.enrichment.ranking import MAX_ENTRIES
from enricher.enrichment.statement import statement_of
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.mapping.model import CONFIDENCES
from tests import examples
from tests.bundled import bundled_mapping
from tests.enrichment.evidence.findings import at_place

MAPPING = bundled_mapping()
EVENTS = [examples.event(name) for name in examples.names()]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["true", "22", "CreateAccessKey", "s3.amazonaws.com:[GetObject:success]", "x" * 5000])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all parts of a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path] + [found for key in keys for found in paths_of(value[key], (*path, key))]


@st.composite
def malformed_details(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an example finding with parts removed, retyped or nested wrongly, possibly one made very large."""
    detail: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(EVENTS))["detail"])
    changes = draw(st.lists(st.sampled_from(["drop", "retype", "nest"]), min_size=1, max_size=5))
    for change in [*changes, *draw(st.sampled_from([[], ["enlarge"]]))]:
        paths = [path for path in paths_of(detail) if path]
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        holder: Any = detail
        for step in way:
            holder = holder[step]
        if change == "drop":
            del holder[last]
        else:
            holder[last] = draw(replacements(change, holder[last]))
    if not isinstance(detail.get("type"), str):
        detail["type"] = draw(st.text())
    return detail


def replacements(change: str, old: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values that replace an old one."""
    if change == "retype":
        return JSON
    if change == "nest":
        return st.sampled_from([[old], {"x": old}, [[old]]])
    return st.sampled_from([[old] * 300, str(old)[:50] * 2000, {str(number): old for number in range(300)}])


def check(enriched: EnrichedFinding) -> None:
    """Assert the invariants of every enriched finding."""
    catalogue, view = MAPPING.catalogue, enriched.finding.view
    assert MAX_ENTRIES >= sum(entry.source == "evidence" for entry in enriched.entries)
    for entry in enriched.entries:
        pair = entry.pair
        assert pair.technique is None or catalogue.belongs(pair.tactic, pair.technique)
        before = catalogue.former_technique(pair.technique or "", pair.former)
        assert before is None or catalogue.former_tactic(pair.tactic, before, pair.former_tactic)
        assert entry.confidence in CONFIDENCES
        assert bool(entry.evidence) == (entry.source in ("evidence", "guardduty"))
        for shown in entry.evidence:
            real = at_place(view, shown.field)
            assert real == shown.value or real.startswith(shown.value)
    json.dumps(enriched.attack, allow_nan=False)
    headline = enriched.alert["headline"]
    assert [headline] == headline.splitlines()


@pytest.mark.parametrize("name", examples.names())
def test_examples_satisfy_the_invariants(name: str) -> None:
    """Every example must have valid pairs and evidence that is in the finding."""
    check(enrich(Finding.from_event(examples.event(name)), MAPPING))


@given(malformed_details())
def test_malformed_finding_is_enriched(detail: dict[str, Any]) -> None:
    """A finding with missing, retyped, wrongly nested or huge parts must satisfy the invariants."""
    check(enrich(Finding.from_detail(detail), MAPPING))


@given(malformed_details())
def test_enrichment_does_not_modify_the_finding(detail: dict[str, Any]) -> None:
    """Enriching a finding must leave it unchanged."""
    before = copy.deepcopy(detail)
    enrich(Finding.from_detail(detail), MAPPING)
    assert before == detail


@given(st.text(), st.sampled_from(EVENTS))
def test_any_type_is_enriched(finding_type: str, event: dict[str, Any]) -> None:
    """Any text as the finding type must satisfy the invariants."""
    check(enrich(Finding.from_detail({**event["detail"], "type": finding_type}), MAPPING))


@given(JSON, JSON, JSON)
def test_any_json_in_the_blocks_is_enriched(service: Any, resource: Any, action: Any) -> None:
    """Any JSON in the objects that are read must satisfy the invariants."""
    for detail in (
        {"type": "a:b/c", "service": service, "resource": resource},
        {"type": "a:b/c", "service": {"action": action, "additionalInfo": service, "detection": resource}},
        {"type": "a:b/c", "service": {"detection": {"sequence": service, "anomaly": action}}},
    ):
        check(enrich(Finding.from_detail(detail), MAPPING))


@given(malformed_details())
def test_statement_is_one_line(detail: dict[str, Any]) -> None:
    """The statement of any malformed finding must be text on one line."""
    finding = Finding.from_detail(detail)
    line = statement_of(finding, Context(finding))
    assert [line] == (line.splitlines() or [""])
