"""Summarise the context of a finding as labelled rows; the formats escape the values themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enricher.enrichment.attack_block import full_name, other_release
from enricher.finding.context import Call, Context, Principal
from enricher.finding.event import Finding
from enricher.finding.fields import text_at, time_at, whole_at
from enricher.finding.network import Endpoint
from enricher.finding.resources import Resource

#: Maximum number of resources listed; the remaining ones are counted.
_MAX_RESOURCES = 3
#: Maximum number of further facts, and of values of one fact.
_MAX_FACTS, _MAX_VALUES = 12, 5

Rows = list[tuple[str, str]]


def context_rows(finding: Finding, context: Context) -> Rows:
    """Return (label, value) rows, most important first; values are unescaped finding content, never empty."""
    rows = [("When", _when(finding))]
    if text_at(finding.view, "service.resourceRole") == "ACTOR":
        rows.append(("Role", "ACTOR: the resource performed the activity and may be compromised"))
    rows += [("Who", _who(principal)) for principal in context.principals[:2]]
    rows += [("Call", _call(context.call))] if context.call else []
    for connection in context.connections[:3]:
        ends = (connection.local, connection.remote)
        rows += zip(("From", "To"), map(_place, ends if connection.outbound else ends[::-1]), strict=True)
    rows += [("Domain", context.domain), ("Blocked", "yes" if context.blocked else "")]
    rows += [
        (label, str(it)) for label, it in (("Process", context.process), ("Parent", context.parent)) if it
    ]
    rows += [("Malware", join_filled((it.name, it.path, it.sha256))) for it in context.threats[:2]]
    rows += [("Resource", _resource(resource)) for resource in _other_resources(context)[:_MAX_RESOURCES]]
    rows.append(("More", _left_out(context)))
    return _filled(rows)


def fact_rows(context: Context) -> Rows:
    """Return the further facts as (label, value) rows, at most _MAX_FACTS; the remaining ones are counted."""
    rows = [(fact.label, _some(fact.values)) for fact in context.facts[:_MAX_FACTS]]
    if (more := len(context.facts) - _MAX_FACTS) > 0:
        rows.append(("Further", f"{more} more in the finding"))
    return rows


def _some(values: tuple[str, ...]) -> str:
    shown = ", ".join(values[:_MAX_VALUES])
    return f"{shown} ({len(values) - _MAX_VALUES} more)" if len(values) > _MAX_VALUES else shown


def _left_out(context: Context) -> str:
    counts = (
        ("principals", len(context.principals) - 2),
        ("connections", len(context.connections) - 3),
        ("threats", len(context.threats) - 2),
        ("resources", len(_other_resources(context)) - _MAX_RESOURCES),
        ("containers", len(context.containers) - 1),
    )
    listed = ", ".join(f"{count} more {kind}" for kind, count in counts if count > 0)
    return f"{listed} in the finding" if listed else ""


def minor_rows(context: Context) -> Rows:
    """Return the less important (label, value) rows, which are removed first when a text is too large."""
    rows = []
    if context.call:
        rows.append(("Agent", context.call.user_agent))
    if context.container:
        rows.append(("Container", join_filled((context.container.name, context.container.image))))
    return _filled(rows)


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


def _filled(rows: Rows) -> Rows:
    return [(label, value) for label, value in rows if value]


def _other_resources(context: Context) -> list[Resource]:
    keys = {principal.credential for principal in context.principals}
    return [resource for resource in context.resources if resource.uid not in keys]


def _resource(resource: Resource) -> str:
    kind = resource.kind.removeprefix("AWS::").replace("::", " ")
    name = "" if resource.name in resource.uid else resource.name
    return f"{kind} {join_filled((resource.uid, name))}"


def _when(finding: Finding) -> str:
    first, last = (time_at(finding.view, f"service.{key}") for key in ("eventFirstSeen", "eventLastSeen"))
    seen = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (first, last) if moment]
    if first and last and first.date() == last.date():
        seen[1] = f"{last:%H:%M:%S}" if last != first else ""
    count = whole_at(finding.view, "service.count") or 0
    span = f"{join_filled(seen, ' to ')} UTC" if seen else ""
    return join_filled((span, f"{count} times" if count > 1 else ""))


def _who(principal: Principal) -> str:
    name = join_filled((principal.kind, principal.name or principal.uid), " ")
    return f"{name} (key {principal.credential})" if principal.credential else name


def _call(call: Call) -> str:
    service = call.service.removesuffix(".amazonaws.com")
    target = f"in {call.namespace}" if call.namespace else f"on {service}" if service else ""
    return join_filled((f"{call.operation} {target}", f"error: {call.error}" if call.error else ""))


def _place(endpoint: Endpoint) -> str:
    named = f" ({endpoint.port_name})" if endpoint.port_name else ""
    port = f"port {endpoint.port}{named}" if endpoint.port is not None else ""
    network = join_filled((f"AS{endpoint.asn}" if endpoint.asn else "", endpoint.network), " ")
    return join_filled(
        (
            join_filled((endpoint.ip, endpoint.domain), " "),
            port,
            join_filled((endpoint.city, endpoint.country, network)),
        )
    )
