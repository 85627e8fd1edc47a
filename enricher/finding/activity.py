"""Summarise the observed activity of a finding: action, actor, source or destination."""

from __future__ import annotations

from collections.abc import Iterable

from enricher.finding.context import Context

_MAX_PARTS = 2


def activity_of(context: Context, subject: str = "") -> str:
    """Return the observed activity in a few words, such as "CreateUser by eve from 203.0.113.9"; "" if none.

    subject: the actor or resource already shown next to this text, left out here. What does not fit is
    counted ("and 3 more"). Parts of the text are attacker-controlled: sanitise it where it is shown.
    """
    parts = []
    for describe in _DESCRIBERS:
        if part := describe(context, subject):
            parts.append(part)
        if len(parts) == _MAX_PARTS:
            break
    return ", ".join(parts)


def _call(context: Context, subject: str) -> str:
    call, listed = context.call, list(dict.fromkeys(call.api for call in context.calls))
    if context.signals or not (call or listed):
        return ""
    name = call.operation if call else listed[0]
    failed = "failed " if call and call.error else ""
    more = _more(len(listed) - 1, "call") if name in listed else ""
    where = f" in {call.namespace}" if call and call.namespace else ""
    return f"{failed}{name}{more}{where}{_by(context, subject)}{_from(context)}"


def _login_attempts(context: Context, subject: str) -> str:
    if context.logins is None:
        return ""
    users = context.logins.users
    who = f" as {users[0]}{_more(len(users) - 1)}" if users and users[0] != subject else ""
    return f"{context.logins}{who}{_from(context)}"


def _process(context: Context, _: str) -> str:
    process = context.process
    if process is None:
        return ""
    return f"{process.path or process.name}{f' as {process.user}' if process.user else ''}"


def _network_connection(context: Context, _: str) -> str:
    for connection in context.connections:
        if connection.action == "networkConnectionAction":
            inbound = connection.outbound is False
            port = (connection.local if inbound else connection.remote).port
            named = f"{' to' if inbound else ''} port {port}" if port else ""
            return f"{'from' if inbound else 'to'} {connection.remote.ip}{named}"
    return ""


def _port_probe(context: Context, _: str) -> str:
    probes = [it for it in context.connections if it.action == "portProbeAction" and it.local.port]
    if not probes:
        return ""
    port, addresses = probes[0].local.port, _distinct(it.remote.ip for it in probes)
    return f"port {port} probed from {addresses[0]}{_more(len(addresses) - 1)}"


def _dns_request(context: Context, _: str) -> str:
    return f"looked up {context.domain}" if context.domain and not context.call else ""


def _malware(context: Context, _: str) -> str:
    for threat in context.threats:
        text = (
            f"{threat.name} in {threat.path}" if threat.name and threat.path else threat.name or threat.path
        )
        return f"{text}{_more(len(context.threats) - 1)}"
    return ""


def _attack_sequence(context: Context, subject: str) -> str:
    signals = context.signals
    if not signals:
        return ""
    what = signals[0] if len(signals) == 1 and signals[0] else f"{len(signals)} signals"
    return f"{what}{_by(context, subject)}{_from(context)}"


_DESCRIBERS = (
    _call,
    _login_attempts,
    _process,
    _network_connection,
    _port_probe,
    _dns_request,
    _malware,
    _attack_sequence,
)


def _by(context: Context, subject: str) -> str:
    names = [principal.name or principal.uid for principal in context.principals]
    return f" by {names[0]}{_more(len(set(names)) - 1)}" if names and names[0] != subject else ""


def _from(context: Context) -> str:
    found = _distinct(it.remote.ip or it.remote.domain for it in context.connections)
    return f" from {found[0]}{_more(len(found) - 1)}" if found else ""


def _more(count: int, noun: str = "") -> str:
    plural = f" {noun}{'' if count == 1 else 's'}" if noun else ""
    return f" and {count} more{plural}" if count > 0 else ""


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
