"""Build the ASFF objects of what happened: Action, Network, Process, Malware and Threats.

Limits: https://docs.aws.amazon.com/securityhub/latest/userguide/asff-top-level-attributes.html
"""

from __future__ import annotations

from typing import Any

from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.fields import iso_time
from enricher.finding.network import Connection, Endpoint
from enricher.finding.runtime import Process
from enricher.finding.safe_text import single_line

#: ASFF's limits in items, and in characters of names and paths; the limit of Threats is 32, of which a
#: finding of 240 KB has no room for more than these.
MALWARE_LIMIT, THREATS_LIMIT, FILES_LIMIT = 5, 10, 5
_NAME, _TEXT, _PATH = 64, 128, 512
_NETWORK, _PROBE = "networkConnectionAction", "portProbeAction"
_DNS, _CALL = "dnsRequestAction", "awsApiCallAction"
_DIRECTIONS = {True: "OUTBOUND", False: "INBOUND", None: ""}


def activity_fields(finding: Finding, context: Context) -> dict[str, Any]:
    """Return the ASFF objects by name, without those for which the finding has no values."""
    fields = {
        "Action": _action(finding, context),
        "Network": _network(finding, context.connections[:1]),
        "Process": _process(context.process, context.parent) if context.process else {},
        "Malware": _malware(context),
        "Threats": _threats(context),
    }
    return {name: value for name, value in fields.items() if value}


def _action(finding: Finding, context: Context) -> dict[str, Any]:
    kind = finding.text("service.action.actionType")
    build = {
        "NETWORK_CONNECTION": _connection_action,
        "PORT_PROBE": _probe_action,
        "DNS_REQUEST": _dns_action,
        "AWS_API_CALL": _call_action,
    }.get(kind)
    details = _filled(build(finding, context)) if build else {}
    return {"ActionType": kind, **details} if details else {}


def _connection_action(finding: Finding, context: Context) -> dict[str, Any]:
    [connection] = context.connections[:1] or [Connection(Endpoint())]
    return _filled(
        {
            "NetworkConnectionAction": _filled(
                {
                    "ConnectionDirection": _DIRECTIONS[connection.outbound],
                    "RemoteIpDetails": _remote(connection.remote),
                    "RemotePortDetails": _port(connection.remote),
                    "LocalPortDetails": _port(connection.local),
                    "Protocol": single_line(connection.transport, _NAME),
                    "Blocked": _blocked(finding, _NETWORK),
                }
            )
        }
    )


def _probe_action(finding: Finding, context: Context) -> dict[str, Any]:
    probes = [
        _filled(
            {
                "LocalPortDetails": _port(connection.local),
                "LocalIpDetails": _filled({"IpAddressV4": _ipv4(connection.local.ip)}),
                "RemoteIpDetails": _remote(connection.remote),
            }
        )
        for connection in context.connections
    ]
    probes = [probe for probe in probes if probe]
    return {"PortProbeAction": _filled({"PortProbeDetails": probes, "Blocked": _blocked(finding, _PROBE)})}


def _dns_action(finding: Finding, context: Context) -> dict[str, Any]:
    protocol = finding.text(f"service.action.{_DNS}.protocol")
    action = {
        "Domain": single_line(context.domain, _TEXT),
        "Protocol": single_line(protocol, _NAME),
        "Blocked": _blocked(finding, _DNS),
    }
    return {"DnsRequestAction": _filled(action)}


def _call_action(finding: Finding, context: Context) -> dict[str, Any]:
    [connection] = context.connections[:1] or [Connection(Endpoint())]
    action = {
        "Api": single_line(context.call.operation if context.call else "", _TEXT),
        "ServiceName": single_line(context.call.service if context.call else "", _TEXT),
        "CallerType": single_line(finding.text(f"service.action.{_CALL}.callerType"), _NAME),
        "RemoteIpDetails": _remote(connection.remote),
        "DomainDetails": _filled({"Domain": single_line(context.domain, _TEXT)}),
    }
    return {"AwsApiCallAction": _filled(action)}


def _blocked(finding: Finding, action: str) -> bool | None:
    stated = finding.at(f"service.action.{action}.blocked")
    return finding.flag(f"service.action.{action}.blocked") if stated is not None else None


def _remote(endpoint: Endpoint) -> dict[str, Any]:
    located = endpoint.latitude is not None and endpoint.longitude is not None
    return _filled(
        {
            "IpAddressV4": _ipv4(endpoint.ip),
            "Organization": _filled({"Asn": endpoint.asn, "AsnOrg": single_line(endpoint.network, _TEXT)}),
            "Country": _filled(
                {
                    "CountryCode": single_line(endpoint.country_code, _NAME),
                    "CountryName": single_line(endpoint.country, _TEXT),
                }
            ),
            "City": _filled({"CityName": single_line(endpoint.city, _TEXT)}),
            "GeoLocation": {"Lat": endpoint.latitude, "Lon": endpoint.longitude} if located else {},
        }
    )


def _port(endpoint: Endpoint) -> dict[str, Any]:
    return _filled({"Port": endpoint.port, "PortName": single_line(endpoint.port_name, _TEXT)})


def _ipv4(address: str) -> str:
    return "" if ":" in address else address


def _network(finding: Finding, connections: tuple[Connection, ...]) -> dict[str, Any]:
    """Return Network: source and destination of the first connection, also of calls and log-ins."""
    network: dict[str, Any] = {}
    for connection in connections:
        outbound = connection.outbound
        if outbound is None:
            outbound = finding.text("service.resourceRole") == "ACTOR"
        ends = (connection.local, connection.remote) if outbound else (connection.remote, connection.local)
        network = {
            "Direction": _DIRECTIONS[connection.outbound].removesuffix("BOUND"),
            "Protocol": single_line(connection.transport, _NAME),
        }
        for side, end in zip(("Source", "Destination"), ends, strict=True):
            network |= {
                f"{side}IpV4": _ipv4(end.ip),
                f"{side}IpV6": end.ip if ":" in end.ip else "",
                f"{side}Port": end.port,
                f"{side}Domain": single_line(end.domain, _TEXT),
            }
    return _filled(network)


def _process(process: Process, parent: Process | None) -> dict[str, Any]:
    return _filled(
        {
            "Name": single_line(process.name, _NAME),
            "Path": single_line(process.path, _PATH),
            "Pid": process.pid,
            "ParentPid": parent.pid if parent else None,
            "LaunchedAt": iso_time(process.started) if process.started else "",
        }
    )


def _malware(context: Context) -> list[dict[str, Any]]:
    found = [
        _filled({"Name": single_line(threat.name, _NAME), "Path": single_line(threat.path, _PATH)})
        for threat in context.threats
    ]
    return [{**item, "State": "OBSERVED"} for item in found if "Name" in item][:MALWARE_LIMIT]


def _threats(context: Context) -> list[dict[str, Any]]:
    files: dict[str, list[dict[str, Any]]] = {}
    for threat in context.threats:
        if name := single_line(threat.name, _TEXT):
            listed = files.setdefault(name, [])
            file = _filled(
                {
                    "FilePath": single_line(threat.path, _PATH),
                    "FileName": single_line(threat.path.rpartition("/")[2], _PATH),
                    "Hash": threat.sha256,
                }
            )
            if file and len(listed) < FILES_LIMIT:
                listed.append(file)
    return [
        _filled({"Name": name, "FilePaths": listed}) for name, listed in list(files.items())[:THREATS_LIMIT]
    ]


def _filled(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if value not in (None, "", [], {})}
