"""Extract actor, network peers, resources and processes from a finding, once for all output formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from enricher.finding.api_calls import Call as ApiCall
from enricher.finding.api_calls import calls_of
from enricher.finding.event import Finding
from enricher.finding.facts import Fact, read_facts
from enricher.finding.fields import Block, block_at, rows_at, text_at, time_at, whole_at
from enricher.finding.kubernetes_call import request_of
from enricher.finding.logins import Logins, read_logins, read_users
from enricher.finding.malware import Threat, read_threats
from enricher.finding.network import Connection, read_connections
from enricher.finding.resources import Resource, read_resources
from enricher.finding.runtime import CONTEXT, Process, read_parent, read_process, read_runtime_facts


class Principal(NamedTuple):
    """The actor of a finding; kind: IAMUser, AssumedRole, Root, …; credential: the access key id."""

    name: str
    uid: str = ""
    kind: str = ""
    credential: str = ""


class Call(NamedTuple):
    """The call that a finding reports on, an AWS or Kubernetes API call.

    error: its error code, "" on success; namespace: Kubernetes only.
    """

    operation: str
    service: str
    error: str = ""
    user_agent: str = ""
    namespace: str = ""


class Container(NamedTuple):
    """One container; runtime: docker, containerd, …."""

    id: str
    name: str
    image: str
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a finding shows; every field may be empty. The first item of a tuple is the main one.

    calls: every AWS API call with its outcome, `call` included; signals: the names of an attack sequence's
    signals; remote_account: the ID of the caller's account; view: the finding's detail.
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
    blocked: bool
    view: Block = field(repr=False, compare=False)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the further facts, read anew at each access: formats without prose do not need them."""
        return (*read_runtime_facts(self.view), *_call_facts(self.calls), *read_facts(self.view))

    @property
    def command_line(self) -> str:
        """Return the command line of the process; "" if the finding shows none."""
        path = f"{CONTEXT}.commandLineExample"
        return next((fact.values[0] for fact in read_runtime_facts(self.view) if fact.path == path), "")

    @property
    def container(self) -> Container | None:
        """Return the main container."""
        return next(iter(self.containers), None)


def read_context(finding: Finding) -> Context:
    """Return the context of a finding. Never raises: values of an unexpected type are left out."""
    view = finding.view
    service = block_at(view, "service")
    resource, action = block_at(view, "resource"), block_at(service, "action")
    sequence = block_at(service, "detection.sequence")
    process = block_at(service, "runtimeDetails.process")
    logins = isinstance(action.get("rdsLoginAttemptAction"), dict)
    return Context(
        connections=tuple(read_connections(view)),
        principals=tuple(dict.fromkeys(_principals(view, resource, sequence))),
        resources=tuple(dict.fromkeys(read_resources(view))),
        threats=tuple(dict.fromkeys(read_threats(view))),
        call=_call(view, action),
        calls=tuple(calls_of(finding)),
        logins=read_logins(view) if logins else None,
        signals=tuple(text_at(row, "name") for row in rows_at(sequence, "signals", 100)),
        remote_account=text_at(action, "awsApiCallAction.remoteAccountDetails.accountId"),
        domain=_domain(action),
        process=read_process(process) if process else None,
        parent=read_parent(process) if process else None,
        containers=tuple(dict.fromkeys(_containers(resource))),
        blocked=any(finding.flag(f"service.action.{name}.blocked") for name in _BLOCKED if name in action),
        view=view,
    )


#: Actions that GuardDuty states as blocked or not.
_BLOCKED = ("networkConnectionAction", "dnsRequestAction", "portProbeAction")


def moment_of(finding: Finding) -> datetime:
    """Return the time of the last update in UTC, else the closest available time, else 1970-01-01."""
    paths = ("updatedAt", "createdAt", "service.eventLastSeen")
    moments = [*(time_at(finding.view, path) for path in paths), time_at(finding.event, "time")]
    return next(filter(None, moments), datetime.fromtimestamp(0, UTC))


_CALLER = ("userName", "principalId", "userType", "accessKeyId")
_ACTOR = ("user.name", "user.uid", "user.type", "user.credentialUid")


def _principals(view: Block, resource: Block, sequence: Block) -> list[Principal]:
    found: list[Principal] = []
    if key := block_at(resource, "accessKeyDetails"):
        found.append(Principal(*(text_at(key, name) for name in _CALLER)))
    kubernetes = resource.get("kubernetesDetails")
    if kubernetes and (user := block_at(kubernetes, "kubernetesUserDetails")):
        found.append(Principal(text_at(user, "username"), text_at(user, "uid")))
    found += [Principal(name) for name in read_users(view)]
    if sequence:
        actors = rows_at(sequence, "actors", 100)
        found += [Principal(*(text_at(row, name) for name in _ACTOR)) for row in actors]
    return [principal for principal in found if principal.name or principal.uid]


def _call(view: Block, action: Block) -> Call | None:
    api = action.get("awsApiCallAction")
    if operation := text_at(api, "api"):
        return Call(
            operation, text_at(api, "serviceName"), text_at(api, "errorCode"), text_at(api, "userAgent")
        )
    api = action.get("kubernetesApiCallAction")
    if verb := text_at(api, "verb"):
        request = request_of(view)
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        status = whole_at(api, "statusCode") or 0
        error = str(status) if status >= 400 else ""
        agent = text_at(api, "userAgent")
        return Call(f"{verb} {resource}".strip(), "kubernetes", error, agent, request.namespace)
    return None


def _call_facts(calls: Sequence[ApiCall]) -> Iterator[Fact]:
    """Yield the calls with their outcome as one fact, if the finding has more than the one it reports on."""
    # The list of anomalous calls may repeat the reported call without its service.
    named = {(call.api, call.error) for call in calls if call.service}
    calls = [call for call in calls if call.service or (call.api, call.error) not in named]
    if len(calls) > 1:
        outcomes = (f" ({call.error})" if call.error else "" for call in calls)
        services = (call.service.removesuffix(".amazonaws.com") for call in calls)
        texts = (
            f"{service} {call.api}{outcome}".strip()
            for call, service, outcome in zip(calls, services, outcomes, strict=True)
        )
        yield Fact("service.action.calls", "Calls", tuple(texts))


def _domain(action: Block) -> str:
    if request := block_at(action, "dnsRequestAction"):
        domain = text_at(request, "domain") or text_at(request, "domainWithSuffix")
        if domain:
            return domain
    return text_at(action, "awsApiCallAction.domainDetails.domain")


_CONTAINED = frozenset(("containerDetails", "ecsClusterDetails", "kubernetesDetails"))
_CONTAINERS = (
    "ecsClusterDetails.taskDetails.containers",
    "kubernetesDetails.kubernetesWorkloadDetails.containers",
)


def _containers(resource: Block) -> Iterator[Container]:
    if resource.keys().isdisjoint(_CONTAINED):
        return
    blocks = [block_at(resource, "containerDetails")]
    for block in (*blocks, *(row for path in _CONTAINERS for row in rows_at(resource, path))):
        container = Container(*(text_at(block, key) for key in ("id", "name", "image", "containerRuntime")))
        if container.id or container.name or container.image:
            yield container
