"""Tag a finding: combine entries from GuardDuty, from evidence, and from the mapping or the type name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from enricher.enrichment.alert import Alert, alert_block, severity_label
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.attack_object import Attack
from enricher.enrichment.headline import headline
from enricher.enrichment.precedence import decide_entries
from enricher.enrichment.response import advise
from enricher.enrichment.tag import Entry
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.facts import Fact, lead_with
from enricher.mapping.model import AttackMapping


@dataclass(frozen=True, slots=True)
class EnrichedFinding:
    """One finding with its ATT&CK entries (primary first) and the two objects added to the event.

    context: who, what and where, read once for the headline, deduplication and every format; attack, alert:
    the objects of the enriched event, as docs/enriched-event.md describes them; known: whether the mapping
    has a record of the type; shows: (label, path) of the fields that it has shown first.
    """

    finding: Finding
    context: Context = field(repr=False)
    entries: tuple[Entry, ...]
    attack: Attack = field(repr=False)
    alert: Alert = field(repr=False)
    known: bool = True
    shows: tuple[tuple[str, str], ...] = ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the further facts, those that decide for the finding's type first."""
        facts = self.context.facts
        return lead_with(self.finding.view, facts, self.shows) if self.shows else facts

    def as_event(self) -> dict[str, Any]:
        """Return the enriched event: the original event plus `attack` and `alert`."""
        return {**self.finding.event, "attack": self.attack, "alert": self.alert}

    def with_alert(self, *, changes: str = "", account_name: str = "") -> EnrichedFinding:
        """Return a copy with what only a deployment knows: what an update changed, the account's name."""
        alert = self.alert.copy()
        alert["changes"], alert["accountName"] = (
            changes or alert["changes"],
            account_name or alert["accountName"],
        )
        return replace(self, alert=alert)


def enrich(finding: Finding, mapping: AttackMapping, release: str | None = None) -> EnrichedFinding:
    """Return a finding with its ATT&CK entries, `attack` and `alert`.

    Never raises: a finding of an unknown type or unexpected shape gets the best available tags.
    release: the ATT&CK version to output, the pinned one (None) or the former one.
    """
    record = mapping.record_for(finding.type)
    context = Context(finding)
    entries = decide_entries(finding, record, mapping, context.calls)
    attack = attack_block(entries, record, mapping, release, finding.type)
    severity, known = severity_label(finding.number("severity")), record is not None
    line = headline(finding, context, attack, severity, known=known)
    alert = alert_block(finding, line, *advise(finding, record, mapping))
    shows = record.shows if record else ()
    return EnrichedFinding(finding, context, entries, attack, alert, known, shows)
