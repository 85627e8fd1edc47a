"""Say in a few words what a finding saw happen: what, by whom, from or to where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enricher.finding import Finding

_ACTION = "service.action."
_CALL = f"{_ACTION}awsApiCallAction."
_KUBERNETES = f"{_ACTION}kubernetesApiCallAction."
_NETWORK = f"{_ACTION}networkConnectionAction."
_LOGIN = f"{_ACTION}rdsLoginAttemptAction."
_USER = "resource.kubernetesDetails.kubernetesUserDetails.username"
_MOST_PARTS = 2


def deed_of(finding: Finding, subject: str = "") -> str:
    """Say what happened in a few words, "" where the finding does not show it.

    subject: who or what is named beside it already, so that it is not named twice. The text is the
    attacker's to choose in part: make it safe for where it goes.
    """
    parts = []
    for tell in _TELLERS:
        if told := tell(finding, subject):
            parts.append(told)
        if len(parts) == _MOST_PARTS:
            break
    return ", ".join(parts)


def _called(finding: Finding, subject: str) -> str:
    api = finding.text(f"{_CALL}api")
    if not api:
        return ""
    who = finding.text("resource.accessKeyDetails.userName") or finding.text(
        "resource.accessKeyDetails.principalId"
    )
    refused = " refused" if finding.text(f"{_CALL}errorCode") else ""
    return f"{api}{refused}{_by(who, subject)}{_from(finding, _CALL)}"


def _asked_cluster(finding: Finding, subject: str) -> str:
    verb, resource, below, namespace = (
        finding.text(f"{_KUBERNETES}{key}") for key in ("verb", "resource", "subresource", "namespace")
    )
    if not verb:
        return ""
    what = f"{verb} {resource}/{below}" if below else f"{verb} {resource}"
    where = f" in {namespace}" if namespace else ""
    return f"{what.strip()}{where}{_by(finding.text(_USER), subject)}{_from(finding, _KUBERNETES)}"


def _logged_in(finding: Finding, subject: str) -> str:
    action = finding.at(_LOGIN[:-1])
    if not isinstance(action, dict):
        return ""
    row = _first(action.get("LoginAttributes") or action.get("loginAttributes"))
    failed, succeeded = _whole(row.get("failedLoginAttempts")), _whole(row.get("successfulLoginAttempts"))
    user = row.get("user")
    who = f" as {user}" if isinstance(user, str) and user and user != subject else ""
    return f"{failed} failed and {succeeded} successful log-ins{who}{_from(finding, _LOGIN)}"


def _ran(finding: Finding, _: str) -> str:
    process = "service.runtimeDetails.process."
    path = finding.text(f"{process}executablePath") or finding.text(f"{process}name")
    user = finding.text(f"{process}user")
    return f"{path}{f' as {user}' if user else ''}" if path else ""


def _connected(finding: Finding, _: str) -> str:
    address = _address(finding, _NETWORK)
    if not address:
        return ""
    if finding.text(f"{_NETWORK}connectionDirection") == "INBOUND":
        port = finding.text(f"{_NETWORK}localPortDetails.port")
        return f"from {address}{f' to port {port}' if port else ''}"
    port = finding.text(f"{_NETWORK}remotePortDetails.port")
    return f"to {address}{f' port {port}' if port else ''}"


def _probed(finding: Finding, _: str) -> str:
    row = _first(finding.at(f"{_ACTION}portProbeAction.portProbeDetails"))
    port, remote = row.get("localPortDetails"), row.get("remoteIpDetails")
    number = _whole(port.get("port")) if isinstance(port, dict) else 0
    address = remote.get("ipAddressV4") or remote.get("ipAddressV6") if isinstance(remote, dict) else ""
    return f"port {number} probed from {address}" if number and isinstance(address, str) and address else ""


def _looked_up(finding: Finding, _: str) -> str:
    domain = finding.text(f"{_ACTION}dnsRequestAction.domain")
    return f"looked up {domain}" if domain else ""


def _found(finding: Finding, _: str) -> str:
    by_name = "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames"
    threat = _first(finding.at(by_name)) or _first(finding.at("service.malwareScanDetails.threats"))
    name = threat.get("name")
    file = _first(threat.get("filePaths") or threat.get("itemPaths"))
    path = file.get("filePath") or file.get("nestedItemPath")
    where = f" in {path}" if isinstance(path, str) and path else ""
    return f"{name}{where}" if isinstance(name, str) and name else ""


def _followed(finding: Finding, subject: str) -> str:
    sequence = "service.detection.sequence."
    signals = finding.at(f"{sequence}signals")
    if not isinstance(signals, list) or not signals:
        return ""
    names = list(_names(finding.at(f"{sequence}actors")))
    only = _first(signals).get("name") if len(signals) == 1 else None
    many = only if isinstance(only, str) and only else f"{len(signals)} signals"
    address = _first(finding.at(f"{sequence}endpoints")).get("ip")
    where = f" from {address}" if isinstance(address, str) and address else ""
    return f"{many}{_by(names[0] if names else '', subject)}{where}"


_TELLERS = (
    _called,
    _asked_cluster,
    _logged_in,
    _ran,
    _connected,
    _probed,
    _looked_up,
    _found,
    _followed,
)


def _names(actors: object) -> Iterator[str]:
    for actor in actors if isinstance(actors, list) else ():
        user = actor.get("user") if isinstance(actor, dict) else None
        name = user.get("name") if isinstance(user, dict) else None
        if isinstance(name, str) and name:
            yield name


def _by(who: str, subject: str) -> str:
    return f" by {who}" if who and who != subject else ""


def _from(finding: Finding, action: str) -> str:
    address = _address(finding, action)
    return f" from {address}" if address else ""


def _address(finding: Finding, action: str) -> str:
    remote = f"{action}remoteIpDetails."
    return finding.text(f"{remote}ipAddressV4") or finding.text(f"{remote}ipAddressV6")


def _first(value: object) -> dict[str, Any]:
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) else {}


def _whole(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else 0
