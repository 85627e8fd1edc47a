"""Decide which ATT&CK entry of a finding comes first.

GuardDuty's own data, then evidence and the mapping's record (or the name of an unknown type), in the order
that docs/evidence.md states. A team's override comes before all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from enricher.attack.catalog import Pair, parent_id
from enricher.enrichment.evidence import call_failed, find_evidence
from enricher.enrichment.finding_type import TypeMeaning, meaning_of
from enricher.enrichment.guardduty_attack import find_native
from enricher.enrichment.ranking import DENIED_CALL, FAILED_CALL, attempt_note
from enricher.enrichment.tag import Entry, lowered, surer
from enricher.enrichment.unknown_type import read_type
from enricher.finding.api_calls import Call, calls_of, failure_of
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record


def decide_entries(
    finding: Finding, record: Record | None, mapping: AttackMapping, calls: Sequence[Call] | None = None
) -> tuple[Entry, ...]:
    """Return the entries of a finding, the primary one first.

    record: the mapping record of the finding type, None for an unknown type; calls: the finding's, read here
    if None.
    """
    stated = find_native(finding, mapping, record)
    if record and not record.pairs:
        # A record without entries is a deliberate decision: evidence must not override it, and an override
        # without entries leaves the finding untagged.
        return () if record.is_override else combine_entries(stated)
    calls = calls_of(finding) if calls is None else calls
    evidence = find_evidence(finding, record, mapping, calls)
    own = entries_of(record) if record else read_type(finding.type, mapping)
    if record and record.is_override:
        return combine_entries(own, stated, evidence)
    if call_failed(finding, calls):
        note = attempt_note(failure_of(finding))
        own = tuple(_attempted(entry, note) for entry in own)
    if ruled_out := {technique for entry in evidence for technique in entry.rules_out}:
        own = tuple(entry for entry in own if not _is_ruled_out(entry.pair, ruled_out))
        evidence = tuple(entry for entry in evidence if not _is_ruled_out(entry.pair, ruled_out))
    ordered = _order(evidence, own, meaning_of(finding.type, record, mapping)) if evidence else own
    entries = combine_entries(_lead_of(stated, own) if stated else (), ordered)
    return _with_reason(entries, own) if record else entries


@lru_cache(maxsize=512)
def entries_of(record: Record) -> tuple[Entry, ...]:
    """Return the entries of a mapping record, in its order; () for a record without pairs."""
    return tuple(
        Entry(pair, confidence, "finding-type", record.rationale) for pair, confidence in record.rated_pairs
    )


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


def _order(evidence: Sequence[Entry], own: Sequence[Entry], meaning: TypeMeaning) -> list[Entry]:
    """Return evidence and own entries in order of precedence, (a) to (d) as docs/evidence.md lists them.

    own: the entries of the record, or those that the name of an unknown type indicates.
    """
    first, later = own[:1], list(own[1:])
    on_aim: list[Entry] = []
    less_sure: list[Entry] = []
    surer_than_own: list[Entry] = []
    rest: list[Entry] = []
    for entry in evidence:
        known = next((n for n, item in enumerate(later) if covers(entry.pair, item.pair)), None)
        if first and meaning.is_act and entry.of_call:
            rest.append(entry)
        elif meaning.has_tactic(entry.pair.tactic):
            is_less_sure = bool(first) and covers(entry.pair, first[0].pair) and surer(first[0], entry)
            if is_less_sure and entry.pair.technique != first[0].pair.technique:
                less_sure.append(entry)
            elif is_less_sure and entry.of_call:
                # A call says what was done, not that the finding is less certain than others of its type.
                on_aim.append(entry._replace(confidence=first[0].confidence))
            else:
                on_aim.append(entry)
        elif known is not None:
            later[known] = _raised(later[known], entry)
        elif not first or surer(entry, first[0]):
            surer_than_own.append(entry)
        else:
            rest.append(entry)
    return [*on_aim, *surer_than_own, *first, *less_sure, *later, *rest]


def _lead_of(stated: tuple[Entry, ...], own: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return GuardDuty's entries with the first of the record's that GuardDuty states in front.

    The order of the lists in an attack sequence has no meaning.
    """
    for entry in own:
        for item in stated:
            if covers(item.pair, entry.pair):
                return (item, *(other for other in stated if other is not item))
    for entry in own:
        for item in stated:
            if entry.pair.technique in (item.pair.technique, parent_id(item.pair.technique or "")):
                return (item, *(other for other in stated if other is not item))
    return stated


def covers(pair: Pair, other: Pair) -> bool:
    """Return whether a pair is another one, or a sub-technique of it under the same tactic."""
    return pair.tactic == other.tactic and other.technique in (
        pair.technique,
        parent_id(pair.technique or ""),
    )


def _raised(entry: Entry, evidence: Entry) -> Entry:
    """Return an entry of the record with the fields, and the confidence if higher, of evidence for it."""
    best = evidence if surer(evidence, entry) else entry
    return entry._replace(
        confidence=best.confidence,
        source="evidence",
        rationale=evidence.rationale,
        evidence=evidence.evidence,
    )


def _attempted(entry: Entry, note: str) -> Entry:
    """Return an entry of the record for a call that was refused: an attempt, of lower confidence."""
    return entry._replace(confidence=lowered(entry.confidence), rationale=f"{note} {entry.rationale}")


def _is_ruled_out(pair: Pair, ruled_out: set[str]) -> bool:
    return bool(pair.technique) and bool(ruled_out & {pair.technique, parent_id(pair.technique or "")})


def _with_reason(entries: tuple[Entry, ...], own: Sequence[Entry]) -> tuple[Entry, ...]:
    """Add the record's rationale to the entry that replaced the record's first, if no other one has it."""
    if not own or any(entry.source == "finding-type" for entry in entries):
        return entries
    place = next((n for n, entry in enumerate(entries) if covers(entry.pair, own[0].pair)), 0)
    entry = entries[place]
    reason = own[0].rationale.removeprefix(f"{FAILED_CALL} ").removeprefix(f"{DENIED_CALL} ")
    told = entry._replace(rationale=f"{entry.rationale} {reason}")
    return (*entries[:place], told, *entries[place + 1 :])
