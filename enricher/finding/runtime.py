"""Read the process of a runtime finding, its parent, and what GuardDuty saw it do (the runtime context)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from enricher.finding.facts import Fact, label_of, texts_of
from enricher.finding.fields import Block, iso_time, rows_at, text_at, texts_at, time_at, value_at, whole_at

CONTEXT = "service.runtimeDetails.context"
_MAX_KEYS = 50
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
#: Labels of the keys of the context whose words do not say enough; the other keys are their own labels.
_LABELS = {
    "commandLineExample": "Command",
    "scriptPath": "Script",
    "libraryPath": "Library",
    "ldPreloadValue": "LD_PRELOAD",
    "socketPath": "Socket",
    "runcBinaryPath": "Runc binary",
    "releaseAgentPath": "Release agent",
    "moduleName": "Kernel module",
    "moduleFilePath": "Module file",
    "moduleSha256": "Module hash",
    "shellHistoryFilePath": "Shell history",
    "modifyingProcess": "Modified by",
    "filePath": "File",
    "relatedFilePaths": "Related files",
    "toolName": "Tool",
    "serviceName": "Service",
}


class Process(NamedTuple):
    """One process; sha256: 64 hexadecimal digits or ""; started: None if the finding does not state it."""

    name: str
    path: str = ""
    sha256: str = ""
    pid: int | None = None
    uid: str = ""
    user: str = ""
    user_id: int | None = None
    directory: str = ""
    started: datetime | None = None

    def __str__(self) -> str:
        """Return path or name, pid and user as one text."""
        pid = f"pid {self.pid}" if self.pid is not None else ""
        user = f"user {self.user}" if self.user else ""
        return ", ".join(part for part in (self.path or self.name, pid, user) if part)


def read_process(block: object) -> Process | None:
    """Return the process that an object describes; None if it has neither name nor path."""
    name, path, uid, user, directory = texts_at(block, ("name", "executablePath", "uuid", "user", "pwd"))
    process = Process(
        name,
        path,
        sha256_at(block, "executableSha256"),
        whole_at(block, "pid", 2**31 - 1),
        uid,
        user,
        whole_at(block, "userId", 2**32 - 1),
        directory,
        time_at(block, "startTime"),
    )
    return process if process.name or process.path else None


def read_parent(block: object) -> Process | None:
    """Return the process of the lineage that `parentUuid` names, else the first one of the lineage."""
    ancestors = rows_at(block, "lineage")
    uid = text_at(block, "parentUuid")
    named = [row for row in ancestors if uid and text_at(row, "uuid") == uid]
    return next(filter(None, map(read_process, named or ancestors)), None)


def read_runtime_facts(view: Block) -> Iterator[Fact]:
    """Yield each key of the runtime context, whether or not it is known here, and the process's hash.

    The context says what happened, so that it comes first where there is no room for everything.
    """
    context = value_at(view, CONTEXT)
    items = list(context.items())[:_MAX_KEYS] if isinstance(context, dict) else []
    # Keys with a label of their own say most: they come first.
    for key, value in sorted(items, key=lambda item: item[0] not in _LABELS):
        if key == "threatFilePath":  # see malware.py
            continue
        read = read_process(value)
        texts = tuple(filter(None, (str(read), read.sha256))) if read else texts_of(_readable(key, value))
        if texts:
            yield Fact(f"{CONTEXT}.{key}", _LABELS.get(key) or label_of(key), texts)
    process = "service.runtimeDetails.process.executableSha256"
    if sha256 := sha256_at(view, process):
        yield Fact(process, "Process hash", (sha256,))


def _readable(key: str, value: object) -> object:
    """Return a time in epoch seconds as GuardDuty writes other times; any other value as it is."""
    moment = time_at({key: value}, key) if key.endswith("At") and not isinstance(value, str) else None
    return iso_time(moment) if moment else value


def sha256_at(block: object, path: str) -> str:
    """Return the SHA-256 at a path, 64 hexadecimal digits; "" for anything else."""
    text = text_at(block, path)
    return text if _SHA256.fullmatch(text) else ""
