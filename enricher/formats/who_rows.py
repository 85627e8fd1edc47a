"""Summarize who, where and on what: the rows of actors, addresses, resources and processes."""

from __future__ import annotations

from enricher.finding.api_calls import failure_of
from enricher.finding.context import Container, Context, Principal
from enricher.finding.event import Finding
from enricher.finding.fields import rows_at, text_at, value_at
from enricher.finding.malware import Threat
from enricher.finding.network import Connection
from enricher.finding.resources import Resource, main_resource
from enricher.finding.safe_text import plain
from enricher.formats.rows import Rows, first_of, join_filled, listed

#: Maximum numbers shown; what is left out is counted.
_MAX_PRINCIPALS, _MAX_REMOTES, _MAX_RESOURCES, _MAX_THREATS = 2, 3, 3, 2
_MAX_ACTORS, _MAX_AGENT = 4, 40
#: Label of the fact that lists the calls of a finding, which the row of the calls shows.
CALLS = "Calls"
#: Types of Kubernetes workloads as GuardDuty writes them, and as Kubernetes does.
_WORKLOADS = {
    "pods": "Pod",
    "deployments": "Deployment",
    "daemonsets": "DaemonSet",
    "statefulsets": "StatefulSet",
    "replicasets": "ReplicaSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
}
#: What GuardDuty states of the MFA of a session.
_MFA = frozenset(("ENABLED", "DISABLED"))
#: First words of the parts of a user agent that name the machine and the libraries.
_AGENT_PARTS = ("md/", "ua/", "os/", "api/", "lang/", "cfg/", "m/", "exec-env/", "(")


def sequence_who_rows(context: Context) -> Rows:
    """Return the actors of an attack sequence, and what it was on other than their keys."""
    mfa = _mfa_of_sessions(context)
    actors = context.principals[:_MAX_ACTORS]
    rows = [("Who", join_filled((_who(it), mfa.get(it.credential, "")))) for it in actors]
    more = len(context.principals) - len(rows)
    on = [_resource(it) for it in context.resources if it.kind != "AWS::IAM::AccessKey"]
    return _without_empty(*rows, ("On", first_of(on)), ("More", f"{more} more actors" if more > 0 else ""))


def _mfa_of_sessions(context: Context) -> dict[str, str]:
    """Return what the sequence states of each session's MFA, by the access key."""
    actors = rows_at(context.view, "service.detection.sequence.actors", 100)
    stated = {text_at(it, "user.credentialUid"): text_at(it, "session.mfaStatus") for it in actors}
    return {key: f"MFA {status.lower()}" for key, status in stated.items() if key and status in _MFA}


def who_rows(finding: Finding, context: Context) -> Rows:
    """Return who acted from where on what: principals, calls, addresses, resources, process, malware."""
    principals = _distinct_principals(context)
    affected, others = _resources(finding, context)
    container = context.container
    return _without_empty(
        *(("Who", _who(it)) for it in principals[:_MAX_PRINCIPALS]),
        *_call_rows(finding, context),
        *_address_rows(context),
        *(("On", _workload(it, context) or _resource(it)) for it in affected),
        *(("With", _workload(it, context) or _resource(it)) for it in others[:_MAX_RESOURCES]),
        *((name, str(it)) for name, it in (("Process", context.process), ("Parent", context.parent)) if it),
        *(("Malware", join_filled((it.name, it.path, it.sha256))) for it in _threats(context)[:_MAX_THREATS]),
        ("In", _container(container) if container else ""),
        ("More", _left_out(context, len(principals), len(others))),
    )


def _without_empty(*rows: tuple[str, str]) -> Rows:
    return [(label, value) for label, value in rows if value]


def _call_rows(finding: Finding, context: Context) -> Rows:
    error = failure_of(finding)
    return [
        ("Tried" if error else "Called", listed(it.removesuffix(f" ({error})") for it in fact.values))
        for fact in context.facts
        if fact.label == CALLS
    ]


def _address_rows(context: Context) -> Rows:
    """Return the remote addresses, the first one with the caller's user agent."""
    rows = []
    for place, connection in enumerate(context.connections[:_MAX_REMOTES]):
        agent = _agent(context.call.user_agent) if context.call and not place else ""
        label = "To" if connection.outbound else "From"
        rows.append((label, join_filled((_place(connection), agent))))
    return rows


def _resources(finding: Finding, context: Context) -> tuple[list[Resource], list[Resource]]:
    """Return the affected resource and those beside it, without access keys and what other rows show."""
    main = main_resource(finding.view, context.resources)
    keys = {principal.credential for principal in context.principals}
    shown = {main, *(it for it in context.resources if it.kind == "Container" and context.container)}
    others = [it for it in context.resources if it.uid not in keys and it not in shown]
    return [main] if main and main.uid not in keys else [], others


def _threats(context: Context) -> list[Threat]:
    """Return the threats, the first of each name before further files of the same."""
    firsts = {it.name: it for it in reversed(context.threats)}
    return sorted(context.threats, key=lambda it: firsts[it.name] is not it)


def _left_out(context: Context, principals: int, resources: int) -> str:
    shown, rest = _threats(context)[:_MAX_THREATS], _threats(context)[_MAX_THREATS:]
    others = {it.name for it in rest} - {it.name for it in shown}
    left = {
        "principal": principals - _MAX_PRINCIPALS,
        "address": len(context.connections) - _MAX_REMOTES,
        "resource": resources - _MAX_RESOURCES,
        "threat": len(others),
        "file": sum(it.name not in others for it in rest),
        "container": len(context.containers) - 1,
    }
    return ", ".join(f"{count} more {_plural(name, count)}" for name, count in left.items() if count > 0)


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{name}es" if name.endswith("s") else f"{name}s"


def _distinct_principals(context: Context) -> list[Principal]:
    """Return the principals without those that are only the name, as Kubernetes has it, of another one."""
    named = {it.name for it in context.principals if it.kind}
    return [it for it in context.principals if it.kind or it.name not in named]


def _agent(text: str) -> str:
    """Return the first words of a user agent: product and version; the rest names the machine's libraries."""
    shown = ""
    for word in plain(text).split():
        if shown and (len(shown) + len(word) >= _MAX_AGENT or word.startswith(_AGENT_PARTS)):
            break
        shown = f"{shown} {word}".strip()
    return shown


def _resource(resource: Resource) -> str:
    """Return the kind and the name of a resource, as "ECS Cluster web"; an instance's ID says its kind."""
    kind = resource.kind.removeprefix("AWS::").replace("::", " ")
    uid, name = resource.short_name.removeprefix(f"{kind.rpartition(' ')[2].lower()}/"), resource.name
    named = f"{uid} ({name})" if name and name != uid else uid
    return named if resource.kind == "AWS::EC2::Instance" else join_filled((kind, named), " ")


def _workload(resource: Resource, context: Context) -> str:
    """Return a Kubernetes workload as "Deployment shop/api", "" for any other resource."""
    stated = value_at(context.view, "resource.kubernetesDetails.kubernetesWorkloadDetails")
    kind = _WORKLOADS.get(text_at(stated, "type").lower(), "")
    if resource.kind != "Kubernetes workload" or not kind or resource.name != text_at(stated, "name"):
        return ""
    return f"{kind} {join_filled((text_at(stated, 'namespace'), resource.name), '/')}"


def _container(container: Container) -> str:
    # A container often has the name of its workload.
    return join_filled((f"container {container.name}" if container.name else "", container.image))


def _who(principal: Principal) -> str:
    name = principal.name or principal.uid
    name = name if name == principal.kind else join_filled((principal.kind, name), " ")
    return f"{name}, key {principal.credential}" if principal.credential else name


def _place(connection: Connection) -> str:
    remote = connection.remote
    port = remote.port if connection.outbound else connection.local.port
    name = remote.port_name if connection.outbound else connection.local.port_name
    ports = f"{'' if connection.outbound else 'to '}port {port}" if port is not None else ""
    ports += f" ({name})" if ports and name else ""
    network = join_filled((f"AS{remote.asn}" if remote.asn else "", remote.network), " ")
    return join_filled(
        (
            join_filled((remote.ip, remote.domain), " "),
            ports,
            *dict.fromkeys((remote.city, remote.country)),
            network,
        )
    )
