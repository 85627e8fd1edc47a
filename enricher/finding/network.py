"""Read the network connections of a finding, one per remote endpoint, from the resource's point of view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from enricher.finding.event import Finding
from enricher.finding.fields import (
    Block,
    address_at,
    address_of,
    block_at,
    number_at,
    rows_at,
    text_at,
    texts_at,
    value_at,
    whole_at,
)

#: Maximum number of endpoints of a sequence (GuardDuty's own) and of sources of a Kubernetes call.
_MAX_ENDPOINTS = 400


class Endpoint(NamedTuple):
    """One endpoint of a connection; asn: autonomous system number; network: the name of its organization."""

    ip: str = ""
    port: int | None = None
    port_name: str = ""
    domain: str = ""
    city: str = ""
    country: str = ""
    country_code: str = ""
    latitude: float | None = None
    longitude: float | None = None
    asn: int | None = None
    network: str = ""


class Connection(NamedTuple):
    """A connection between a local (AWS) and a remote endpoint.

    outbound: None if not stated; action: the member of `service.action` that has it, "" in a sequence.
    """

    remote: Endpoint
    local: Endpoint = Endpoint()
    outbound: bool | None = None
    transport: str = ""
    action: str = ""


_CALLERS = ("awsApiCallAction", "kubernetesApiCallAction", "rdsLoginAttemptAction")
_PROBES = "portProbeAction.portProbeDetails"
_OUTBOUND = {"INBOUND": False, "OUTBOUND": True}


def read_connections(finding: Finding) -> list[Connection]:
    """List a finding's connections, those of the action before those of an attack sequence."""
    action, detection = finding.action, finding.service.get("detection")
    found = [
        Connection(_endpoint(action[name], "remote"), outbound=False, action=name)
        for name in _CALLERS
        if name in action
    ]
    if network := block_at(action, "networkConnectionAction"):
        found.append(
            Connection(
                _endpoint(network, "remote"),
                _endpoint(network, "local"),
                _OUTBOUND.get(text_at(network, "connectionDirection")),
                text_at(network, "protocol"),
                "networkConnectionAction",
            )
        )
    found += [
        Connection(
            _endpoint(probe, "remote"),
            _endpoint(probe, "local"),
            outbound=False,
            action="portProbeAction",
        )
        for probe in (rows_at(action, _PROBES, _MAX_ENDPOINTS) if "portProbeAction" in action else ())
    ]
    found += [
        Connection(_sequence_endpoint(row), outbound=_OUTBOUND.get(text_at(row, "connection.direction")))
        for row in (rows_at(detection, "sequence.endpoints", _MAX_ENDPOINTS) if detection else ())
    ]
    found = [connection for connection in found if connection.remote.ip or connection.remote.domain]
    call = action.get("kubernetesApiCallAction")
    return found + _callers(call, found) if call else found


def _callers(call: Block, found: list[Connection]) -> list[Connection]:
    """List the sources of a Kubernetes call: findings as they arrive often state the caller only there."""
    sources = value_at(call, "sourceIPs")
    addresses = map(address_of, sources[:_MAX_ENDPOINTS] if isinstance(sources, list) else ())
    known = {connection.remote.ip for connection in found}
    return [
        Connection(Endpoint(ip), outbound=False, action="kubernetesApiCallAction")
        for ip in dict.fromkeys(addresses)
        if ip and ip not in known
    ]


def instance_addresses(instance: object) -> list[str]:
    """List the distinct addresses of an instance: per interface private, secondary, IPv6 and public ones."""
    return [*named_addresses(instance)]


def named_addresses(instance: object) -> dict[str, str]:
    """Return what each address of an instance is: "private", "IPv6" or "public"."""
    found: dict[str, str] = {}
    for interface in rows_at(instance, "networkInterfaces"):
        for kind, address in _of_interface(interface):
            if address:
                found.setdefault(address, kind)
    return found


def _of_interface(interface: Block) -> Iterator[tuple[str, str]]:
    yield "private", address_at(interface, "privateIpAddress")
    for row in rows_at(interface, "privateIpAddresses"):
        yield "private", address_at(row, "privateIpAddress")
    others = value_at(interface, "ipv6Addresses")
    for item in others[:_MAX_ENDPOINTS] if isinstance(others, list) else ():
        yield "IPv6", address_of(item)
    yield "public", address_at(interface, "publicIp")


def _endpoint(block: object, side: str) -> Endpoint:
    details = block_at(block, f"{side}IpDetails")
    port = block_at(block, f"{side}PortDetails")
    if not details and not port:
        return Endpoint()
    port_name = text_at(port, "portName") if port else ""
    location, organization = details.get("geoLocation"), details.get("organization")
    country, country_code = texts_at(details.get("country"), ("countryName", "countryCode"))
    return Endpoint(
        ip=address_of(details.get("ipAddressV4")) or address_of(details.get("ipAddressV6")),
        port=whole_at(port, "port", 65_535) if port else None,
        port_name="" if port_name == "Unknown" else port_name,
        city=text_at(details.get("city"), "cityName"),
        country=country,
        country_code=country_code,
        latitude=_degrees(location, "lat", 90) if location else None,
        longitude=_degrees(location, "lon", 180) if location else None,
        asn=whole_at(organization, "asn", 2**32 - 1) if organization else None,
        network=text_at(organization, "asnOrg") if organization else "",
    )


def _sequence_endpoint(row: Block) -> Endpoint:
    return Endpoint(
        ip=address_at(row, "ip"),
        port=whole_at(row, "port", 65_535),
        domain=text_at(row, "domain"),
        city=text_at(row, "location.city"),
        country=text_at(row, "location.country"),
        latitude=_degrees(row, "location.lat", 90),
        longitude=_degrees(row, "location.lon", 180),
        asn=whole_at(row, "autonomousSystem.number", 2**32 - 1),
        network=text_at(row, "autonomousSystem.name"),
    )


def _degrees(block: object, path: str, maximum: int) -> float | None:
    number = number_at(block, path)
    return number if number is not None and -maximum <= number <= maximum else None
