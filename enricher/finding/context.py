"""Extract actor, network peers, resources and processes from a finding, once for all output formats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from enricher.finding.event import Finding
from enricher.finding.fields import Block, rows_at, text_at, time_at, value_at, whole_at
from enricher.finding.network import Connection, read_connections
from enricher.finding.resources import Resource, read_resources

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Principal:
    """The actor of a finding; kind: IAMUser, AssumedRole, Root, …; credential: the access key id."""

    name: str
    uid: str = ""
    kind: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS or Kubernetes API call; error: its error code, "" on success; namespace: Kubernetes only."""

    operation: str
    service: str
    error: str = ""
    user_agent: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Process:
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


@dataclass(frozen=True, slots=True)
class Container:
    """One container; runtime: docker, containerd, …."""

    id: str
    name: str
    image: str
    runtime: str


@dataclass(frozen=True, slots=True)
class Threat:
    """One detected threat and one file that contains it; sha256: 64 hexadecimal digits or ""."""

    name: str
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a finding shows; every field may be empty. The first item of a tuple is the main one."""

    connections: tuple[Connection, ...]
    principals: tuple[Principal, ...]
    resources: tuple[Resource, ...]
    threats: tuple[Threat, ...]
    call: Call | None
    domain: str
    process: Process | None
    parent: Process | None
    container: Container | None
    blocked: bool


def read_context(finding: Finding) -> Context:
    """Return the context of a finding. Never raises: values of an unexpected type are left out."""
    view = finding.view
    runtime = value_at(view, "service.runtimeDetails.process")
    return Context(
        connections=tuple(read_connections(view)),
        principals=tuple(dict.fromkeys(_principals(view))),
        resources=tuple(dict.fromkeys(read_resources(view))),
        threats=tuple(dict.fromkeys(_threats(view))),
        call=_call(view),
        domain=_domain(view),
        process=_process(runtime),
        parent=next(map(_process, rows_at(runtime, "lineage")), None),
        container=_container(view),
        blocked=any(
            finding.flag(f"service.action.{action}.blocked")
            for action in ("networkConnectionAction", "dnsRequestAction", "portProbeAction")
        ),
    )


def moment_of(finding: Finding) -> datetime:
    """Return the time of the last update in UTC, else the closest available time, else 1970-01-01."""
    paths = ("updatedAt", "createdAt", "service.eventLastSeen")
    moments = [*(time_at(finding.view, path) for path in paths), time_at(finding.event, "time")]
    return next(filter(None, moments), datetime.fromtimestamp(0, UTC))


_ACTOR = ("user.name", "user.uid", "user.type", "user.credentialUid")


def _principals(view: Block) -> list[Principal]:
    key = value_at(view, "resource.accessKeyDetails")
    logins = rows_at(view, "service.action.rdsLoginAttemptAction.LoginAttributes")
    actors = rows_at(view, "service.detection.sequence.actors")
    user = value_at(view, "resource.kubernetesDetails.kubernetesUserDetails")
    found = [
        Principal(*(text_at(key, name) for name in ("userName", "principalId", "userType", "accessKeyId"))),
        Principal(text_at(user, "username"), text_at(user, "uid")),
        Principal(text_at(view, "resource.rdsDbUserDetails.user")),
        *(Principal(text_at(row, "user")) for row in logins),
        *(Principal(*(text_at(row, name) for name in _ACTOR)) for row in actors),
    ]
    return [principal for principal in found if principal.name or principal.uid]


def _call(view: Block) -> Call | None:
    api = value_at(view, "service.action.awsApiCallAction")
    if operation := text_at(api, "api"):
        return Call(
            operation, text_at(api, "serviceName"), text_at(api, "errorCode"), text_at(api, "userAgent")
        )
    api = value_at(view, "service.action.kubernetesApiCallAction")
    if verb := text_at(api, "verb"):
        resource = "/".join(filter(None, (text_at(api, "resource"), text_at(api, "subresource"))))
        status = whole_at(api, "statusCode") or 0
        error = str(status) if status >= 400 else ""
        agent, namespace = text_at(api, "userAgent"), text_at(api, "namespace")
        return Call(f"{verb} {resource}".strip(), "kubernetes", error, agent, namespace)
    return None


def _domain(view: Block) -> str:
    action = value_at(view, "service.action")
    return (
        text_at(action, "dnsRequestAction.domain")
        or text_at(action, "dnsRequestAction.domainWithSuffix")
        or text_at(action, "awsApiCallAction.domainDetails.domain")
    )


def _process(block: object) -> Process | None:
    process = Process(
        name=text_at(block, "name"),
        path=text_at(block, "executablePath"),
        sha256=_sha256(block, "executableSha256"),
        pid=whole_at(block, "pid", 2**31 - 1),
        uid=text_at(block, "uuid"),
        user=text_at(block, "user"),
        user_id=whole_at(block, "userId", 2**32 - 1),
        directory=text_at(block, "pwd"),
        started=time_at(block, "startTime"),
    )
    return process if process.name or process.path else None


def _container(view: Block) -> Container | None:
    block = value_at(view, "resource.containerDetails")
    container = Container(*(text_at(block, key) for key in ("id", "name", "image", "containerRuntime")))
    return container if container.id or container.name else None


def _threats(view: Block) -> list[Threat]:
    volume = "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames"
    on_volumes = [
        Threat(text_at(row, "name"), text_at(file, "filePath"), _sha256(file, "hash"))
        for row in rows_at(view, volume)
        for file in rows_at(row, "filePaths") or [{}]
    ]
    in_objects = [
        Threat(
            text_at(row, "name"),
            text_at(item, "itemPath") or text_at(item, "nestedItemPath"),
            _sha256(item, "hash") or _sha256(row, "hash"),
        )
        for row in rows_at(view, "service.malwareScanDetails.threats")
        for item in rows_at(row, "itemDetails") or rows_at(row, "itemPaths") or [{}]
    ]
    return [threat for threat in (*on_volumes, *in_objects) if threat.name]


def _sha256(block: object, path: str) -> str:
    text = text_at(block, path)
    return text if _SHA256.fullmatch(text) else ""
