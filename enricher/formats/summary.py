"""Summarise a finding for people as labelled rows; the formats escape the values themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from enricher.enrichment.attack_block import full_name, other_release
from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.headline import attack_phrase
from enricher.enrichment.ranking import DENIED_CALL, FAILED_CALL, IF_SUCCESSFUL
from enricher.enrichment.statement import statement_of
from enricher.finding.api_calls import failure_of, is_denied
from enricher.finding.context import Context, Principal
from enricher.finding.event import Finding
from enricher.finding.fields import time_at, whole_at
from enricher.finding.network import Connection
from enricher.finding.resources import Resource, main_resource
from enricher.finding.safe_text import plain
from enricher.finding.sequence import Signal, read_signals

#: Maximum numbers shown; what is left out is counted.
_MAX_PRINCIPALS, _MAX_REMOTES, _MAX_RESOURCES, _MAX_THREATS, _MAX_VALUES, _MAX_SIGNALS = 2, 3, 3, 2, 5, 10

_MAX_ACTORS, _MAX_AGENT = 4, 40
_CALLS, _MINOR = "Calls", frozenset(("Addresses", "Session", "Part of sequence", "Scan for finding"))

#: Last steps of evidence fields that the other rows say in words.
_IMPLIED = frozenset(("api", "serviceName", "resourceRole"))
#: First words of the parts of a user agent that name the machine and the libraries.
_AGENT_PARTS = ("md/", "ua/", "os/", "api/", "lang/", "cfg/", "m/", "exec-env/", "(")

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
    facts, outcome = _fact_rows(context, printed), _outcome(finding, context)
    printed += " ".join(value for _, value in facts)
    return Summary(
        when=_when(finding),
        title=_sentence(finding.text("title")),
        outcome=outcome,
        who=who,
        signals=_signal_rows(signals) if is_sequence else [],
        facts=facts,
        attack=attack_rows(enriched),
        why=_why(first["rationale"] if first else "", outcome),
        seen=[] if is_sequence or first is None else _seen_rows(first, printed),
    )


def _seen_rows(first: Mapping[str, Any], printed: str) -> Rows:
    """Return the evidence for a technique that no other row shows, nothing for GuardDuty's own list."""
    if first["source"] == "guardduty":
        return []
    rows = [
        (it["field"].rpartition(".")[2], it["value"]) for it in first["evidence"] if it["field"] != "type"
    ]
    return [(name, value) for name, value in rows if name not in _IMPLIED and value not in printed][
        :_MAX_VALUES
    ]


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
    principals, error = _distinct_principals(context), failure_of(finding)
    rows = [("Who", _who(it)) for it in principals[:_MAX_PRINCIPALS]]
    rows += [
        ("Tried" if error else "Called", _some(tuple(it.removesuffix(f" ({error})") for it in fact.values)))
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
        rows.append(("On", _resource(main)))
    rows += [("With", _resource(it)) for it in others[:_MAX_RESOURCES]]
    rows += [(name, str(it)) for name, it in (("Process", context.process), ("Parent", context.parent)) if it]
    rows += [("Malware", join_filled((it.name, it.path, it.sha256))) for it in context.threats[:_MAX_THREATS]]
    if context.container:
        rows.append(("In", join_filled((context.container.name, context.container.image))))
    left = {
        "principal": len(principals) - _MAX_PRINCIPALS,
        "address": len(context.connections) - _MAX_REMOTES,
        "resource": len(others) - _MAX_RESOURCES,
        "threat": len(context.threats) - _MAX_THREATS,
        "container": len(context.containers) - 1,
    }
    more = ", ".join(f"{count} more {_plural(name, count)}" for name, count in left.items() if count > 0)
    return [(label, value) for label, value in (*rows, ("More", more)) if value]


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{name}es" if name.endswith("s") else f"{name}s"


def _distinct_principals(context: Context) -> list[Principal]:
    """Return the principals without those that are only the name, as Kubernetes has it, of another one."""
    named = {it.name for it in context.principals if it.kind}
    return [it for it in context.principals if it.kind or it.name not in named]


def _agent(text: str) -> str:
    """Return the first words of a user agent: product and version; the rest names the machine's libraries."""
    shown = ""
    for word in plain(text).split():
        if shown and (len(shown) + len(word) >= _MAX_AGENT or word.startswith(_AGENT_PARTS)):
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
    if len(others) == 1:
        rows += [("also", f"{technique_name(row)} ({row['confidence']})") for row in others]
    elif others:
        by_tactic: dict[str, list[str]] = {}
        for row in others:
            by_tactic.setdefault(row["tactic"]["name"], []).append(
                f"{row['id']} (low)" if row["confidence"] == "low" else row["id"]
            )
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


def _resource(resource: Resource) -> str:
    """Return the kind and the name of a resource, as "ECS Cluster web"; an instance's ID says its kind."""
    kind = resource.kind.removeprefix("AWS::").replace("::", " ")
    uid, name = resource.short_name.removeprefix(f"{kind.rpartition(' ')[2].lower()}/"), resource.name
    named = f"{uid} ({name})" if name and name != uid else uid
    if resource.kind == "AWS::EC2::Instance" or not resource.kind.startswith("AWS::"):
        return named
    return f"{kind} {named}"


def _why(rationale: str, outcome: str) -> str:
    """Return a rationale without the sentence on the outcome if that is stated already."""
    note = next((it for it in (DENIED_CALL, FAILED_CALL) if rationale.startswith(it)), "")
    return f"{IF_SUCCESSFUL}{rationale.removeprefix(note)}" if note and outcome else rationale


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
    name = principal.name or principal.uid
    name = name if name == principal.kind else join_filled((principal.kind, name), " ")
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
