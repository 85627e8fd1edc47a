"""Summarise the observed activity of a finding: action, actor, source or destination."""

from __future__ import annotations

from enricher.finding.event import Finding
from enricher.finding.fields import Block, rows_at, text_at, value_at, whole_at

_ACTION = "service.action."
_CALL = f"{_ACTION}awsApiCallAction."
_KUBERNETES = f"{_ACTION}kubernetesApiCallAction."
_NETWORK = f"{_ACTION}networkConnectionAction."
_LOGIN = f"{_ACTION}rdsLoginAttemptAction."
_USER = "resource.kubernetesDetails.kubernetesUserDetails.username"
_MAX_PARTS = 2


def activity_of(finding: Finding, subject: str = "") -> str:
    """Return the observed activity in a few words, such as "CreateUser by eve from 203.0.113.9"; "" if none.

    subject: the actor or resource already shown next to this text, left out here. Parts of the text are
    attacker-controlled: sanitise it for the place where it is shown (see `safe_text`).
    """
    parts = []
    for describe in _DESCRIBERS:
        if part := describe(finding, subject):
            parts.append(part)
        if len(parts) == _MAX_PARTS:
            break
    return ", ".join(parts)


def _api_call(finding: Finding, subject: str) -> str:
    api = finding.text(f"{_CALL}api")
    if not api:
        return ""
    who = finding.text("resource.accessKeyDetails.userName") or finding.text(
        "resource.accessKeyDetails.principalId"
    )
    outcome = "failed " if finding.text(f"{_CALL}errorCode") else ""
    return f"{outcome}{api}{_by(who, subject)}{_from(finding, _CALL)}"


def _kubernetes_call(finding: Finding, subject: str) -> str:
    verb, resource, below, namespace = (
        finding.text(f"{_KUBERNETES}{key}") for key in ("verb", "resource", "subresource", "namespace")
    )
    if not verb:
        return ""
    what = f"{verb} {resource}/{below}" if below else f"{verb} {resource}"
    where = f" in {namespace}" if namespace else ""
    return f"{what.strip()}{where}{_by(finding.text(_USER), subject)}{_from(finding, _KUBERNETES)}"


def _login_attempts(finding: Finding, subject: str) -> str:
    action = finding.at(_LOGIN[:-1])
    if not isinstance(action, dict):
        return ""
    row = _first(action, "LoginAttributes") or _first(action, "loginAttributes")
    failed, succeeded = (whole_at(row, f"{how}LoginAttempts") or 0 for how in ("failed", "successful"))
    user = text_at(row, "user")
    who = f" as {user}" if user and user != subject else ""
    return f"{failed} failed and {succeeded} successful log-ins{who}{_from(finding, _LOGIN)}"


def _process(finding: Finding, _: str) -> str:
    process = "service.runtimeDetails.process."
    path = finding.text(f"{process}executablePath") or finding.text(f"{process}name")
    user = finding.text(f"{process}user")
    return f"{path}{f' as {user}' if user else ''}" if path else ""


def _network_connection(finding: Finding, _: str) -> str:
    address = _address(finding.view, _NETWORK)
    if not address:
        return ""
    if finding.text(f"{_NETWORK}connectionDirection") == "INBOUND":
        port = finding.text(f"{_NETWORK}localPortDetails.port")
        return f"from {address}{f' to port {port}' if port else ''}"
    port = finding.text(f"{_NETWORK}remotePortDetails.port")
    return f"to {address}{f' port {port}' if port else ''}"


def _port_probe(finding: Finding, _: str) -> str:
    row = _first(finding.view, f"{_ACTION}portProbeAction.portProbeDetails")
    port, address = whole_at(row, "localPortDetails.port"), _address(row, "")
    return f"port {port} probed from {address}" if port and address else ""


def _dns_request(finding: Finding, _: str) -> str:
    domain = finding.text(f"{_ACTION}dnsRequestAction.domain")
    return f"looked up {domain}" if domain else ""


def _malware(finding: Finding, _: str) -> str:
    by_name = "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames"
    threat = _first(finding.view, by_name) or _first(finding.view, "service.malwareScanDetails.threats")
    file = _first(threat, "filePaths") or _first(threat, "itemPaths")
    name, path = text_at(threat, "name"), text_at(file, "filePath") or text_at(file, "nestedItemPath")
    return f"{name} in {path}" if name and path else name


def _attack_sequence(finding: Finding, subject: str) -> str:
    sequence = finding.at("service.detection.sequence")
    signals = value_at(sequence, "signals")
    if not isinstance(signals, list) or not signals:
        return ""
    names = (text_at(actor, "user.name") for actor in rows_at(sequence, "actors"))
    only = text_at(_first(sequence, "signals"), "name") if len(signals) == 1 else ""
    address = text_at(_first(sequence, "endpoints"), "ip")
    where = f" from {address}" if address else ""
    return f"{only or f'{len(signals)} signals'}{_by(next(filter(None, names), ''), subject)}{where}"


_DESCRIBERS = (
    _api_call,
    _kubernetes_call,
    _login_attempts,
    _process,
    _network_connection,
    _port_probe,
    _dns_request,
    _malware,
    _attack_sequence,
)


def _by(who: str, subject: str) -> str:
    return f" by {who}" if who and who != subject else ""


def _from(finding: Finding, action: str) -> str:
    address = _address(finding.view, action)
    return f" from {address}" if address else ""


def _address(block: Block, action: str) -> str:
    return text_at(block, f"{action}remoteIpDetails.ipAddressV4") or text_at(
        block, f"{action}remoteIpDetails.ipAddressV6"
    )


def _first(block: Block, path: str) -> Block:
    return next(iter(rows_at(block, path)), {})
