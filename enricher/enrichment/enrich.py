"""Tag a finding: combine entries from GuardDuty, from evidence, and from the mapping or the type name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import parent_id
from enricher.enrichment.alert import Alert, alert_block
from enricher.enrichment.attack_block import Attack, attack_block
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.guardduty_attack import find_native
from enricher.enrichment.tag import Entry
from enricher.enrichment.unknown_type import read_type
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record


@dataclass(frozen=True, slots=True)
class EnrichedFinding:
    """One finding with its ATT&CK entries (primary first) and the two objects added to the event.

    attack, alert: the objects of the enriched event, as docs/enriched-event.md describes them.
    """

    finding: Finding
    entries: tuple[Entry, ...]
    attack: Attack = field(repr=False)
    alert: Alert = field(repr=False)

    def as_event(self) -> dict[str, Any]:
        """Return the enriched event: the original event plus `attack` and `alert`."""
        return {**self.finding.event, "attack": self.attack, "alert": self.alert}


def enrich(finding: Finding, mapping: AttackMapping, release: str | None = None) -> EnrichedFinding:
    """Return a finding with its ATT&CK entries, `attack` and `alert`.

    Never raises: a finding of an unknown type or unexpected shape gets the best available tags.
    release: the ATT&CK version to output, the pinned one (None) or the former one.
    """
    record = mapping.record_for(finding.type)
    # A record without entries is a deliberate decision: evidence must not override it.
    is_gap = record is not None and not record.pairs
    shown = (find_native(finding, mapping), () if is_gap else find_evidence(finding, record, mapping))
    if record and record.is_override:
        # A team's override comes first; an override without entries leaves the finding untagged.
        entries = combine_entries(entries_of(record), *shown) if record.pairs else ()
    else:
        entries = combine_entries(*shown, entries_of(record) if record else read_type(finding.type, mapping))
    attack = attack_block(entries, record, mapping, release, finding.type)
    return EnrichedFinding(finding, entries, attack, alert_block(finding, attack))


def entries_of(record: Record) -> tuple[Entry, ...]:
    """Return the entries of a mapping record, in its order; () for a record without pairs."""
    return tuple(Entry(pair, record.confidence, "finding-type", record.rationale) for pair in record.pairs)


def combine_entries(*sources: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries of all sources in order of precedence, without redundant ones; the first is primary.

    A parent technique, or a tactic alone, is redundant if a sub-technique or technique is already listed
    under the same tactic.
    """
    combined: list[Entry] = []
    covered: set[tuple[str, str | None]] = set()
    for entry in (entry for source in sources for entry in source):
        tactic, technique = entry.pair.tactic, entry.pair.technique
        if (tactic, technique) in covered:
            continue
        combined.append(entry)
        covered |= {(tactic, technique), (tactic, None)}
        if technique and (parent := parent_id(technique)):
            covered.add((tactic, parent))
    return tuple(combined)
