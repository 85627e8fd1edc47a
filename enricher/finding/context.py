"""Extract actor, network peers, resources and processes from a finding, once for all output formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from enricher.finding.api_calls import SIGNALS, calls_of
from enricher.finding.api_calls import Call as ApiCall
from enricher.finding.event import Finding
from enricher.finding.facts import Fact, read_facts
from enricher.finding.fields import Block, rows_at, text_at, time_at, value_at, whole_at
from enricher.finding.kubernetes_call import request_of
from enricher.finding.logins import Logins, read_logins
from enricher.finding.malware import Threat, read_threats
from enricher.finding.network import Connection, read_connections
from enricher.finding.resources import Resource, read_resources
from enricher.finding.runtime import CONTEXT, Process, read_parent, read_process, read_runtime_facts


@dataclass(frozen=True, slots=True)
class Principal:
    """The actor of a finding; kind: IAMUser, AssumedRole, Root, …; credential: the access key id."""

    name: str
    uid: str = ""
    kind: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """The call that a finding reports on, an AWS or Kubernetes API call.

    error: its error code, "" on success; namespace: Kubernetes only.
    """

    operation: str
    service: str
    error: str = ""
    user_agent: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container; runtime: docker, containerd, …."""

    id: str
    name: str
    image: str
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a finding shows; every field may be empty. The first item of a tuple is the main one.

    calls: every AWS API call with its outcome, `call` included; signals: the names of an attack sequence's
    signals; remote_account: the ID of the caller's account; facts: the further facts, see `Fact`.
    """

    connections: tuple[Connection, ...]
    principals: tuple[Principal, ...]
    resources: tuple[Resource, ...]
    threats: tuple[Threat, ...]
    call: Call | None
    calls: tuple[ApiCall, ...]
    logins: Logins | None
    signals: tuple[str, ...]
    remote_account: str
    domain: str
    process: Process | None
    parent: Process | None
    containers: tuple[Container, ...]
    facts: tuple[Fact, ...]
    blocked: bool

    @property
    def command_line(self) -> str:
        """Return the command line of the process; "" if the finding shows none."""
        path = f"{CONTEXT}.commandLineExample"
        return next((fact.values[0] for fact in self.facts if fact.path == path), "")

    @property
    def container(self) -> Container | None:
        """Return the main container."""
        return next(iter(self.containers), None)


def read_context(finding: Finding) -> Context:
    """Return the context of a finding. Never raises: values of an unexpected type are left out."""
    view = finding.view
    runtime = value_at(view, "service.runtimeDetails.process")
    logins = isinstance(value_at(view, "service.action.rdsLoginAttemptAction"), dict)
    calls = calls_of(finding)
    return Context(
        connections=tuple(read_connections(view)),
        principals=tuple(dict.fromkeys(_principals(view))),
        resources=tuple(dict.fromkeys(read_resources(view))),
        threats=tuple(dict.fromkeys(read_threats(view))),
        call=_call(view),
        calls=tuple(calls),
        logins=read_logins(view) if logins else None,
        signals=tuple(text_at(row, "name") for row in rows_at(view, SIGNALS, 100)),
        remote_account=text_at(view, "service.action.awsApiCallAction.remoteAccountDetails.accountId"),
        domain=_domain(view),
        process=read_process(runtime),
        parent=read_parent(runtime),
        containers=tuple(dict.fromkeys(_containers(view))),
        facts=(*read_runtime_facts(view), *_call_facts(calls), *read_facts(view)),
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
    actors = rows_at(view, "service.detection.sequence.actors", 100)
    user = value_at(view, "resource.kubernetesDetails.kubernetesUserDetails")
    found = [
        Principal(*(text_at(key, name) for name in ("userName", "principalId", "userType", "accessKeyId"))),
        Principal(text_at(user, "username"), text_at(user, "uid")),
        *(Principal(name) for name in read_logins(view).users),
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
        request = request_of(view)
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        status = whole_at(api, "statusCode") or 0
        error = str(status) if status >= 400 else ""
        agent = text_at(api, "userAgent")
        return Call(f"{verb} {resource}".strip(), "kubernetes", error, agent, request.namespace)
    return None


def _call_facts(calls: list[ApiCall]) -> Iterator[Fact]:
    """Yield the calls with their outcome as one fact, if the finding has more than the one it reports on."""
    if len(calls) > 1:
        outcomes = (f" ({call.error})" if call.error else "" for call in calls)
        services = (call.service.removesuffix(".amazonaws.com") for call in calls)
        texts = (
            f"{service} {call.api}{outcome}".strip()
            for call, service, outcome in zip(calls, services, outcomes, strict=True)
        )
        yield Fact("service.action.calls", "Calls", tuple(texts))


def _domain(view: Block) -> str:
    action = value_at(view, "service.action")
    return (
        text_at(action, "dnsRequestAction.domain")
        or text_at(action, "dnsRequestAction.domainWithSuffix")
        or text_at(action, "awsApiCallAction.domainDetails.domain")
    )


def _containers(view: Block) -> Iterator[Container]:
    lists = ("ecsClusterDetails.taskDetails", "kubernetesDetails.kubernetesWorkloadDetails")
    rows = [row for path in lists for row in rows_at(view, f"resource.{path}.containers")]
    for block in (value_at(view, "resource.containerDetails"), *rows):
        container = Container(*(text_at(block, key) for key in ("id", "name", "image", "containerRuntime")))
        if container.id or container.name or container.image:
            yield container
