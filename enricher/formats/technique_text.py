"""Write the ATT&CK techniques of a finding for people: ID and name, parent, the other release's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enricher.enrichment.attack_object import full_name, other_release
from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.headline import attack_phrase
from enricher.formats.rows import Rows, join_filled


def attack_rows(enriched: EnrichedFinding, most: int | None = None, *, ids_only: bool = False) -> Rows:
    """Return the ATT&CK rows: tactic and name of the first technique, the others in short.

    most: maximum number of others named, the rest is counted; ids_only: the first technique without its name.
    """
    attack = enriched.attack
    if not attack["techniques"]:
        text = attack_phrase(attack, known=enriched.known)
        names = ", ".join(f"{tactic['name']} ({tactic['id']})" for tactic in attack["tactics"])
        return [("", join_filled((names, text), ": ")), *_atlas_rows(attack)]
    first, *every = attack["techniques"]
    others = every if most is None else every[:most]
    possibly = "possibly " if first["confidence"] == "low" else ""
    name = first["id"] if ids_only else technique_name(first)
    rows = [("", f"{_tactic_name(first)}: {possibly}{name}, confidence {first['confidence']}")]
    if len(others) == 1 == len(every):
        rows += [("also", f"{technique_name(row)} ({row['confidence']})") for row in others]
    elif others:
        by_tactic: dict[str, list[str]] = {}
        for row in others:
            by_tactic.setdefault(row["tactic"]["name"], []).append(
                f"{row['id']} (low)" if row["confidence"] == "low" else row["id"]
            )
        rows.append(("also", "; ".join(f"{', '.join(ids)} {name}" for name, ids in by_tactic.items())))
    if more := len(every) - len(others):
        rows.append(("" if others else "also", f"{'and ' if others else ''}{more} more"))
    if not enriched.known:
        rows.append(("", f"type not in mapping {attack['mapping']}"))
    return rows + _atlas_rows(attack)


def _atlas_rows(attack: Mapping[str, Any]) -> Rows:
    return [("", f"MITRE ATLAS {attack['atlas']}")] if attack["atlas"] else []


def technique_name(row: Mapping[str, Any]) -> str:
    """Return "ID name", for a sub-technique "ID parent: name", with another ID of the other release."""
    other = other_release(row)
    note = _note(row, other["id"]) if other and other["id"] != row["id"] else ""
    return f"{row['id']}{note} {full_name(row)}"


def _tactic_name(row: Mapping[str, Any]) -> str:
    """Return the tactic's name, with its name in the other release if the technique has the same ID there."""
    name, other = row["tactic"]["name"], other_release(row)
    is_renamed = other and other["id"] == row["id"] and other["tactic"]["name"] != name
    return f"{name}{_note(row, other['tactic']['name'])}" if other and is_renamed else str(name)


def _note(row: Mapping[str, Any], other: str) -> str:
    return f" ({'was' if 'formerly' in row else 'now'} {other})"


def id_and_name(row: Mapping[str, Any]) -> str:
    """Return "ID name" of a row of `attack.techniques`; for a sub-technique "ID parent: name"."""
    return f"{row['id']} {full_name(row)}"


def parent_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return {id, name, url} of a sub-technique's parent, whose page is one level up."""
    return {**row["parent"], "url": row["url"].rstrip("/").rpartition("/")[0] + "/"}


def other_names(row: Mapping[str, Any]) -> list[str]:
    """Return a technique's name in the other ATT&CK release as one line; [] if it is the same."""
    other = other_release(row)
    if other is None:
        return []
    return [f"In ATT&CK {other['version']}: {other['id']} {other['name']}, {other['tactic']['name']}"]
