"""State in one sentence what happened: a subject, a verb and the point, such as "i-0abc looked up …"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from enricher.finding.api_calls import Call, failure_of, is_denied
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.fields import text_at, whole_at
from enricher.finding.network import Connection
from enricher.finding.resources import main_resource
from enricher.finding.safe_text import single_line

#: Maximum characters of one name in the sentence; the finding's details have it in full.
_NAME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the sentence is made of, each name sanitised and cut; "" for what the finding does not show.

    short: maximum characters of a name in a short sentence, or 0; address: the first remote address or
    domain, and how many others there are.
    """

    finding: Finding
    context: Context
    short: int
    resource: str
    actor: str
    address: str
    process: str

    @classmethod
    def of(cls, finding: Finding, context: Context, short: int) -> _Facts:
        limit = short or _NAME_LIMIT
        principal = next(iter(context.principals), None)
        addresses = dict.fromkeys(it.remote.ip or it.remote.domain for it in context.connections)
        first, *others = addresses or [""]
        address = single_line(first, limit) if first else ""
        process = context.process
        path = (process.path or process.name) if process else ""
        return cls(
            finding,
            context,
            short,
            resource=_resource_name(finding, context, short),
            actor=single_line(principal.name or principal.uid, limit) if principal else "",
            address=f"{address} and {len(others)} more" if others else address,
            process=single_line(path.rpartition("/")[2] or path if short else path, limit) if path else "",
        )

    def name(self, text: str) -> str:
        return single_line(text, self.short or _NAME_LIMIT)

    @property
    def workload(self) -> str:
        """Return where a process ran: the container or pod if there is one, else the resource."""
        container = self.context.container
        name = container.name if container and container.name else ""
        if not name or name == self.resource:
            return self.resource
        return self.name(name) if self.short else f"{self.name(name)} on {self.resource}"

    @property
    def peer(self) -> Connection | None:
        return next(iter(self.context.connections), None)


def _resource_name(finding: Finding, context: Context, short: int) -> str:
    """Return the affected resource: an instance with its Name tag, any other by its name."""
    limit = short or _NAME_LIMIT
    resource = main_resource(finding.view, context.resources)
    if resource is None:
        return single_line(finding.text("resource.resourceType"), limit) or "unnamed resource"
    short_name = resource.short_name
    if resource.kind != "AWS::EC2::Instance" or resource.name in ("", short_name):
        return single_line(short_name, limit)
    return single_line(resource.name if short else f"{short_name} ({resource.name})", limit)


def statement_of(finding: Finding, context: Context, *, short: int = 0) -> str:
    """Return one sentence without a full stop; its names are finding content on one line, not de-fanged.

    short: for an e-mail subject, the maximum characters of a name. A finding that shows no activity has its
    type and resource.
    """
    facts = _Facts.of(finding, context, short)
    for describe in _DESCRIBERS:
        if text := describe(facts):
            return text
    return f"GuardDuty reported {facts.name(finding.type) or 'a finding without a type'} on {facts.resource}"


def _attack_sequence(facts: _Facts) -> str:
    signals = facts.finding.at("service.detection.sequence.signals")
    if not isinstance(signals, list) or not signals:
        return ""
    actors = [facts.name(it.name or it.uid) for it in facts.context.principals]
    if len(signals) == 1:
        # A custom detection rule: its only signal is the rule.
        what = facts.name(text_at(signals[0], "name")) or "one signal"
        rule = facts.name(text_at(facts.finding.view, "customDetectionRuleName")) or what
        rule = rule if facts.short else f"rule {rule} matched activity"
        return f"{rule}{_by(actors)}{_from(facts.address)}"
    where = "" if actors else f" on {facts.resource}"
    if facts.short:
        others = f" and {len(actors) - 1} more" if len(actors) > 1 else ""
        return f"attack sequence, {actors[0]}{others}" if actors else f"attack sequence{where}"
    return f"{len(signals)} signals form an attack sequence{_by(actors)}{where}{_from(facts.address)}"


def _by(actors: list[str]) -> str:
    if not actors:
        return ""
    return f" by {actors[0]}" + (f", then {actors[1]}" if len(actors) == 2 else "") + (
        f" and {len(actors) - 1} more" if len(actors) > 2 else ""
    )  # fmt: skip


def _from(address: str) -> str:
    return f" from {address}" if address else ""


def _api_call(facts: _Facts) -> str:
    call = facts.context.call
    if call is None:
        return ""
    who, what = facts.actor or "an unnamed caller", _called(facts, call)
    error = failure_of(facts.finding)
    short, verb = ("", "called")
    if error:
        short, verb = (" DENIED", "was denied") if is_denied(error) else (" FAILED", "failed to call")
    if call.operation == "ConsoleLogin":
        verb = "failed to log in to" if error else "logged in to"
        return f"{who} {verb} the console{_from(facts.address)}"
    if facts.short:
        return f"{what}{short}, {who}{_from(facts.address)}"
    if "PromptInjection" in facts.finding.type and not error:
        return f"{who} sent a suspected prompt injection with {what}{_from(facts.address)}"
    return f"{who} {verb} {what}{_from(facts.address)}"


def _called(facts: _Facts, call: Call) -> str:
    what = facts.name(call.operation)
    if call.service == "kubernetes":
        what += f" in {facts.name(call.namespace)}" if call.namespace else ""
        return what if facts.short else f"{what} on {facts.resource}"
    others = {it.name for it in facts.context.calls} - {call.operation}
    if facts.short:
        return what
    # An access key is the caller's, not what the call is about.
    named = facts.resource not in (facts.actor, "unnamed resource")
    target = facts.resource if named else _affected(facts)
    what += f" on {target}" if target else ""
    return what + (f" and {len(others)} other call{'s' * (len(others) > 1)}" if others else "")


def _affected(facts: _Facts) -> str:
    """Return the name of the only resource that the reported call affected, or ""."""
    affected = facts.finding.at("service.action.awsApiCallAction.affectedResources")
    texts = [it for it in affected.values() if isinstance(it, str)] if isinstance(affected, dict) else []
    if len(texts) != 1:
        return ""
    return facts.name(re.split(r"[/:]", texts[0].rstrip("/:"))[-1])


def _login(facts: _Facts) -> str:
    logins = facts.context.logins
    if logins is None:
        return ""
    who = facts.address or "an unnamed client"
    user, more = facts.name(next(iter(logins.users), "")), len(logins.users) - 1
    user = f" as {user}{f' and {more} more' if more > 0 else ''}" if user and not facts.short else ""
    if logins.successful or (logins.successful is None and "Successful" in facts.finding.type):
        before = f" after {logins.failed} failures" if logins.failed else ""
        return f"{who} logged in to {facts.resource}{user}{before}"
    if logins.failed or "FailedLogin" in facts.finding.type:
        times = f", {logins.failed} times" if logins.failed and logins.failed > 1 else ""
        return f"{who} failed to log in to {facts.resource}{user}{times}"
    return f"{who} tried to log in to {facts.resource}{user}"


#: What a process did, by the family of the type; {p} is the process, {w} where it ran (or at the end).
_DEEDS = (
    ("ReverseShell", "{w} opened a reverse shell ({p})"),
    ("CryptoMinerExecuted", "crypto miner {p} ran on"),
    ("MaliciousFileExecuted", "malicious file {p} ran on"),
    ("NewBinaryExecuted", "new binary {p} ran on"),
    ("SuspiciousTool", "suspicious tool {p} ran on"),
    ("SuspiciousCommand", "{p} ran a suspicious command on"),
    ("SuspiciousShellCreated", "{p} started a suspicious shell on"),
    ("FilelessExecution", "{p} ran from memory on"),
    ("ProcessInjection", "{p} injected code into another process on"),
    ("PtraceAntiDebugging", "{p} evaded debugging on"),
    ("NewLibraryLoaded", "{p} loaded a new library on"),
    ("KernelModuleLoaded", "{p} loaded a kernel module on"),
    ("DockerSocketAccessed", "{p} accessed the Docker socket on"),
    ("RuncContainerEscape", "{p} changed runc, a container escape, on"),
    ("CGroupsReleaseAgentModified", "{p} changed a cgroup's release_agent on"),
    ("ContainerMountsHostDirectory", "{p} mounted a host directory on"),
    ("UserfaultfdUsage", "{p} used userfaultfd on"),
    ("ElevationToRoot", "{p} gained root on"),
    ("SensitiveFileModified", "{p} changed a sensitive file on"),
)


def _process(facts: _Facts) -> str:
    if not facts.process or facts.context.domain or facts.peer:
        deed = next((deed for name, deed in _DEEDS if name in facts.finding.type), "")
        if not facts.process or not deed:
            return ""
    else:
        deed = next((deed for name, deed in _DEEDS if name in facts.finding.type), "{p} ran on")
    names = {"{p}": facts.process, "{w}": facts.workload}
    return re.sub(r"\{[pw]\}", lambda found: names[found[0]], deed if "{w}" in deed else f"{deed} {{w}}")


#: What kind of domain or address it is, by the family of the type.
_REMOTE_KINDS = (
    ("C&CActivity", "C&C"),
    ("BlackholeTraffic", "sinkholed"),
    ("BitcoinTool", "cryptocurrency"),
    ("BitcoinDomain", "cryptocurrency"),
    ("DGADomain", "generated"),
    ("DropPoint", "drop-point"),
    ("DriveBySource", "drive-by"),
    ("PhishingDomain", "phishing"),
    ("AbusedDomain", "abused"),
    ("MaliciousDomain", "malicious"),
    ("SuspiciousDomain", "suspicious"),
    ("TorClient", "Tor"),
    ("TorRelay", "Tor"),
    ("TorIPCaller", "Tor"),
    ("MaliciousIPCaller", "listed"),
)


def _kind(facts: _Facts) -> str:
    return next((f"{kind} " for family, kind in _REMOTE_KINDS if family in facts.finding.type), "")


def _dns_request(facts: _Facts) -> str:
    domain = facts.name(facts.context.domain)
    if not domain:
        return ""
    if "DNSDataExfiltration" in facts.finding.type:
        return f"{facts.workload} sent data in DNS queries for {domain}"
    by = "" if facts.short or not facts.process else f" ({facts.process})"
    return f"{facts.workload}{by} looked up {_kind(facts)}domain {domain}"


#: What a connection was for, by the family of the type: from the resource outward, and toward it.
_ATTEMPTS = (
    ("SSHBruteForce", "tried SSH passwords at"),
    ("RDPBruteForce", "tried RDP passwords at"),
    ("WinRMBruteForce", "tried WinRM passwords at"),
    ("Portscan", "scanned ports of"),
    ("PortSweep", "swept a port across"),
    ("DenialOfService", "sent a flood of traffic to"),
    ("Spambot", "sent mail to"),
    ("NetworkPortUnusual", "used an unusual port at"),
    ("TrafficVolumeUnusual", "sent an unusual volume to"),
)


def _network_connection(facts: _Facts) -> str:
    peer = facts.peer
    if peer is None or facts.finding.at("service.action.networkConnectionAction") is None:
        return ""
    family = facts.finding.type.casefold()
    verb = next((verb for name, verb in _ATTEMPTS if name.casefold() in family), "")
    if peer.outbound is False:
        port = f" port {peer.local.port}" if peer.local.port is not None and not facts.short else ""
        return f"{_kind(facts)}{facts.address} {verb or 'connected to'} {facts.workload}{port}"
    port = f" port {peer.remote.port}" if peer.remote.port is not None and not facts.short else ""
    port = "" if verb == "scanned ports of" else port
    what = f"{verb} " if verb else f"connected to {_kind(facts)}{'address ' if _kind(facts) else ''}"
    return f"{facts.workload} {what}{facts.address}{port}"


def _port_probe(facts: _Facts) -> str:
    rows = facts.finding.at("service.action.portProbeAction.portProbeDetails")
    if not isinstance(rows, list) or not facts.address:
        return ""
    ports = dict.fromkeys(whole_at(row, "localPortDetails.port") for row in rows)
    named = [str(port) for port in ports if port is not None]
    port = f"port {named[0]}" if len(named) == 1 else f"{len(named)} ports" if named else "a port"
    return f"{facts.address} probed {port} of {facts.resource}"


def _malware(facts: _Facts) -> str:
    threat = next(iter(facts.context.threats), None)
    if threat is None:
        return ""
    path = facts.name(threat.path.rpartition("/")[2] if facts.short else threat.path)
    others = len(facts.context.threats) - 1
    what = f"malware {facts.name(threat.name)}" if threat.name else "malware"
    where = f" in {path}" if path and not facts.short else ""
    more = f" and {others} more file{'s' * (others > 1)}" if others else ""
    return f"{what} found{where}{more} on {facts.resource}"


_DESCRIBERS: tuple[Callable[[_Facts], str], ...] = (
    _attack_sequence,
    _process,
    _api_call,
    _login,
    _dns_request,
    _port_probe,
    _network_connection,
    _malware,
)
