"""Tag a finding: gather what GuardDuty, the evidence, the mapping and the type's name say, and settle it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from enricher.alert import alert_block
from enricher.attack import FRAMEWORK, Catalogue, Tactic, Technique, parent_id
from enricher.entry import Entry
from enricher.evidence import find_evidence
from enricher.finding import Finding
from enricher.grammar import read_type
from enricher.mapping import Mapping, Record
from enricher.native import find_native


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
    entries = settle_entries(
        find_native(finding, mapping),
        find_evidence(finding, record, mapping),
        entries_of(record) if record else read_type(finding.type, mapping),
    )
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
    """Write the `attack` object in the pinned release (default) or the former one."""
    catalogue = mapping.catalogue
    backwards = release == catalogue.former.version
    techniques, tactics = [], {}
    for entry in entries:
        now = _names_now(entry, catalogue)
        before = _names_before(entry, catalogue) if entry.pair.technique else None
        if backwards:
            spoken, other = before if entry.pair.technique else (now[0], None), now
        else:
            spoken, other = now, before
        if spoken is None:
            continue
        tactic, technique = spoken
        tactics.setdefault(tactic.id, {"id": tactic.id, "name": tactic.name, "url": tactic.url})
        if technique is None or any(
            (row["id"], row["tactic"]["id"]) == (technique.id, tactic.id) for row in techniques
        ):
            continue
        row = _technique_row(entry, tactic, technique, catalogue, backwards=backwards)
        if other and other != spoken:
            key, version = ("since", catalogue.pinned.version) if backwards else ("formerly", catalogue.former.version)
            row[key] = _other_names(version, *other)
        techniques.append(row)
    block: dict[str, Any] = {
        "framework": FRAMEWORK,
        "version": catalogue.former.version if backwards else catalogue.pinned.version,
        "mapping": mapping.version,
        "status": "mapped" if techniques else "tactic-only" if tactics else "unmapped",
        "tactics": list(tactics.values()),
        "techniques": techniques,
    }
    if record and record.atlas:
        block["atlas"] = [{"id": key, "name": name} for key, name in record.atlas]
    return block


_Names = tuple[Tactic, Technique | None]


def _names_now(entry: Entry, catalogue: Catalogue) -> _Names:
    technique = entry.pair.technique
    return catalogue.pinned.tactics[entry.pair.tactic], catalogue.pinned.techniques[technique] if technique else None


def _names_before(entry: Entry, catalogue: Catalogue) -> _Names | None:
    pair = entry.pair
    technique = catalogue.former_technique(pair.technique or "", pair.former)
    tactic = technique and catalogue.former_tactic(pair.tactic, technique, pair.former_tactic)
    return (tactic, technique) if tactic else None


def _technique_row(
    entry: Entry, tactic: Tactic, technique: Technique, catalogue: Catalogue, *, backwards: bool
) -> dict[str, Any]:
    release = catalogue.former if backwards else catalogue.pinned
    parent = release.techniques.get(technique.parent_id or "")
    return {
        "id": technique.id,
        "name": technique.name,
        "url": technique.url,
        "parent": {"id": parent.id, "name": parent.name} if parent else None,
        "tactic": {"id": tactic.id, "name": tactic.name},
        "confidence": entry.confidence,
        "source": entry.source,
        "rationale": entry.rationale,
        "evidence": [{"field": shown.field, "value": shown.value} for shown in entry.evidence],
    }


def _other_names(version: str, tactic: Tactic, technique: Technique | None) -> dict[str, Any]:
    assert technique is not None, "a tactic alone has no other name"
    return {
        "version": version,
        "id": technique.id,
        "name": technique.name,
        "tactic": {"id": tactic.id, "name": tactic.name},
    }
