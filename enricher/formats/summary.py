"""Summarize a finding for people as labelled rows; the formats escape the values themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.ranking import DENIED_CALL, FAILED_CALL, IF_SUCCESSFUL
from enricher.enrichment.statement import NO_ACTIVITY, statement_of
from enricher.finding.api_calls import failure_of, is_denied
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.facts import Fact
from enricher.finding.fields import time_at, whole_at
from enricher.finding.sequence import Signal, read_signals
from enricher.formats.rows import MAX_VALUES, Rows, first_of, join_filled, listed
from enricher.formats.technique_text import attack_rows
from enricher.formats.unusual_rows import unusual_rows
from enricher.formats.who_rows import CALLS, sequence_who_rows, who_rows

#: Maximum number of signals shown; what is left out is counted.
_MAX_SIGNALS = 10
#: Labels of the facts that are worth no words of an e-mail.
RAW = frozenset(("Address family", "Iana protocol number"))
#: Labels of the facts that rarely decide.
MINOR = frozenset(
    ("Host addresses", "Session", "Part of sequence", "Scan for finding", "Flags", "Process hash", *RAW)
)
#: Share of a sentence's long words in another one that makes it a repetition, and how many such words a
#: sentence has that is compared: a longer one says more beside the repetition.
_REPEATED, _COMPARED = 0.75, range(4, 7)
#: A sentence with such a word denies or restricts another one, and does not repeat it.
_RESTRICTION = re.compile(r"\b(?:no|not|never|if|unless|without|only)\b", re.IGNORECASE)
#: Last steps of evidence fields that the other rows say in words.
_IMPLIED = frozenset(
    ("api", "serviceName", "resourceRole", "anomalousAPIs", "verb", "resource", "subresource", "process")
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What people read about a finding, as (label, value) rows of unescaped finding content, none empty.

    is_generic: whether the statement says no more than the finding's type; title: GuardDuty's own, "" where
    every call failed; outcome: that nothing changed or that it was blocked; who: actor, addresses, resource,
    process; signals: of an attack sequence; facts: what else decides; attack: the techniques; why: the
    rationale of the first one; seen: its evidence that no row shows.
    """

    when: str
    is_generic: bool
    title: str
    outcome: str
    who: Rows
    signals: Rows
    facts: Rows
    attack: Rows
    why: str
    seen: Rows


def summarize(enriched: EnrichedFinding, context: Context) -> Summary:
    """Return the summary of a finding."""
    finding, attack = enriched.finding, enriched.attack
    signals = read_signals(finding.view)
    is_sequence = len(signals) > 1
    who = sequence_who_rows(context) if is_sequence else who_rows(finding, context)
    first = attack["techniques"][0] if attack["techniques"] else None
    statement = statement_of(finding, context)
    # The statement names first who acted: only what it was on is told, not that a user changed itself.
    named = [
        *re.findall(r" on (\S+)", statement),
        *(value for label, value in who if label in ("On", "With")),
    ]
    resources = " ".join(named)
    printed = " ".join((statement, *(value for _, value in who)))
    facts, outcome = _fact_rows(enriched.facts, printed, resources), _outcome(finding, context)
    if failed := bool(failure_of(finding)):
        # GuardDuty's texts describe a denied call as made.
        facts = [row for row in facts if row[0] != "Signal"]
    elif (text := finding.text("description")) and (
        not enriched.known or finding.text("customDetectionRuleName")
    ):
        # A rule's signals name what was changed; where they say nothing, GuardDuty's description may. For a
        # type that is not known, it may be all that says who did what.
        has_signal = any(fact.label == "Signal" for fact in enriched.facts)
        facts = facts if has_signal else [("Description", text), *facts]
    printed = " ".join((printed, outcome, *(value for _, value in facts)))
    return Summary(
        when=_when(finding),
        is_generic=statement.startswith(NO_ACTIVITY),
        title="" if failed else _sentence(finding.text("title")),
        outcome=outcome,
        who=who,
        signals=_signal_rows(signals, resources) if is_sequence else [],
        facts=facts,
        attack=attack_rows(enriched),
        why=_why(first["rationale"] if first else "", outcome),
        seen=[] if is_sequence or first is None else _seen_rows(first, printed),
    )


def _seen_rows(first: Mapping[str, Any], printed: str) -> Rows:
    """Return the evidence for a technique that no other row shows, nothing for GuardDuty's own list."""
    if first["source"] == "guardduty":
        return []
    rows = [(_last_step(it["field"]), it["value"]) for it in first["evidence"] if it["field"] != "type"]
    return [row for row in rows if row[0] not in _IMPLIED and not _is_told(row[1], printed)][:MAX_VALUES]


def _last_step(field: str) -> str:
    """Return the last step of a path that says something: of threatNames[1].name it is threatNames."""
    *_, parent, last = "", *field.split(".")
    return parent.partition("[")[0] or last if last in ("name", "port") else last


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _outcome(finding: Finding, context: Context) -> str:
    if error := failure_of(finding):
        return f"{'Denied' if is_denied(error) else 'Failed'} ({error}): nothing changed."
    return "The activity was blocked." if context.blocked else ""


def _fact_rows(facts: Iterable[Fact], printed: str, resources: str) -> Rows:
    """Return the facts that no other row shows, those that rarely decide last.

    printed: the text of the other rows; resources: of those that name resources.
    """
    rows = []
    for fact in sorted(facts, key=lambda it: it.label in MINOR):
        if fact.label == "Unusual":
            rows += unusual_rows(fact.values, printed)
            continue
        values = tuple(it for it in fact.values if not it.startswith("uid "))
        if fact.label == "Tags":
            values = tuple(it for it in values if not _is_name_of(it, resources))
        elif fact.label == "Bucket access" and len(values) == 1:
            value, _, name = values[0].partition(" (")
            values = (value,) if _is_told(name.rstrip(")"), resources) else values
        elif fact.label == "Affected":
            values = tuple(it for it in values if not _is_told(re.split(r"[/:]", it)[-1], resources))
            # An ARN says the type.
            values = tuple(it.partition(" ")[2] if " arn:" in it else it for it in values)
        if fact.label != CALLS and not all(_is_told(it, printed) for it in values):
            rows.append((fact.label, listed(values)))
    return rows


def _is_told(value: str, printed: str) -> bool:
    """Return whether a text contains a value as whole words: the path / is not told by another path."""
    return f" {_words_of(value)} " in f" {_words_of(printed)} "


def _words_of(text: str) -> str:
    return " ".join(re.sub(r"[,()]|\.(?=[\s)]|\Z)", " ", text).split())


def _is_name_of(tag: str, resources: str) -> bool:
    """Return whether a tag is the name with which a resource is printed already."""
    key, _, value = tag.partition("=")
    return key.lower() == "name" and _is_told(value, resources)


def _signal_rows(signals: list[Signal], on: str) -> Rows:
    """Return (time, what happened) of each signal; of many the first ones and the last one.

    on: what the sequence was on as another row prints it: not repeated where all signals have that alone.
    """
    shown = signals if len(signals) <= _MAX_SIGNALS else [*signals[: _MAX_SIGNALS - 1], signals[-1]]
    names = {name for it in signals for name in it.resources}
    is_named = len(names) == 1 and all(_is_told(name, on) for name in names)
    rows = [(f"{it.started:%H:%M}" if it.started else "-", _signal(it, with_on=not is_named)) for it in shown]
    if len(signals) > len(shown):
        rows.insert(_MAX_SIGNALS - 1, ("...", f"{len(signals) - len(shown)} more signals"))
    return rows


def _signal(signal: Signal, *, with_on: bool) -> str:
    actor = signal.actors[0] if signal.actors else ""
    # A finding type begins with its purpose.
    tactics = [it for it in signal.tactics[:2] if not signal.type.startswith(f"{it.replace(' ', '')}:")]
    where = f"from {first_of(signal.addresses)}" if signal.addresses else ""
    target = f"({first_of(signal.resources)})" if signal.resources and with_on else ""
    head = f"{', '.join(tactics)}:" if tactics else ""
    told = join_filled((head, actor, signal.type or signal.name, where, target), " ")
    return f"{told}, {signal.times} times" if signal.times > 1 else told


def _why(rationale: str, outcome: str) -> str:
    """Return a rationale without the sentence on the outcome if that is stated already."""
    note = next((it for it in (DENIED_CALL, FAILED_CALL) if rationale.startswith(it)), "")
    told = f"{IF_SUCCESSFUL}{rationale.removeprefix(note)}" if note and outcome else rationale
    return without_repeats(told)


def without_repeats(text: str) -> str:
    """Return a text without sentences that say again what one before them does.

    The rationale of a rule and that of the record follow each other, and both begin with the deed.
    """
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?]) ", text):
        words = _long_words(sentence)
        is_repeated = any(len(words & _long_words(it)) >= _REPEATED * len(words) for it in kept)
        if len(words) not in _COMPARED or not is_repeated or _RESTRICTION.search(sentence):
            kept.append(sentence)
    return " ".join(kept)


def _long_words(sentence: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w']{5,}", sentence.lower()))


def _when(finding: Finding) -> str:
    first, last = (time_at(finding.view, f"service.{key}") for key in ("eventFirstSeen", "eventLastSeen"))
    seen = [f"{moment:%Y-%m-%d %H:%M}" for moment in (first, last) if moment]
    if first and last and first.date() == last.date():
        seen[1] = f"{last:%H:%M}" if f"{last:%H:%M}" != f"{first:%H:%M}" else ""
    count = whole_at(finding.view, "service.count") or 0
    separator = "-" if first and last and first.date() == last.date() else " to "
    span = f"{join_filled(seen, separator)} UTC" if seen else ""
    return join_filled((span, f"finding seen {count} times" if count > 1 else ""))
