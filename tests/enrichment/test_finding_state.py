"""Check what counts as news about a finding."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from enricher.enrichment.enrich import enrich
from enricher.enrichment.finding_state import (
    LONGEST_FACT,
    MOST_FACTS,
    Picture,
    material_changes,
    merge_pictures,
    note_archived,
)
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping
from tests import examples

EARLY, LATE = "2026-11-01T10:00:00.000Z", "2026-11-01T16:00:00Z"
BEFORE = Picture(EARLY, "MEDIUM", False, ("T1110",), ("198.51.100.1",), ("IAMUser:ana",))


def later(**changes: Any) -> Picture:
    """Give the same picture six hours later, with changes."""
    return replace(BEFORE, updated_at=LATE, **changes)


def test_same_again_is_no_news() -> None:
    """An update that only comes later must tell nothing."""
    assert [] == material_changes(BEFORE, later())


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"severity": "HIGH"}, ["severity rose from MEDIUM to HIGH"]),
        ({"severity": "CRITICAL"}, ["severity rose from MEDIUM to CRITICAL"]),
        ({"techniques": ("T1110", "T1078")}, ["new technique T1078"]),
        ({"addresses": ("203.0.113.9",)}, ["new remote address 203.0.113.9"]),
        ({"principals": ("Role:admin",)}, ["new principal Role:admin"]),
        (
            {"severity": "HIGH", "addresses": ("203.0.113.9",)},
            ["severity rose from MEDIUM to HIGH", "new remote address 203.0.113.9"],
        ),
    ],
)
def test_each_cause_is_news(changes: dict[str, Any], reasons: list[str]) -> None:
    """A higher severity, a new technique, address or principal must each be news, and say so."""
    assert reasons == material_changes(BEFORE, later(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "LOW"},
        {"severity": "UNKNOWN"},
        {"techniques": ()},
        {"addresses": ()},
        {"principals": ()},
        {"archived": True},
    ],
)
def test_less_is_no_news(changes: dict[str, Any]) -> None:
    """A lower severity, anything left out, and archiving must not be news."""
    assert [] == material_changes(BEFORE, later(**changes))


def test_unarchived_is_news() -> None:
    """A finding that was archived and is active again must be news."""
    assert ["un-archived"] == material_changes(replace(BEFORE, archived=True), later())


def test_older_update_does_not_unarchive() -> None:
    """An update from before the archiving that arrives after it must not count as un-archived."""
    assert [] == material_changes(later(archived=True), BEFORE)


def test_archiving_is_noted_without_being_told() -> None:
    """Archiving must leave its mark, or un-archiving could not be seen; the rest of the picture stays."""
    noted = note_archived(BEFORE, later(archived=True, severity="LOW", addresses=()))
    assert replace(BEFORE, archived=True, updated_at=LATE, severity_at=BEFORE.updated_at) == noted
    assert ["un-archived"] == material_changes(noted, replace(BEFORE, updated_at="2026-11-02T00:00:00Z"))


@pytest.mark.parametrize(
    "after", [later(), replace(BEFORE, archived=True, updated_at="2026-10-01T00:00:00Z")]
)
def test_nothing_else_is_noted(after: Picture) -> None:
    """An update that is active, or older than what was told, must leave no mark."""
    assert BEFORE == note_archived(BEFORE, after)


def test_merged_picture_knows_both() -> None:
    """What was told twice must be known together, severity and archived as of the later update."""
    after = later(severity="LOW", archived=True, addresses=("203.0.113.9",), techniques=("T1078",))
    both = Picture(LATE, "LOW", True, ("T1110", "T1078"), ("198.51.100.1", "203.0.113.9"), ("IAMUser:ana",))
    assert both == merge_pictures(BEFORE, after)
    assert ("LOW", True) == (merge_pictures(after, BEFORE).severity, merge_pictures(after, BEFORE).archived)


def test_merging_forgets_the_oldest() -> None:
    """Beyond the most that is remembered, the oldest must go, so that what is stored stays bounded."""
    many = replace(BEFORE, addresses=tuple(f"a{number}" for number in range(MOST_FACTS)))
    merged = merge_pictures(many, later(addresses=("new",)))
    assert (*(f"a{number}" for number in range(1, MOST_FACTS)), "new") == merged.addresses


def test_largest_picture_fits_an_item() -> None:
    """The largest picture, in the characters that take most room, must fit DynamoDB's 400 kB."""
    widest = tuple(f"{number:03d}" + "\U0001f600" * LONGEST_FACT for number in range(2 * MOST_FACTS))
    ids = tuple(f"T{number:04d}.001" for number in range(2 * MOST_FACTS))
    largest = merge_pictures(Picture(), Picture(LATE, "CRITICAL", True, ids, widest, widest))
    assert len(json.dumps(largest.as_json())) < 390_000


def test_picture_survives_the_table() -> None:
    """What is stored must read back as it was."""
    assert BEFORE == Picture.from_json(json.loads(json.dumps(BEFORE.as_json())))


@pytest.mark.parametrize("stored", [None, {}, [], {"updatedAt": 5}, {**BEFORE.as_json(), "addresses": None}])
def test_unreadable_picture_counts_as_none(stored: object) -> None:
    """What another version wrote, or nobody, must count as never told: rather twice than never."""
    assert Picture.from_json(stored) is None


def test_long_names_stay_apart() -> None:
    """Two principals that differ only after the length that is kept must still be two."""
    names = [["n" * LONGEST_FACT + end] for end in "ab"]
    first, second = (Picture.from_json({**BEFORE.as_json(), "principals": name}) for name in names)
    assert first is not None
    assert second is not None
    assert first.principals != second.principals
    assert len(first.principals[0]) == LONGEST_FACT


@pytest.mark.parametrize(
    ("name", "addresses", "principals"),
    [
        ("ec2-ssh-brute-force-inbound", ("198.51.100.23",), ()),
        ("awkward-archived", ("203.0.113.214",), ("IAMUser:m.weber",)),
        ("attack-sequence-compromised-s3-data", ("203.0.113.9",), ("analytics",)),
    ],
)
def test_picture_of_an_example(
    mapping: Mapping, name: str, addresses: tuple[str, ...], principals: tuple[str, ...]
) -> None:
    """Remote addresses and principals must be read wherever the finding holds them."""
    picture = Picture.of(enrich(Finding.from_event(examples.event(name)), mapping))
    assert (addresses, principals) == (picture.addresses, picture.principals)


@pytest.mark.parametrize("name", examples.names())
def test_every_example_has_a_picture(mapping: Mapping, name: str) -> None:
    """No shape of finding may break the picture, and none may be news to itself."""
    picture = Picture.of(enrich(Finding.from_event(examples.event(name)), mapping))
    assert [] == material_changes(picture, picture)


def test_session_names_and_temporary_keys_are_no_principals(mapping: Mapping) -> None:
    """The same role in another session, with another key, must not be a new principal."""
    first, second = (
        examples.event(
            "awkward-archived",
            resource={
                "accessKeyDetails": {
                    "accessKeyId": f"ASIA{session}",
                    "principalId": f"AROAEXAMPLE:{session}",
                    "userName": "deploy",
                    "userType": "AssumedRole",
                }
            },
        )
        for session in ("one", "two")
    )
    pictures = [Picture.of(enrich(Finding.from_event(event), mapping)) for event in (first, second)]
    assert pictures[0] == pictures[1]


def test_severity_told_after_a_quiet_archiving_is_remembered() -> None:
    """A severity that is told late must count as told, though a later update was noted as archived before."""
    noted = note_archived(BEFORE, later(archived=True, severity="LOW"))
    told_late = replace(BEFORE, severity="CRITICAL", updated_at=BEFORE.updated_at.replace("T00", "T01"))
    merged = merge_pictures(noted, told_late)
    assert ("CRITICAL", True, LATE) == (merged.severity, merged.archived, merged.updated_at)
    assert [] == material_changes(
        merged, replace(told_late, archived=True, updated_at="2026-11-02T00:00:00Z")
    )
