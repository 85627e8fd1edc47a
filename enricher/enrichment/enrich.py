"""Tag a finding: gather what GuardDuty, the evidence, the mapping and the type's name say, and settle it."""

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
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.guardduty_attack import find_native
from enricher.enrichment.tag import Entry
from enricher.enrichment.unknown_type import read_type
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping, Record

_TECHNIQUE_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")


@dataclass(frozen=True, slots=True)
class EnrichedFinding:
    """Hold a finding with its entries (primary first) and the two blocks that travel with it.

    attack, alert: the objects of the enriched event, as docs/enriched-event.md describes them.
    """

    finding: Finding
    entries: tuple[Entry, ...]
    attack: dict[str, Any] = field(repr=False)
    alert: dict[str, Any] = field(repr=False)

    def as_event(self) -> dict[str, Any]:
        """Give the enriched event: the event as it came, plus `attack` and `alert`."""
        return {**self.finding.event, "attack": self.attack, "alert": self.alert}


def enrich(finding: Finding, mapping: Mapping, release: str | None = None) -> EnrichedFinding:
    """Tag a finding. Never raises: an unknown type or an odd shape is tagged as well as can be.

    release: the ATT&CK release to speak in, the pinned one (default) or the former one.
    """
    record = mapping.record_for(finding.type)
    # A record without entries is a judgement too: a detail of the finding must not talk it away.
    is_gap = record is not None and not record.pairs
    shown = (find_native(finding, mapping), () if is_gap else find_evidence(finding, record, mapping))
    if record and record.is_override:
        # A team's own word comes first, and where it says nothing, nothing is said.
        entries = settle_entries(entries_of(record), *shown) if record.pairs else ()
    else:
        entries = settle_entries(*shown, entries_of(record) if record else read_type(finding.type, mapping))
    attack = attack_block(entries, record, mapping, release)
    return EnrichedFinding(finding, entries, attack, alert_block(finding, attack))


def entries_of(record: Record) -> tuple[Entry, ...]:
    """Turn a record of the mapping into entries."""
    return tuple(Entry(pair, record.confidence, "finding-type", record.rationale) for pair in record.pairs)


def settle_entries(*voices: Iterable[Entry]) -> tuple[Entry, ...]:
    """Put the voices in order: the first that speaks is primary, later ones add only what is new.

    A parent technique, or a tactic alone, adds nothing to a sub-technique or technique already listed
    under the same tactic.
    """
    settled: list[Entry] = []
    said: set[tuple[str, str | None]] = set()
    for entry in (entry for voice in voices for entry in voice):
        tactic, technique = entry.pair.tactic, entry.pair.technique
        if (tactic, technique) in said:
            continue
        settled.append(entry)
        said |= {(tactic, technique), (tactic, None)}
        if technique and (parent := parent_id(technique)):
            said.add((tactic, parent))
    return tuple(settled)


def attack_block(
    entries: Iterable[Entry], record: Record | None, mapping: Mapping, release: str | None = None
) -> dict[str, Any]:
    """Write the `attack` object in the pinned release (default) or the former one.

    In the former release's words nothing of the pinned one is left but the key `since` of a technique that
    changed; what the former release did not know falls back to its parent, then to the tactic.
    """
    catalogue = mapping.catalogue
    spoken = catalogue.release(release)
    techniques: dict[tuple[str, str], dict[str, Any]] = {}
    tactics: dict[str, dict[str, Any]] = {}
    for entry in entries:
        names = (
            _names_before(entry.pair, catalogue)
            if spoken is catalogue.former
            else _names_now(entry.pair, catalogue)
        )
        if names is None:
            continue
        tactic, technique = names
        tactics.setdefault(
            tactic.id, {"id": tactic.id, "name": tactic.name, "url": _url(tactic, spoken, catalogue)}
        )
        if technique and (technique.id, tactic.id) not in techniques:
            row = _technique_row(entry, tactic, technique, spoken, catalogue)
            techniques[technique.id, tactic.id] = row
    block: dict[str, Any] = {
        "framework": FRAMEWORK,
        "version": spoken.version,
        "mapping": mapping.version,
        "status": "mapped" if techniques else "tactic-only" if tactics else "unmapped",
        "tactics": list(tactics.values()),
        "techniques": list(techniques.values()),
    }
    if record and record.atlas:
        block["atlas"] = [{"id": key, "name": name} for key, name in record.atlas]
    return block


_Names = tuple[Tactic, Technique | None]


def _names_now(pair: Pair, catalogue: Catalogue) -> _Names:
    return catalogue.pinned.tactics[pair.tactic], catalogue.pinned.techniques.get(pair.technique or "")


def _names_before(pair: Pair, catalogue: Catalogue) -> _Names | None:
    exact = _same_before(pair, catalogue)
    if exact is None and pair.technique and (parent := parent_id(pair.technique)):
        exact = _same_before(Pair(pair.tactic, parent), catalogue)
    if exact:
        return exact
    tactic = catalogue.former_tactic_alone(pair.tactic)
    return (tactic, None) if tactic else None


def _same_before(pair: Pair, catalogue: Catalogue) -> _Names | None:
    technique = catalogue.former_technique(pair.technique or "", pair.former)
    tactic = technique and catalogue.former_tactic(pair.tactic, technique, pair.former_tactic)
    return (tactic, technique) if tactic else None


def _technique_row(
    entry: Entry, tactic: Tactic, technique: Technique, spoken: Release, catalogue: Catalogue
) -> dict[str, Any]:
    parent = spoken.techniques.get(technique.parent_id or "")
    row: dict[str, Any] = {
        "id": technique.id,
        "name": technique.name,
        "url": _url(technique, spoken, catalogue),
        "parent": {"id": parent.id, "name": parent.name} if parent else None,
        "tactic": {"id": tactic.id, "name": tactic.name},
        "confidence": entry.confidence,
        "source": entry.source,
        "rationale": entry.rationale,
        "evidence": [{"field": shown.field, "value": shown.value} for shown in entry.evidence],
    }
    if spoken is catalogue.former:
        row["rationale"] = _in_former_ids(entry, catalogue)
        key, release, other = "since", catalogue.pinned, _names_now(entry.pair, catalogue)
    else:
        key, release = "formerly", catalogue.former
        other = _same_before(entry.pair, catalogue) or (tactic, technique)
    said = _other_names(release.version, *other)
    if said != _other_names(release.version, tactic, technique):
        row[key] = said
    return row


def _url(item: Tactic | Technique, spoken: Release, catalogue: Catalogue) -> str:
    return item.url if spoken is catalogue.pinned else archived_url(item.url, spoken.version)


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
