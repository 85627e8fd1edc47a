"""Read who acted, from where and on what out of a finding, once for every format that must name it."""

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
    """Hold who acted; kind: IAMUser, AssumedRole, Root, …; credential: the access key id."""

    name: str
    uid: str = ""
    kind: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Hold an API call; error is its code, "" for a call that went through; namespace is Kubernetes'."""

    operation: str
    service: str
    error: str = ""
    user_agent: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """Hold a process; sha256 is 64 digits or "", started None where the finding does not say."""

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
    """Hold a container."""

    id: str
    name: str
    image: str
    runtime: str


@dataclass(frozen=True, slots=True)
class Threat:
    """Hold a piece of malware and one file that carries it."""

    name: str
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold what a finding shows; every part may be empty. The first of a tuple is the main one."""

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


def read_scene(finding: Finding) -> Scene:
    """Read the scene of a finding. Never raises: what has an odd shape is left out."""
    view = finding.view
    runtime = value_at(view, "service.runtimeDetails.process")
    return Scene(
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
    """Give the time of the last update, else the nearest there is; 1970 where a finding has none at all."""
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
