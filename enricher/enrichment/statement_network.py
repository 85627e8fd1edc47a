"""State what a DNS request, a connection or a port probe was: "i-0abc looked up C&C domain …"."""

from __future__ import annotations

from enricher.enrichment.statement_facts import StatementFacts
from enricher.finding.fields import value_at, whole_at

#: What kind of domain or address it is, by the family of the type.
_REMOTE_KINDS = (
    ("C&CActivity", "C&C"),
    ("BlackholeTraffic", "sinkholed"),
    ("BitcoinTool", "cryptocurrency"),
    ("BitcoinDomain", "cryptocurrency"),
    ("DGADomain", "DGA"),
    ("DropPoint", "drop-point"),
    ("DriveBySource", "drive-by"),
    ("PhishingDomain", "phishing"),
    ("AbusedDomain", "abused"),
    ("MaliciousDomainRequest.Custom", "threat-listed"),
    ("MaliciousDomain", "malicious"),
    ("SuspiciousDomain", "suspicious"),
    ("MetadataDNSRebind", "rebinding"),
    ("TorClient", "Tor"),
    ("TorRelay", "Tor"),
    ("TorIPCaller", "Tor"),
    ("MaliciousIPCaller", "threat-listed"),
)


def _kind(facts: StatementFacts) -> str:
    return next((f"{kind} " for family, kind in _REMOTE_KINDS if family in facts.finding.type), "")


def _remote(facts: StatementFacts) -> str:
    kind = _kind(facts)
    return f"{kind}address " if kind else ""


def dns_request(facts: StatementFacts) -> str:
    """Return who looked up which domain; "" without a DNS request."""
    domain = facts.name(facts.context.domain)
    if not domain:
        return ""
    if "DNSDataExfiltration" in facts.finding.type:
        verb = "tried to send" if facts.blocked else "sent"
        return f"{facts.workload} {verb} data in DNS queries for {domain}{facts.blocked}"
    by = "" if facts.short or not facts.process else f" ({facts.process})"
    return f"{facts.workload}{by} looked up {_kind(facts)}domain {domain}{facts.blocked}"


#: What a connection was for, by the family of the type: from the resource outward, and toward it.
_ATTEMPTS = (
    ("SSHBruteForce", "tried SSH passwords on"),
    ("RDPBruteForce", "tried RDP passwords on"),
    ("WinRMBruteForce", "tried WinRM passwords on"),
    ("Portscan", "scanned ports of"),
    ("PortSweep", "probed"),
    ("DenialOfService", "sent a flood of traffic to"),
    ("Spambot", "sent mail to"),
    ("NetworkPortUnusual", "connected on an unusual port to"),
    ("TrafficVolumeUnusual", "sent an unusual volume of data to"),
    ("TorRelay", "relayed Tor traffic with"),
    ("UnusualDNSResolver", "sent DNS queries to unusual resolver"),
    ("UnusualDoHActivity", "sent DNS over HTTPS to"),
    ("UnusualDoTActivity", "sent DNS over TLS to"),
)


def network_connection(facts: StatementFacts) -> str:
    """Return who connected to whom; "" without a connection."""
    if facts.finding.action.get("networkConnectionAction") is None or (peer := facts.peer) is None:
        return ""
    family = facts.finding.type.casefold()
    connected = "tried to connect to" if facts.blocked else "connected to"
    verb = next((verb for name, verb in _ATTEMPTS if name.casefold() in family), "")
    if peer.outbound is False:
        port = f" port {peer.local.port}" if peer.local.port is not None and not facts.short else ""
        return f"{_remote(facts)}{facts.address} {verb or connected} {facts.workload}{port}{facts.blocked}"
    port = f" port {peer.remote.port}" if peer.remote.port is not None and not facts.short else ""
    port = "" if verb == "scanned ports of" else port
    what = f"{verb} " if verb else f"{connected} {_remote(facts)}"
    return f"{facts.workload} {what}{facts.address}{port}{facts.blocked}"


def port_probe(facts: StatementFacts) -> str:
    """Return who probed which ports of the resource; "" without a probe."""
    rows = value_at(facts.finding.action, "portProbeAction.portProbeDetails")
    if not isinstance(rows, list) or not facts.address:
        return ""
    ports = dict.fromkeys(whole_at(row, "localPortDetails.port") for row in rows)
    named = [str(port) for port in ports if port is not None]
    port = f"port {named[0]}" if len(named) == 1 else f"{len(named)} ports" if named else "a port"
    return f"{facts.address} probed {port} of {facts.resource}{facts.blocked}"
