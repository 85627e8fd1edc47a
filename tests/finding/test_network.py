"""Test the connections and addresses that are read from a finding."""

from __future__ import annotations

from enricher.finding.network import instance_addresses
from tests.finding.findings import context


def remotes(**detail: object) -> list[str]:
    """Return the remote addresses of a finding."""
    return [connection.remote.ip for connection in context(**detail).connections]


def test_sources_of_a_kubernetes_call_are_connections() -> None:
    """Source addresses must be read whether or not the finding also describes the first of them."""
    details = {"ipAddressV4": "198.51.100.7"}
    for described in ({}, {"remoteIpDetails": None}, {"remoteIpDetails": details}):
        action = {"sourceIPs": ["198.51.100.7", "2001:db8::7", "no address", 7], **described}
        assert ["198.51.100.7", "2001:db8::7"] == remotes(
            service={"action": {"kubernetesApiCallAction": action}}
        )


def test_all_endpoints_of_a_sequence_are_read() -> None:
    """A sequence may name 400 endpoints; none of them may be lost, or its appearance would not be noticed."""
    endpoints = [{"ip": f"198.51.{number // 200}.{number % 200}"} for number in range(400)]
    found = remotes(service={"detection": {"sequence": {"endpoints": endpoints}}})
    assert [row["ip"] for row in endpoints] == found


def test_instance_has_all_its_addresses() -> None:
    """Private, secondary, IPv6 and public addresses of every interface must be read, each once."""
    interfaces = [
        {
            "privateIpAddress": "10.0.0.12",
            "privateIpAddresses": [{"privateIpAddress": "10.0.0.12"}, {"privateIpAddress": "10.0.0.13"}],
            "ipv6Addresses": ["2001:DB8:0::12", None],
            "publicIp": "192.0.2.10",
        },
        {"privateIpAddress": "10.0.1.12", "ipv6Addresses": "none"},
    ]
    expected = ["10.0.0.12", "10.0.0.13", "2001:db8::12", "192.0.2.10", "10.0.1.12"]
    assert expected == instance_addresses({"networkInterfaces": interfaces})
