"""Test the contract of the enriched event: its schema, and that `attack` and `alert` are total."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from enricher.enrichment.alert import Alert
from enricher.enrichment.attack_object import Attack, TechniqueRow
from enricher.enrichment.enrich import enrich
from enricher.enrichment.entities import Kind
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.formats.malformed_events import events
from tests.json_paths import types_of_all

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/enriched-event.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
GOLDEN = sorted(
    path
    for folder in ("enriched/guardduty", "enriched-18.1")
    for path in (examples.EVENTS / folder).glob("*.json")
)
RELEASES = (None, "18.1")


def _enriched_events(mapping: AttackMapping, release: str | None) -> Iterator[dict[str, Any]]:
    texts = [examples.text_of(name) for name in examples.names()]
    texts += [json.dumps(examples.event("ec2-portscan", type=name)) for name in mapping.records]
    for text in texts:
        event = enrich(Finding.from_json(text), mapping, release).as_event()
        yield {"attack": event["attack"], "alert": event["alert"], "detail": event["detail"]}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_golden_file_is_valid(path: Path) -> None:
    """Every golden file must be valid against the published schema."""
    assert [] == [error.message for error in VALIDATOR.iter_errors(json.loads(path.read_text("utf-8")))]


@pytest.mark.parametrize("release", RELEASES)
def test_every_enriched_event_is_valid(release: str | None, mapping: AttackMapping) -> None:
    """A finding of every type must be valid against the schema, in both ATT&CK releases."""
    errors = [
        f"{error.json_path}: {error.message}"
        for event in _enriched_events(mapping, release)
        for error in VALIDATOR.iter_errors(event)
    ]
    assert [] == errors


@given(events())
def test_malformed_findings_become_valid_events(mapping: AttackMapping, event: dict[str, Any]) -> None:
    """Whatever the shape of the finding, `attack` and `alert` must be valid against the schema."""
    enriched = enrich(Finding.from_event(event), mapping)
    assert [] == [error.message for error in VALIDATOR.iter_errors(enriched.as_event())]


@pytest.mark.parametrize("release", RELEASES)
def test_a_path_has_one_type_and_is_never_null(release: str | None, mapping: AttackMapping) -> None:
    """Readers that infer types must find one JSON type per path, no null, and no list of texts."""
    types = types_of_all(
        {"attack": event["attack"], "alert": event["alert"]} for event in _enriched_events(mapping, release)
    )
    assert {} == {path: kinds for path, kinds in types.items() if len(kinds) > 1}
    assert [] == [path for path, kinds in types.items() if "NoneType" in kinds]
    assert [] == [path for path, kinds in types.items() if path.endswith("[]") and kinds != {"dict"}]


@pytest.mark.parametrize("release", RELEASES)
def test_lists_of_objects_are_empty_only_without_an_entry(
    release: str | None, mapping: AttackMapping
) -> None:
    """Only `tactics` and `techniques` may be empty, and only where the status says so."""
    for event in _enriched_events(mapping, release):
        attack, alert = event["attack"], event["alert"]
        assert bool(attack["techniques"]) == (attack["status"] == "mapped")
        assert bool(attack["tactics"]) == (attack["status"] != "unmapped")
        assert all(row["evidence"] for row in attack["techniques"])
        assert alert["entities"][0]["kind"] == "account"


def test_schema_and_code_have_the_same_keys() -> None:
    """The keys of the schema must be those of the typed dictionaries, the kinds of entities included."""
    definitions = SCHEMA["$defs"]
    for name, keys in (("attack", Attack), ("alert", Alert), ("technique", TechniqueRow)):
        assert set(definitions[name]["properties"]) == set(keys.__annotations__)
    assert definitions["entity"]["properties"]["kind"]["enum"] == list(get_args(Kind))


def test_schema_rejects_what_is_not_total(mapping: AttackMapping) -> None:
    """A missing key, a null, an unknown key and an unknown kind must each be invalid."""
    valid = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping).as_event()
    changes: tuple[dict[str, Any], ...] = (
        {"console": None},
        {"extra": ""},
        {"entities": []},
        {"entities": [{"kind": "instance", "id": "i-1"}]},
        {"entities": [{"kind": "account", "id": "1"}, {"kind": "host", "id": "x"}]},
    )
    for change in changes:
        assert not VALIDATOR.is_valid({**valid, "alert": {**valid["alert"], **change}}), change
    without = {key: value for key, value in valid["alert"].items() if key != "changes"}
    assert not VALIDATOR.is_valid({**valid, "alert": without})
