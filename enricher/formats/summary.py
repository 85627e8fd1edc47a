"""Summarise a finding for people as labelled rows; the formats escape the values themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from enricher.enrichment.attack_block import full_name, other_release
from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.headline import attack_phrase
from enricher.enrichment.statement import statement_of
from enricher.finding.api_calls import failure_of, is_denied
from enricher.finding.context import Context, Principal
from enricher.finding.event import Finding
from enricher.finding.fields import time_at, whole_at
from enricher.finding.network import Connection
from enricher.finding.resources import main_resource
from enricher.finding.safe_text import plain
from enricher.finding.sequence import Signal, read_signals

#: Maximum numbers shown; what is left out is counted.
_MAX_PRINCIPALS, _MAX_REMOTES, _MAX_RESOURCES, _MAX_THREATS, _MAX_VALUES, _MAX_SIGNALS = 2, 3, 3, 2, 5, 10

_MAX_ACTORS, _MAX_AGENT = 4, 40
_CALLS, _MINOR = "Calls", frozenset(("Addresses", "Session", "Part of sequence", "Scan for finding"))

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Summary:
    """What people read about a finding, as (label, value) rows of unescaped finding content, none empty.

    title: GuardDuty's own; outcome: that nothing changed or that it was blocked; who: actor, addresses,
    resource, process; signals: of an attack sequence; facts: what else decides; attack: the techniques; why:
    the rationale of the first one; seen: its evidence that no row shows.
    """

    when: str
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
    who = _sequence_who_rows(context) if is_sequence else _who_rows(finding, context)
    first = attack["techniques"][0] if attack["techniques"] else None
    printed = " ".join((statement_of(finding, context), *(value for _, value in who)))
    facts = _fact_rows(context, printed)
    printed += " ".join(value for _, value in facts)
    return Summary(
        when=_when(finding),
        title=_sentence(finding.text("title")),
        outcome=_outcome(finding, context),
        who=who,
        signals=_signal_rows(signals) if is_sequence else [],
        facts=facts,
        attack=attack_rows(enriched),
        why=first["rationale"] if first else "",
        seen=[
            (shown["field"].rpartition(".")[2], shown["value"])
            for shown in (first["evidence"] if first and not is_sequence else ())
            if shown["field"] != "type" and shown["value"] not in printed
        ][:_MAX_VALUES],
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _outcome(finding: Finding, context: Context) -> str:
    if error := failure_of(finding):
        return f"{'Denied' if is_denied(error) else 'Failed'} ({error}): nothing changed."
    return "It was blocked." if context.blocked else ""


def _sequence_who_rows(context: Context) -> Rows:
    rows = [("Who", _who(it)) for it in context.principals[:_MAX_ACTORS]]
    more = len(context.principals) - len(rows)
    rows += [("On", _few(tuple(it.short_name for it in context.resources)))] if not rows else []
    return [*rows, *([("More", f"{more} more actors")] if more > 0 else [])]


def _who_rows(finding: Finding, context: Context) -> Rows:
    rows = [("Who", _who(it)) for it in context.principals[:_MAX_PRINCIPALS]]
    rows += [
        ("Tried" if failure_of(finding) else "Called", _some(fact.values))
        for fact in context.facts
        if fact.label == _CALLS
    ]
    for place, connection in enumerate(context.connections[:_MAX_REMOTES]):
        agent = _agent(context.call.user_agent) if context.call and not place else ""
        label = "To" if connection.outbound else "From"
        rows.append((label, join_filled((_place(connection), agent))))
    main = main_resource(finding.view, context.resources)
    keys = {principal.credential for principal in context.principals}
    shown = {main, *(it for it in context.resources if it.kind == "Container" and context.container)}
    others = [it for it in context.resources if it.uid not in keys and it not in shown]
    if main and main.uid not in keys:
        rows.append(("On", _named(main.short_name, main.name)))
    rows += [("With", _named(it.short_name, it.name)) for it in others[:_MAX_RESOURCES]]
    rows += [(name, str(it)) for name, it in (("Process", context.process), ("Parent", context.parent)) if it]
    rows += [("Malware", join_filled((it.name, it.path, it.sha256))) for it in context.threats[:_MAX_THREATS]]
    if context.container:
        rows.append(("In", join_filled((context.container.name, context.container.image))))
    left = {
        "principals": len(context.principals) - _MAX_PRINCIPALS,
        "addresses": len(context.connections) - _MAX_REMOTES,
        "resources": len(others) - _MAX_RESOURCES,
        "threats": len(context.threats) - _MAX_THREATS,
        "containers": len(context.containers) - 1,
    }
    more = ", ".join(f"{count} more {name}" for name, count in left.items() if count > 0)
    return [(label, value) for label, value in (*rows, ("More", more)) if value]


def _agent(text: str) -> str:
    """Return the first words of a user agent: product and version; the rest names the machine's libraries."""
    shown = ""
    for word in plain(text).split():
        if shown and len(shown) + len(word) >= _MAX_AGENT:
            break
        shown = f"{shown} {word}".strip()
    return shown


def _fact_rows(context: Context, printed: str) -> Rows:
    """Return the facts that no other row shows, those that rarely decide last."""
    facts = [it for it in context.facts if it.label != _CALLS and not all(v in printed for v in it.values)]
    return [(it.label, _some(it.values)) for it in sorted(facts, key=lambda it: it.label in _MINOR)]


def _some(values: tuple[str, ...]) -> str:
    values = tuple(dict.fromkeys(values))
    shown = ", ".join(values[:_MAX_VALUES])
    return f"{shown} ({len(values) - _MAX_VALUES} more)" if len(values) > _MAX_VALUES else shown


def _signal_rows(signals: list[Signal]) -> Rows:
    """Return (time, what happened) of each signal; of many the first ones and the last one."""
    shown = signals if len(signals) <= _MAX_SIGNALS else [*signals[: _MAX_SIGNALS - 1], signals[-1]]
    rows = [(f"{it.started:%H:%M}" if it.started else "-", _signal(it)) for it in shown]
    if len(signals) > len(shown):
        rows.insert(_MAX_SIGNALS - 1, ("...", f"{len(signals) - len(shown)} more signals"))
    return rows


def _signal(signal: Signal) -> str:
    tactics, actor = ", ".join(signal.tactics[:2]), signal.actors[0] if signal.actors else ""
    where = f"from {_few(signal.addresses)}" if signal.addresses else ""
    target = f"({_few(signal.resources)})" if signal.resources else ""
    head = f"{tactics}:" if tactics else ""
    return join_filled((head, actor, signal.name, where, target), " ")


def _few(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} and {len(values) - 1} more"


def attack_rows(enriched: EnrichedFinding) -> Rows:
    """Return the ATT&CK rows: tactic and name of the first technique, the others in short."""
    attack = enriched.attack
    if not attack["techniques"]:
        text = attack_phrase(attack, known=enriched.known)
        names = ", ".join(f"{tactic['name']} ({tactic['id']})" for tactic in attack["tactics"])
        return [("", join_filled((names, text), ": ")), *_atlas_rows(attack)]
    first, *others = attack["techniques"]
    possibly = "possibly " if first["confidence"] == "low" else ""
    rows = [("", f"{first['tactic']['name']}: {possibly}{technique_name(first)} ({first['confidence']})")]
    if len(others) <= 2:
        rows += [("also", f"{technique_name(row)} ({row['confidence']})") for row in others]
    else:
        by_tactic: dict[str, list[str]] = {}
        for row in others:
            by_tactic.setdefault(row["tactic"]["name"], []).append(row["id"])
        rows.append(("also", "; ".join(f"{', '.join(ids)} {name}" for name, ids in by_tactic.items())))
    if not enriched.known:
        rows.append(("", f"type not in mapping {attack['mapping']}"))
    return rows + _atlas_rows(attack)


def _atlas_rows(attack: Mapping[str, Any]) -> Rows:
    return [("", f"MITRE ATLAS {attack['atlas']}")] if attack["atlas"] else []


def technique_name(row: Mapping[str, Any]) -> str:
    """Return "ID name", for a sub-technique "ID parent: name", with what the other release says instead."""
    name, other = f"{row['id']} {full_name(row)}", other_release(row)
    if other is None:
        return name
    word = "was" if "formerly" in row else "now"
    changed = other["id"] if other["id"] != row["id"] else other["tactic"]["name"]
    return f"{name} ({word} {changed})"


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


def join_filled(parts: Iterable[str | None], separator: str = ", ") -> str:
    """Return the non-empty parts, joined by the separator."""
    return separator.join(part for part in parts if part)


def _named(uid: str, name: str) -> str:
    return f"{uid} ({name})" if name and name != uid else uid


def _when(finding: Finding) -> str:
    first, last = (time_at(finding.view, f"service.{key}") for key in ("eventFirstSeen", "eventLastSeen"))
    seen = [f"{moment:%Y-%m-%d %H:%M}" for moment in (first, last) if moment]
    if first and last and first.date() == last.date():
        seen[1] = f"{last:%H:%M}" if f"{last:%H:%M}" != f"{first:%H:%M}" else ""
    count = whole_at(finding.view, "service.count") or 0
    separator = "-" if first and last and first.date() == last.date() else " to "
    span = f"{join_filled(seen, separator)} UTC" if seen else ""
    return join_filled((span, f"{count} times" if count > 1 else ""))


def _who(principal: Principal) -> str:
    name = join_filled((principal.kind, principal.name or principal.uid), " ")
    return f"{name}, key {principal.credential}" if principal.credential else name


def _place(connection: Connection) -> str:
    remote = connection.remote
    port = remote.port if connection.outbound else connection.local.port
    name = remote.port_name if connection.outbound else connection.local.port_name
    ports = f"{'' if connection.outbound else 'to '}port {port}" if port is not None else ""
    ports += f" ({name})" if ports and name else ""
    network = join_filled((f"AS{remote.asn}" if remote.asn else "", remote.network), " ")
    return join_filled(
        (join_filled((remote.ip, remote.domain), " "), ports, remote.city, remote.country, network)
    )
