"""Hold each path of the formats' own fields to one JSON type: readers that infer a schema need it.

Arrow refuses a file in which a path changes its type, DuckDB and ClickHouse lose or refuse values, and
Elasticsearch refuses the document.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.formats.asff import Incomplete, to_asff
from enricher.mapping.model import AttackMapping
from enricher.settings import MOST_LIMIT, OCSF_VERSIONS
from tests import examples
from tests.bundled import bundled_mapping
from tests.formats import malformed_events
from tests.json_paths import types, types_of_all

FORMATS = ("guardduty", "finding", "ecs", *(f"ocsf {version}" for version in OCSF_VERSIONS), "asff")


def bodies(enriched: EnrichedFinding, name: str) -> list[dict[str, Any]]:
    """Return the body in a format, without GuardDuty's own part; [] if ASFF does not accept the finding."""
    if name == "asff":
        try:
            return [to_asff(enriched)]
        except Incomplete:
            return []
    name, _, version = name.partition(" ")
    body = json.loads(load_format(name, version or "1.8.0")(enriched, MOST_LIMIT))
    if name in ("guardduty", "finding"):
        return [{key: body[key] for key in ("attack", "alert", "truncated") if key in body}]
    return [body]


@cache
def enriched_examples() -> tuple[EnrichedFinding, ...]:
    """Return every example in both ATT&CK releases."""
    mapping = bundled_mapping()
    releases = (None, mapping.catalogue.former.version)
    return tuple(
        enrich(Finding.from_event(examples.event(name)), mapping, release)
        for name in examples.names()
        for release in releases
    )


@cache
def types_of_examples(name: str) -> dict[str, set[str]]:
    """Return the JSON types at each path over every example, in both ATT&CK releases."""
    return types_of_all(body for enriched in enriched_examples() for body in bodies(enriched, name))


@pytest.mark.parametrize("name", FORMATS)
def test_path_has_one_type(name: str) -> None:
    """Over all examples each path must have one JSON type, and none must be null."""
    assert {} == {path: kinds for path, kinds in types_of_examples(name).items() if len(kinds) > 1}
    assert all("NoneType" not in kinds for kinds in types_of_examples(name).values())


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(event=malformed_events.events())
def test_odd_finding_keeps_the_types(name: str, event: dict[str, Any], mapping: AttackMapping) -> None:
    """The body of any finding must have the types of the examples at the same paths."""
    known = types_of_examples(name)
    for body in bodies(enrich(Finding.from_event(event), mapping), name):
        for path, kind in types(body):
            assert {kind} == known.get(path, {kind}), path
            assert kind != "NoneType", path


def test_a_change_of_type_is_seen() -> None:
    """The walk must tell a number from a text, a whole number from a fraction, and a null."""
    kinds = [dict(types({"a": [{"b": value}]}))[".a[].b"] for value in ("1", 1, 1.0, None, True)]
    assert ["str", "int", "float", "NoneType", "bool"] == kinds
