"""Extract actor, network peers, resources and processes from a finding, once for all output formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from enricher.finding.api_calls import Call, calls_of, reported_call
from enricher.finding.blocked import is_blocked
from enricher.finding.event import Finding
from enricher.finding.facts import Fact, read_facts
from enricher.finding.fields import Block, block_at, rows_at, text_at, texts_at, time_at
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


class Container(NamedTuple):
    """One container; runtime: docker, containerd, …."""

    id: str
    name: str
    image: str
    runtime: str = ""


class Context:
    """What a finding shows, each part read when it is first asked for: few outputs need all of them.

    Every part may be empty; the first item of a tuple is the main one. Reading never raises: values of an
    unexpected type are left out.
    """

    def __init__(self, finding: Finding) -> None:
        self.view = finding.view
        self._finding = finding

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """The network connections, one for each remote endpoint."""
        return tuple(read_connections(self._finding))

    @cached_property
    def principals(self) -> tuple[Principal, ...]:
        """The actors that have a name or an id."""
        return tuple(dict.fromkeys(_principals(self._finding)))

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The affected resources, then those of an attack sequence."""
        return tuple(dict.fromkeys(read_resources(self._finding)))

    @cached_property
    def threats(self) -> tuple[Threat, ...]:
        """The threats that a malware scan or the runtime agent found, one for each file."""
        return tuple(dict.fromkeys(read_threats(self.view)))

    @cached_property
    def call(self) -> Call | None:
        """The AWS or Kubernetes API call that the finding reports on."""
        return reported_call(self._finding)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every AWS API call with its outcome, `call` included."""
        return tuple(calls_of(self._finding))

    @cached_property
    def logins(self) -> Logins | None:
        """The log-in attempts at a database; None for a finding of another kind."""
        is_login = isinstance(self._finding.action.get("rdsLoginAttemptAction"), dict)
        return read_logins(self._finding) if is_login else None

    @cached_property
    def remote_account(self) -> str:
        """The ID of the caller's account."""
        return text_at(self._finding.action, "awsApiCallAction.remoteAccountDetails.accountId")

    @cached_property
    def domain(self) -> str:
        """The domain that was looked up, or that an API call came from."""
        return _domain(self._finding.action)

    @cached_property
    def process(self) -> Process | None:
        """The process of a runtime finding."""
        return read_process(self._process) if self._process else None

    @cached_property
    def parent(self) -> Process | None:
        """The parent of `process`."""
        return read_parent(self._process) if self._process else None

    @property
    def _process(self) -> Block:
        runtime = self._finding.service.get("runtimeDetails")
        return block_at(runtime, "process") if runtime else {}

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """The affected container, then the others of its task or workload."""
        return tuple(dict.fromkeys(_containers(self._finding.resource)))

    @property
    def container(self) -> Container | None:
        """The main container."""
        return next(iter(self.containers), None)

    @cached_property
    def blocked(self) -> bool:
        """Whether the activity was blocked, where GuardDuty states it."""
        return is_blocked(self._finding)

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The further facts, those of the runtime context first."""
        return (*read_runtime_facts(self.view), *_call_facts(self.calls), *read_facts(self.view))

    @cached_property
    def command_line(self) -> str:
        """The command line of the process; "" if the finding shows none."""
        path = f"{CONTEXT}.commandLineExample"
        return next((fact.values[0] for fact in read_runtime_facts(self.view) if fact.path == path), "")


def moment_of(finding: Finding) -> datetime:
    """Return the time of the last update in UTC, else the closest available time, else 1970-01-01."""
    paths = ("updatedAt", "createdAt", "service.eventLastSeen")
    moments = [*(time_at(finding.view, path) for path in paths), time_at(finding.event, "time")]
    return next(filter(None, moments), datetime.fromtimestamp(0, UTC))


_CALLER = ("userName", "principalId", "userType", "accessKeyId")
_ACTOR = ("user.name", "user.uid", "user.type", "user.credentialUid")


def _principals(finding: Finding) -> list[Principal]:
    resource = finding.resource
    found: list[Principal] = []
    if key := resource.get("accessKeyDetails"):
        found.append(Principal(*texts_at(key, _CALLER)))
    kubernetes = resource.get("kubernetesDetails")
    if kubernetes and (user := block_at(kubernetes, "kubernetesUserDetails")):
        found.append(Principal(*texts_at(user, ("username", "uid"))))
    found += [Principal(name) for name in read_users(finding)]
    if detection := finding.service.get("detection"):
        actors = rows_at(detection, "sequence.actors", 100)
        found += [Principal(*(text_at(row, name) for name in _ACTOR)) for row in actors]
    return [principal for principal in found if principal.name or principal.uid]


def _call_facts(calls: Sequence[Call]) -> Iterator[Fact]:
    """Yield the calls with their outcome as one fact, if the finding has more than the one it reports on."""
    # As IAM writes an action: a call without a service must not be read as one of the service before it.
    # The list of anomalous calls may repeat the reported call without its service.
    named = {(call.operation, call.error) for call in calls if call.service}
    calls = [call for call in calls if call.service or (call.operation, call.error) not in named]
    if len(calls) > 1:
        outcomes = (f" ({call.error})" if call.error else "" for call in calls)
        services = (call.service.removesuffix(".amazonaws.com") for call in calls)
        texts = (
            f"{service and f'{service}:'}{call.operation}{outcome}"
            for call, service, outcome in zip(calls, services, outcomes, strict=True)
        )
        yield Fact("service.action.calls", "Calls", tuple(texts))


def _domain(action: Block) -> str:
    if request := action.get("dnsRequestAction"):
        domain = text_at(request, "domain") or text_at(request, "domainWithSuffix")
        if domain:
            return domain
    return text_at(action.get("awsApiCallAction"), "domainDetails.domain")


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
        container = Container(*texts_at(block, ("id", "name", "image", "containerRuntime")))
        if container.id or container.name or container.image:
            yield container
