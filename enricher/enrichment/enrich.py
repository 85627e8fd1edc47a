"""Tag a finding: combine entries from GuardDuty, from evidence, and from the mapping or the type name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import (
    FRAMEWORK,
    Catalogue,
    Pair,
    Release,
    Tactic,
    Technique,
    archived_url,
    parent_id,
)
from enricher.enrichment.alert import alert_block
from enricher.enrichment.precedence import decide_entries
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record

_TECHNIQUE_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")


@dataclass(frozen=True, slots=True)
class EnrichedFinding:
    """One finding with its ATT&CK entries (primary first) and the two objects added to the event.

    attack, alert: the objects of the enriched event, as docs/enriched-event.md describes them.
    """

    finding: Finding
    entries: tuple[Entry, ...]
    attack: dict[str, Any] = field(repr=False)
    alert: dict[str, Any] = field(repr=False)

    def as_event(self) -> dict[str, Any]:
        """Return the enriched event: the original event plus `attack` and `alert`."""
        return {**self.finding.event, "attack": self.attack, "alert": self.alert}


def enrich(finding: Finding, mapping: AttackMapping, release: str | None = None) -> EnrichedFinding:
    """Return a finding with its ATT&CK entries, `attack` and `alert`.

    Never raises: a finding of an unknown type or unexpected shape gets the best available tags.
    release: the ATT&CK version to output, the pinned one (None) or the former one.
    """
    record = mapping.record_for(finding.type)
    entries = decide_entries(finding, record, mapping)
    attack = attack_block(entries, record, mapping, release)
    return EnrichedFinding(finding, entries, attack, alert_block(finding, attack))


def attack_block(
    entries: Iterable[Entry], record: Record | None, mapping: AttackMapping, release: str | None = None
) -> dict[str, Any]:
    """Return the `attack` object in the pinned ATT&CK release (None) or the former one.

    Output for the former release refers to the pinned one only in the key `currently` of a technique that
    changed. A technique that the former release does not have falls back to its parent, then to its tactic.
    """
    catalogue = mapping.catalogue
    output = catalogue.release(release)
    techniques: dict[tuple[str, str], dict[str, Any]] = {}
    tactics: dict[str, dict[str, Any]] = {}
    for entry in entries:
        names = (
            _former_names(entry.pair, catalogue)
            if output is catalogue.former
            else _current_names(entry.pair, catalogue)
        )
        if names is None:
            continue
        tactic, technique = names
        tactics.setdefault(
            tactic.id, {"id": tactic.id, "name": tactic.name, "url": _url(tactic, output, catalogue)}
        )
        if technique and (technique.id, tactic.id) not in techniques:
            row = _technique_row(entry, tactic, technique, output, catalogue)
            techniques[technique.id, tactic.id] = row
    block: dict[str, Any] = {
        "framework": FRAMEWORK,
        "version": output.version,
        "mapping": mapping.version,
        "status": "mapped" if techniques else "tactic-only" if tactics else "unmapped",
        "tactics": list(tactics.values()),
        "techniques": list(techniques.values()),
    }
    if record and record.atlas:
        block["atlas"] = [{"id": key, "name": name} for key, name in record.atlas]
    return block


_Names = tuple[Tactic, Technique | None]


def _current_names(pair: Pair, catalogue: Catalogue) -> _Names:
    return catalogue.pinned.tactics[pair.tactic], catalogue.pinned.techniques.get(pair.technique or "")


def _former_names(pair: Pair, catalogue: Catalogue) -> _Names | None:
    exact = _former_counterpart(pair, catalogue)
    if exact is None and pair.technique and (parent := parent_id(pair.technique)):
        exact = _former_counterpart(Pair(pair.tactic, parent), catalogue)
    if exact:
        return exact
    tactic = catalogue.former_tactic_alone(pair.tactic)
    return (tactic, None) if tactic else None


def _former_counterpart(pair: Pair, catalogue: Catalogue) -> _Names | None:
    technique = catalogue.former_technique(pair.technique or "", pair.former)
    tactic = technique and catalogue.former_tactic(pair.tactic, technique, pair.former_tactic)
    return (tactic, technique) if tactic else None


def _technique_row(
    entry: Entry, tactic: Tactic, technique: Technique, output: Release, catalogue: Catalogue
) -> dict[str, Any]:
    parent = output.techniques.get(technique.parent_id or "")
    row: dict[str, Any] = {
        "id": technique.id,
        "name": technique.name,
        "url": _url(technique, output, catalogue),
        "parent": {"id": parent.id, "name": parent.name} if parent else None,
        "tactic": {"id": tactic.id, "name": tactic.name},
        "confidence": entry.confidence,
        "source": entry.source,
        "rationale": entry.rationale,
        "evidence": [{"field": shown.field, "value": shown.value} for shown in entry.evidence],
    }
    if output is catalogue.former:
        row["rationale"] = _in_former_ids(entry, catalogue)
        key, release, other = "currently", catalogue.pinned, _current_names(entry.pair, catalogue)
    else:
        key, release = "formerly", catalogue.former
        other = _former_counterpart(entry.pair, catalogue) or (tactic, technique)
    counterpart = _other_names(release.version, *other)
    if counterpart != _other_names(release.version, tactic, technique):
        row[key] = counterpart
    return row


def _url(item: Tactic | Technique, output: Release, catalogue: Catalogue) -> str:
    return item.url if output is catalogue.pinned else archived_url(item.url, output.version)


def _in_former_ids(entry: Entry, catalogue: Catalogue) -> str:
    def translate(match: re.Match[str]) -> str:
        stated = entry.pair.former if match[0] == entry.pair.technique else None
        before = catalogue.former_technique(match[0], stated)
        return before.id if before else match[0]

    return _TECHNIQUE_ID.sub(translate, entry.rationale)


def _other_names(version: str, tactic: Tactic, technique: Technique | None) -> dict[str, Any]:
    return {
        "version": version,
        "id": technique.id if technique else None,
        "name": technique.name if technique else None,
        "tactic": {"id": tactic.id, "name": tactic.name},
    }
