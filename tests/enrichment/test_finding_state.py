"""Test which updates of a finding count as material changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from enricher.enrichment.enrich import enrich
from enricher.enrichment.finding_state import (
    MAX_FACT_LENGTH,
    MAX_FACTS,
    FindingState,
    _short,
    describe_changes,
    material_changes,
    merge_states,
    note_archived,
)
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples

EARLY, LATE = "2026-11-01T10:00:00.000Z", "2026-11-01T16:00:00Z"
BEFORE = FindingState(EARLY, "MEDIUM", False, ("T1110",), ("198.51.100.1",), ("IAMUser:ana",))


def later(**changes: Any) -> FindingState:
    """Return the same state six hours later, with changes."""
    return replace(BEFORE, updated_at=LATE, **changes)


def test_repeated_update_is_not_material() -> None:
    """An update that only has a later time must not be a material change."""
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
def test_each_material_change_is_reported(changes: dict[str, Any], reasons: list[str]) -> None:
    """A higher severity, a new technique, address or principal must each be a material change."""
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
def test_lower_severity_missing_values_and_archiving_are_not_material(changes: dict[str, Any]) -> None:
    """A lower severity, missing values, and archiving must not be material changes."""
    assert [] == material_changes(BEFORE, later(**changes))


def test_unarchiving_is_material() -> None:
    """A finding that was archived and is active again must be a material change."""
    assert ["unarchived"] == material_changes(replace(BEFORE, archived=True), later())


def test_older_update_does_not_unarchive() -> None:
    """An update from before the archiving that arrives after it must not count as unarchived."""
    assert [] == material_changes(later(archived=True), BEFORE)


def test_archiving_is_stored_for_a_suppressed_update() -> None:
    """Archiving must be stored so that unarchiving is detected; the rest of the state stays."""
    told = replace(BEFORE, told="severity LOW to HIGH")
    noted = note_archived(told, later(archived=True, severity="LOW", addresses=()))
    assert replace(BEFORE, archived=True, updated_at=LATE, severity_at=BEFORE.updated_at) == noted
    assert ["unarchived"] == material_changes(noted, replace(BEFORE, updated_at="2026-11-02T00:00:00Z"))


@pytest.mark.parametrize(
    "after", [later(), replace(BEFORE, archived=True, updated_at="2026-10-01T00:00:00Z")]
)
def test_suppressed_update_stores_nothing_but_archiving(after: FindingState) -> None:
    """An update that is active, or older than the one sent, must leave the state unchanged."""
    assert BEFORE == note_archived(BEFORE, after)


def test_merged_state_contains_both_updates() -> None:
    """Values of both updates must be merged, with severity and archived of the later one."""
    after = later(severity="LOW", archived=True, addresses=("203.0.113.9",), techniques=("T1078",))
    both = FindingState(
        LATE, "LOW", True, ("T1110", "T1078"), ("198.51.100.1", "203.0.113.9"), ("IAMUser:ana",)
    )
    assert both == merge_states(BEFORE, after)
    assert ("LOW", True) == (merge_states(after, BEFORE).severity, merge_states(after, BEFORE).archived)


def test_merging_drops_the_oldest_values() -> None:
    """Above the maximum the oldest values must be dropped, so that the stored state stays bounded."""
    many = replace(BEFORE, addresses=tuple(f"a{number}" for number in range(MAX_FACTS)))
    merged = merge_states(many, later(addresses=("new",)))
    assert (*(f"a{number}" for number in range(1, MAX_FACTS)), "new") == merged.addresses


def test_largest_state_fits_a_dynamodb_item() -> None:
    """The largest state, in the widest characters, must fit DynamoDB's item size limit of 400 KB."""
    widest = tuple(f"{number:03d}" + "\U0001f600" * MAX_FACT_LENGTH for number in range(2 * MAX_FACTS))
    ids = tuple(f"T{number:04d}.001" for number in range(2 * MAX_FACTS))
    largest = merge_states(FindingState(), FindingState(LATE, "CRITICAL", True, ids, widest, widest))
    assert len(json.dumps(largest.as_json())) < 390_000


def test_state_round_trips_through_json() -> None:
    """A stored state must be read back unchanged."""
    assert BEFORE == FindingState.from_json(json.loads(json.dumps(BEFORE.as_json())))


@pytest.mark.parametrize("stored", [None, {}, [], {"updatedAt": 5}, {**BEFORE.as_json(), "addresses": None}])
def test_unreadable_state_is_none(stored: object) -> None:
    """State of another version must be treated as missing: prefer a duplicate to a loss."""
    assert FindingState.from_json(stored) is None


def test_truncated_names_stay_distinct() -> None:
    """Two principals that differ only beyond the maximum length must stay distinct."""
    names = [["n" * MAX_FACT_LENGTH + end] for end in "ab"]
    first, second = (FindingState.from_json({**BEFORE.as_json(), "principals": name}) for name in names)
    assert first is not None
    assert second is not None
    assert first.principals != second.principals
    assert len(first.principals[0]) == MAX_FACT_LENGTH


@pytest.mark.parametrize(
    ("name", "addresses", "principals"),
    [
        ("ec2-ssh-brute-force-inbound", ("198.51.100.23",), ()),
        ("awkward-archived", ("203.0.113.214",), ("IAMUser:m.weber",)),
        ("attack-sequence-compromised-s3-data", ("203.0.113.9",), ("AssumedRole:analytics",)),
    ],
)
def test_state_of_an_example(
    mapping: AttackMapping, name: str, addresses: tuple[str, ...], principals: tuple[str, ...]
) -> None:
    """Remote addresses and principals must be read from every field that contains them."""
    state = FindingState.of(enrich(Finding.from_event(examples.event(name)), mapping))
    assert (addresses, principals) == (state.addresses, state.principals)


@pytest.mark.parametrize("name", examples.names())
def test_every_example_has_a_state(mapping: AttackMapping, name: str) -> None:
    """Every example must have a state without a material change compared to itself."""
    state = FindingState.of(enrich(Finding.from_event(examples.event(name)), mapping))
    assert [] == material_changes(state, state)


def test_session_names_and_temporary_keys_are_not_principals(mapping: AttackMapping) -> None:
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
    states = [FindingState.of(enrich(Finding.from_event(event), mapping)) for event in (first, second)]
    assert states[0] == states[1]


def test_severity_sent_after_a_suppressed_archiving_is_stored() -> None:
    """A severity that is sent late must be stored, although a later update was already noted as archived."""
    noted = note_archived(BEFORE, later(archived=True, severity="LOW"))
    sent_late = replace(BEFORE, severity="CRITICAL", updated_at=BEFORE.updated_at.replace("T00", "T01"))
    merged = merge_states(noted, sent_late)
    assert ("CRITICAL", True, LATE) == (merged.severity, merged.archived, merged.updated_at)
    assert [] == material_changes(
        merged, replace(sent_late, archived=True, updated_at="2026-11-02T00:00:00Z")
    )


@pytest.mark.parametrize(
    ("action", "addresses", "principals"),
    [
        (
            {"kubernetesApiCallAction": {"verb": "get", "sourceIPs": ["198.51.100.7", "192.0.2.44"]}},
            ("198.51.100.7", "192.0.2.44"),
            (),
        ),
        (
            {"awsApiCallAction": {"remoteAccountDetails": {"accountId": "777788889999"}}},
            (),
            ("777788889999",),
        ),
        ({"rdsLoginAttemptAction": {"LoginAttributes": [{"user": "a"}, {"user": "b"}]}}, (), ("a", "b")),
        ({"dnsRequestAction": {"domain": "c2.example.net"}}, ("c2.example.net",), ()),
    ],
)
def test_state_has_what_the_formats_show(
    action: dict[str, Any], addresses: tuple[str, ...], principals: tuple[str, ...], mapping: AttackMapping
) -> None:
    """Whatever names a remote party or a principal in the formats must count for a material change."""
    event = {"detail": {"type": "Recon:EC2/Portscan", "service": {"action": action}}}
    state = FindingState.of(enrich(Finding.from_event(event), mapping))
    assert (addresses, principals) == (state.addresses, state.principals)


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ({"userName": "ana", "principalId": "AIDAEXAMPLE"}, "ana"),
        ({"principalId": "AROAEXAMPLE:i-0abc"}, "AROAEXAMPLE"),
        ({"principalId": "AROAEXAMPLE:i-0abc", "userType": "AssumedRole"}, "AssumedRole:AROAEXAMPLE"),
    ],
)
def test_session_name_is_no_part_of_a_principal(
    caller: dict[str, Any], principal: str, mapping: AttackMapping
) -> None:
    """A new session of the same role must not be a new principal."""
    event = {"detail": {"type": "Recon:EC2/Portscan", "resource": {"accessKeyDetails": caller}}}
    assert (principal,) == FindingState.of(enrich(Finding.from_event(event), mapping)).principals


LONG = _short("x" * 200)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"severity": "LOW"}, {"severity": "HIGH"}, "severity LOW to HIGH"),
        ({"severity": "HIGH"}, {"severity": "LOW"}, "severity HIGH to LOW"),
        ({"archived": True}, {}, "no longer archived"),
        (
            {"addresses": ("192.0.2.1",)},
            {"addresses": ("192.0.2.1", "203.0.113.7"), "principals": ("IAMUser:eve",)},
            "new remote address 203.0.113.7; new principal IAMUser:eve",
        ),
        ({}, {"addresses": tuple("abcde")}, "new remote address a, b, c and 2 more"),
        ({}, {"principals": (LONG,)}, "new principal"),
        ({}, {}, ""),
    ],
)
def test_changes_are_told_in_words(before: dict[str, Any], after: dict[str, Any], changes: str) -> None:
    """What an update changed must be told; a value that was cut for storage must not be printed."""
    assert changes == describe_changes(
        FindingState(updated_at="2026-01-01T00:00:00Z", **before),
        FindingState(updated_at="2026-01-02T00:00:00Z", **after),
    )


def test_older_update_does_not_change_back() -> None:
    """An older update that arrives late must not be told as a change of severity."""
    newer = FindingState(updated_at="2026-01-02T00:00:00Z", severity="HIGH")
    older = FindingState(updated_at="2026-01-01T00:00:00Z", severity="LOW")
    assert "" == describe_changes(newer, older)


def test_same_update_is_told_as_before() -> None:
    """A copy of the update whose state is stored must be told as the first time."""
    state = FindingState(updated_at="2026-01-02T00:00:00Z", severity="HIGH", told="severity LOW to HIGH")
    stored = FindingState.from_json(state.as_json())
    assert stored is not None
    assert "severity LOW to HIGH" == describe_changes(stored, replace(state, told=""))


def test_state_has_the_techniques_of_the_finding(mapping: AttackMapping) -> None:
    """The techniques must be in the state, or a new one would not be a material change."""
    enriched = enrich(Finding.from_event(examples.event("iam-cloudtrail-logging-disabled")), mapping)
    expected = tuple(row["id"] for row in enriched.attack["techniques"])
    assert "T1685.002" in expected
    assert expected == FindingState.of(enriched).techniques
