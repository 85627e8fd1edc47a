"""Say in labelled rows what a scene shows: the words are here, the escaping is the format's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enricher.finding.context import Call, Principal, Process, Scene
from enricher.finding.event import Finding
from enricher.finding.fields import text_at, time_at, whole_at
from enricher.finding.network import Endpoint
from enricher.finding.resources import Resource

#: Resources that are listed; the others are counted.
_RESOURCES = 3

Rows = list[tuple[str, str]]


def scene_rows(finding: Finding, scene: Scene) -> Rows:
    """Give (label, value) rows, the most needed first; values are raw finding content and never empty."""
    rows = [("When", _when(finding))]
    if text_at(finding.view, "service.resourceRole") == "ACTOR":
        rows.append(("Role", "ACTOR: the resource itself did this, suspect it"))
    rows += [("Who", _who(principal)) for principal in scene.principals[:2]]
    rows += [("Call", _call(scene.call))] if scene.call else []
    for connection in scene.connections[:3]:
        ends = (connection.local, connection.remote)
        rows += zip(("From", "To"), map(_place, ends if connection.outbound else ends[::-1]), strict=True)
    rows += [("Domain", scene.domain), ("Blocked", "yes" if scene.blocked else "")]
    rows += [
        (label, _process(it)) for label, it in (("Process", scene.process), ("Parent", scene.parent)) if it
    ]
    rows += [("Malware", join_filled((threat.name, threat.path))) for threat in scene.threats[:2]]
    rows += [("Resource", _resource(resource)) for resource in _other_resources(scene)[:_RESOURCES]]
    return _filled(rows)


def minor_rows(scene: Scene) -> Rows:
    """Give the (label, value) rows that a reader can do without."""
    rows = []
    if scene.call:
        rows.append(("Agent", scene.call.user_agent))
    if scene.container:
        rows.append(("Container", join_filled((scene.container.name, scene.container.image))))
    if (hidden := len(_other_resources(scene)) - _RESOURCES) > 0:
        rows.append(("More", f"{hidden} further resources in the finding"))
    return _filled(rows)


def full_name(row: Mapping[str, Any]) -> str:
    """Give a technique's id and name, with its parent's name before it."""
    parent = f"{row['parent']['name']}: " if row["parent"] else ""
    return f"{row['id']} {parent}{row['name']}"


def parent_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parent of a sub-technique's row, with its page, which is above that of the sub-technique."""
    return {**row["parent"], "url": row["url"].rstrip("/").rpartition("/")[0] + "/"}


def other_names(row: Mapping[str, Any]) -> list[str]:
    """Say what a technique is called in the other ATT&CK release, where that differs."""
    return [
        f"In ATT&CK {other['version']}: "
        + join_filled((join_filled((other["id"], other["name"]), " "), other["tactic"]["name"]))
        for other in (row.get(key) for key in ("formerly", "since"))
        if other
    ]


def join_filled(parts: Iterable[str | None], separator: str = ", ") -> str:
    """Join the parts that are not empty."""
    return separator.join(part for part in parts if part)


def _filled(rows: Rows) -> Rows:
    return [(label, value) for label, value in rows if value]


def _other_resources(scene: Scene) -> list[Resource]:
    keys = {principal.credential for principal in scene.principals}
    return [resource for resource in scene.resources if resource.uid not in keys]


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
    return join_filled((f"{call.operation} {target}", f"refused: {call.error}" if call.error else ""))


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


def _process(process: Process) -> str:
    pid = f"pid {process.pid}" if process.pid is not None else ""
    user = f"user {process.user}" if process.user else ""
    return join_filled((process.path or process.name, pid, user))
