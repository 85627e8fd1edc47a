"""State what a process did on a host or in a container, or which malware was found there."""

from __future__ import annotations

import re

from enricher.enrichment.statement_facts import StatementFacts

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
    ("PtraceAntiDebugging", "{p} blocked debuggers on"),
    ("NewLibraryLoaded", "{p} loaded a new library on"),
    ("KernelModuleLoaded", "{p} loaded a kernel module on"),
    ("DockerSocketAccessed", "{p} accessed the Docker socket on"),
    ("RuncContainerEscape", "{p} attempted a runc container escape on"),
    ("CGroupsReleaseAgentModified", "{p} changed a cgroup's release_agent on"),
    ("ContainerMountsHostDirectory", "{p} mounted a host directory on"),
    ("UserfaultfdUsage", "{p} used userfaultfd on"),
    ("ElevationToRoot", "{p} gained root on"),
    ("SensitiveFileModified", "{p} changed a sensitive file on"),
)


def process_activity(facts: StatementFacts) -> str:
    """Return what a process did and where; "" if a connection or DNS request says more."""
    if not facts.process:
        return ""
    otherwise = "" if facts.context.domain or facts.peer else "{p} ran on"
    deed = next((deed for name, deed in _DEEDS if name in facts.finding.type), otherwise)
    if not deed:
        return ""
    if facts.context.container:
        deed = re.sub(r" on$", " in", deed)
    names = {"{p}": facts.process, "{w}": facts.workload}
    return re.sub(r"\{[pw]\}", lambda found: names[found[0]], deed if "{w}" in deed else f"{deed} {{w}}")


def malware(facts: StatementFacts) -> str:
    """Return the first threat that a malware scan found, and where; "" if none was."""
    threat = next(iter(facts.context.threats), None)
    if threat is None:
        return ""
    path = facts.name(threat.path)
    others = len(facts.context.threats) - 1
    kind = "suspicious file" if "SuspiciousFile" in facts.finding.type else "malware"
    what = f"{kind} {facts.name(threat.name)}" if threat.name else kind
    if facts.short:
        return f"{what} found{f' in {others + 1} files' if others else ''} on {facts.resource}"
    where = f" in {path}" if path else ""
    more = f" and {others} more file{'s' * (others > 1)}" if others else ""
    return f"{what} found{where}{more} on {facts.resource}"
