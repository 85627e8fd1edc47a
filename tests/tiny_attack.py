"""Two small releases of an invented ATT&CK, as STIX 2.1 bundles, with each kind of change once."""

from __future__ import annotations

from typing import Any

Techniques = dict[str, tuple[str, list[str]]]

TACTICS_1 = {"TA0001": "Entry Way", "TA0005": "Hiding", "TA0009": "Taking"}
TECHNIQUES_1: Techniques = {
    "T1001": ("Open Door", ["entry-way"]),
    "T1002": ("Dark Corner", ["hiding"]),
    "T1002.001": ("Darker Corner", ["hiding"]),
    "T1003": ("Long Arm", ["entry-way", "taking"]),
    "T1005": ("Old Name", ["taking"]),
    "T1006": ("Passing Fad", ["taking"]),
}
#: Changes in 2.0: a tactic added and one renamed, T1002 and its sub-technique revoked (the latter through a
#: chain), T1003 removed from a tactic, T1005 renamed, T1006 deprecated, T1012 and
#: T1001.001 added.
TACTICS_2 = {"TA0001": "Entry Way", "TA0005": "Lurking", "TA0112": "Breaking", "TA0009": "Taking"}
TECHNIQUES_2: Techniques = {
    "T1001": ("Open Door", ["entry-way"]),
    "T1001.001": ("Ajar", ["entry-way"]),
    "T1003": ("Long Arm", ["entry-way"]),
    "T1005": ("New Name", ["taking"]),
    "T1010": ("Broken Lamp", ["breaking"]),
    "T1010.001": ("Broken Lamp Post", ["breaking", "lurking"]),
    "T1012": ("Latest Fashion", ["taking"]),
}
REVOKED_2 = {"T1002": "T1010", "T1002.001": "T1011", "T1011": "T1010.001"}


def first_release() -> dict[str, Any]:
    """Return the STIX bundle of release 1.0."""
    return bundle("1.0", TACTICS_1, TECHNIQUES_1)


def second_release() -> dict[str, Any]:
    """Return the STIX bundle of release 2.0."""
    gone: Techniques = {key: (name, []) for key, (name, _) in TECHNIQUES_1.items() if key not in TECHNIQUES_2}
    return bundle("2.0", TACTICS_2, TECHNIQUES_2, gone | {"T1011": ("Short Lived", [])}, REVOKED_2)


def bundle(
    version: str,
    tactics: dict[str, str],
    techniques: Techniques,
    gone: Techniques | None = None,
    revoked: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return a STIX bundle; `gone` techniques are revoked if they are in `revoked`, else deprecated.

    revoked: id -> the id it is revoked by.
    """
    gone, revoked = gone or {}, revoked or {}
    objects: list[dict[str, Any]] = [
        {
            "type": "x-mitre-collection",
            "id": "x-mitre-collection--1",
            "x_mitre_version": version,
            "modified": f"202{version}",
        },
        {
            "type": "x-mitre-matrix",
            "id": "x-mitre-matrix--1",
            "tactic_refs": [f"x-mitre-tactic--{key}" for key in tactics],
        },
    ]
    # The order of tactic objects in a bundle is arbitrary: the matrix defines the order.
    objects += [
        {
            "type": "x-mitre-tactic",
            "id": f"x-mitre-tactic--{key}",
            "name": name,
            "x_mitre_shortname": name.lower().replace(" ", "-"),
            "external_references": [{"source_name": "mitre-attack", "external_id": key}],
        }
        for key, name in reversed(tactics.items())
    ]
    objects += [
        {
            "type": "attack-pattern",
            "id": f"attack-pattern--{key}",
            "name": name,
            "kill_chain_phases": [
                {"kill_chain_name": "mitre-attack", "phase_name": phase} for phase in reversed(phases)
            ],
            "external_references": [
                {"source_name": "elsewhere", "external_id": "X-1"},
                {"source_name": "mitre-attack", "external_id": key},
            ],
            "revoked": key in revoked,
            "x_mitre_deprecated": key in gone and key not in revoked,
        }
        for key, (name, phases) in {**techniques, **gone}.items()
    ]
    objects += [
        {
            "type": "relationship",
            "id": f"relationship--{key}",
            "relationship_type": "revoked-by",
            "source_ref": f"attack-pattern--{key}",
            "target_ref": f"attack-pattern--{replacement}",
        }
        for key, replacement in revoked.items()
    ]
    return {"type": "bundle", "id": "bundle--1", "objects": objects}
