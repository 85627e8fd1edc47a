"""Rank what the matched rules say of a finding, and merge it to a few entries."""

from __future__ import annotations

from collections.abc import Iterable

from enricher.attack.catalog import parent_id
from enricher.enrichment.finding_type import Reading, TypeMeaning
from enricher.enrichment.matching import CLUSTER, Match
from enricher.enrichment.rules import Rule
from enricher.enrichment.tag import Entry, lowered
from enricher.finding.api_calls import is_denied
from enricher.finding.paths import Shown
from enricher.mapping.model import CONFIDENCES

#: Maximum number of entries from evidence in one finding.
MAX_ENTRIES = 5
#: Maximum number of evidence fields in one entry; more would add no information.
_MAX_EVIDENCE = 6
#: In front of what a call means, where it did not succeed; the first sentence is an alert's outcome.
IF_SUCCESSFUL = "What it means when it succeeds:"
DENIED_CALL = f"The call was denied and nothing changed. {IF_SUCCESSFUL}"
FAILED_CALL = f"The call failed and nothing changed. {IF_SUCCESSFUL}"
ON_BEHALF = "An AWS service made the call on someone's behalf, which is often routine."


def rank_matches(matches: Iterable[Match], meaning: TypeMeaning, failure: Shown | None) -> tuple[Entry, ...]:
    """Return the entries of the matches, the strongest first, at most MAX_ENTRIES.

    failure: the HTTP status of a Kubernetes API call that failed, None for any other finding.
    """
    ranked = [_rank_match(match, meaning, failure) for match in matches]
    if len(ranked) > 1:
        ranked.sort(key=lambda item: item[0])
    return _merge([entry for _, entry in ranked])


def choose_reading(rule: Rule, meaning: TypeMeaning) -> Reading:
    """Return the reading of a rule with the best score for this finding, of equal scores the most common.

    A tactic that only the record names does not displace the most common reading: reading an object is
    Collection, even if stolen credentials were used.
    """
    if len(rule.readings) == 1:
        return rule.readings[0]
    return max(rule.readings, key=lambda reading: max(meaning.score(reading), 1))


def attempt_note(error: str) -> str:
    """Return what precedes the rationale of a call with an error: that it was denied, or failed."""
    return DENIED_CALL if is_denied(error) else FAILED_CALL


def _rank_match(
    match: Match, meaning: TypeMeaning, failure: Shown | None
) -> tuple[tuple[bool, int, int, bool], Entry]:
    """Return a match as an entry with its sort key: tactic, confidence, score, rules with a scope first."""
    rule = match.rule
    reading = choose_reading(rule, meaning)
    score = min(meaning.score(reading), 2)
    if rule.scope and rule.scope[2]:
        # A rule for exactly this family was written with its findings in mind; a family that describes only
        # the caller leaves the tactic of the call to the purpose.
        score = max(score, 1 if meaning.is_by_caller else 2)
    # GuardDuty stated the tactic in the purpose; a technique of an unrelated tactic is less certain.
    steps = 1 if meaning.purpose_tactics and not score else 0
    rationale, evidence, call = rule.rationale, match.shown, match.call
    error = call.error if call else ""
    if failure and any(item.field.startswith(CLUSTER) for item in evidence):
        evidence = tuple(dict.fromkeys((*evidence, failure)))
        error = error or f"HTTP {failure.value}"
    if error:
        steps, rationale = steps + 1, f"{attempt_note(error)} {rationale}"
    if call and call.by_service:
        steps, rationale = steps + 1, f"{rationale} {ON_BEHALF}"
    confidence = lowered(reading.confidence, steps)
    of_call = call is not None
    entry = Entry(reading.pair, confidence, "evidence", rationale, evidence, rule.rules_out, of_call)
    leads = meaning.has_tactic(reading.tactic) and not (meaning.is_act and of_call)
    return (not leads, CONFIDENCES.index(confidence), -score, not rule.scope), entry


def _merge(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return each pair once with the evidence of all its matches; a sub-technique includes its parent."""
    merged: dict[tuple[str, str | None], Entry] = {}
    for entry in _with_all_ruled_out(entries):
        key = (entry.pair.tactic, entry.pair.technique)
        if key in merged:
            evidence = tuple(dict.fromkeys(merged[key].evidence + entry.evidence))[:_MAX_EVIDENCE]
            merged[key] = merged[key]._replace(evidence=evidence)
        elif len(merged) < MAX_ENTRIES and all(
            key != (tactic, parent_id(technique or "")) for tactic, technique in merged
        ):
            short = len(entry.evidence) <= _MAX_EVIDENCE
            merged[key] = entry if short else entry._replace(evidence=entry.evidence[:_MAX_EVIDENCE])
    return tuple(merged.values())


def _with_all_ruled_out(entries: list[Entry]) -> list[Entry]:
    """Return the entries, each with what any of them rules out: the limit on the entries must not lose it.

    For a pair the evidence with the highest confidence decides what it rules out: one public bucket outweighs
    a closed one.
    """
    if not any(entry.rules_out for entry in entries):
        return entries
    surest = {(entry.pair.tactic, entry.pair.technique): entry for entry in reversed(entries)}
    ruled_out = tuple(dict.fromkeys(technique for entry in surest.values() for technique in entry.rules_out))
    return [entry._replace(rules_out=ruled_out) for entry in entries] if ruled_out else entries
