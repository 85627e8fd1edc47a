"""Build the ECS fields of the entities in a finding: endpoints, users, hosts, processes, containers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from enricher.finding.context import Container, Context
from enricher.finding.event import Finding
from enricher.finding.fields import (
    ROW_LIMIT,
    TEXT_LIMIT,
    Block,
    iso_time,
    rows_at,
    text_at,
    value_at,
    whole_at,
)
from enricher.finding.logins import read_logins
from enricher.finding.malware import Threat
from enricher.finding.network import Connection, Endpoint, instance_addresses
from enricher.finding.resources import name_tag
from enricher.finding.runtime import Process
from enricher.formats.container_image import split_image


def entity_fields(finding: Finding, context: Context) -> dict[str, Any]:
    """Return the ECS field sets by name; a field set for which the finding has no values is empty."""
    view = finding.view
    host = _host_fields(value_at(view, "resource.instanceDetails"))
    dns = value_at(view, "service.action.dnsRequestAction") is not None
    return {
        **_network_fields(finding, context.connections[:1]),
        "dns": {"question": {"name": context.domain}, "type": "query"} if dns and context.domain else {},
        "user": _user_fields(view, context),
        "service": {"target": {"name": context.call.service if context.call else ""}},
        "user_agent": {"original": context.call.user_agent if context.call else ""},
        "host": host,
        "process": _process_fields(context.process, context) if context.process else {},
        "container": _container_fields(context.container) if context.container else {},
        "orchestrator": _orchestrator_fields(view, context),
        "faas": {
            "id": text_at(view, "resource.lambdaDetails.functionArn"),
            "name": text_at(view, "resource.lambdaDetails.functionName"),
            "version": text_at(view, "resource.lambdaDetails.functionVersion"),
        },
        "file": _file_fields(context.threats[0]) if context.threats else {},
        "related": {
            "ip": _distinct(
                [end.ip for it in context.connections for end in (it.remote, it.local)] + host.get("ip", [])
            ),
            "user": _distinct(
                [
                    *(principal.name for principal in context.principals),
                    *(principal.uid for principal in context.principals),
                ]
            ),
            "hosts": _distinct(
                [host.get("name", ""), context.domain, *(it.remote.domain for it in context.connections)]
            ),
            "hash": _distinct(
                [
                    *(threat.sha256 for threat in context.threats),
                    *(process.sha256 for process in (context.process, context.parent) if process),
                ]
            ),
        },
    }


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _network_fields(finding: Finding, connections: tuple[Connection, ...]) -> dict[str, Any]:
    if not connections:
        return {}
    [connection] = connections
    outbound = connection.outbound
    if outbound is None:
        outbound = finding.text("service.resourceRole") == "ACTOR"
    near, far = _endpoint_fields(connection.local), _endpoint_fields(connection.remote)
    return {
        "source": near if outbound else far,
        "destination": far if outbound else near,
        "network": {
            "direction": {True: "outbound", False: "inbound", None: ""}[connection.outbound],
            "transport": connection.transport.lower(),
            "type": ("ipv6" if ":" in connection.remote.ip else "ipv4") if connection.remote.ip else "",
        },
    }


def _endpoint_fields(endpoint: Endpoint) -> dict[str, Any]:
    located = endpoint.latitude is not None and endpoint.longitude is not None
    return {
        "address": endpoint.ip or endpoint.domain,
        "ip": endpoint.ip,
        "domain": endpoint.domain,
        "port": endpoint.port,
        "as": {"number": endpoint.asn, "organization": {"name": endpoint.network}},
        "geo": {
            "city_name": endpoint.city,
            "country_name": endpoint.country,
            "country_iso_code": endpoint.country_code,
            "location": {"lat": endpoint.latitude, "lon": endpoint.longitude} if located else {},
        },
    }


def _host_fields(instance: Block | None) -> dict[str, Any]:
    identity = text_at(instance, "instanceId")
    if not identity:
        return {}
    interfaces = rows_at(instance, "networkInterfaces")
    return {
        "id": identity,
        "name": name_tag(instance) or identity,
        "hostname": next((text_at(interface, "privateDnsName") for interface in interfaces), ""),
        "ip": instance_addresses(instance),
        "type": text_at(instance, "instanceType"),
        "os": _os_fields(text_at(instance, "platform")),
    }


def _os_fields(platform: str) -> dict[str, Any]:
    """Return host.os of an instance's platform, which EC2 states for Windows only."""
    return {"platform": platform.lower(), "type": "windows" if platform.lower() == "windows" else ""}


def cloud_fields(finding: Finding, account_name: str) -> dict[str, Any]:
    """Return `cloud`: the finding's account and Region, and the instance if it is about one."""
    instance = value_at(finding.view, "resource.instanceDetails")
    return {
        "provider": "aws",
        "account": {"id": finding.account[:TEXT_LIMIT], "name": account_name[:TEXT_LIMIT]},
        "region": finding.region[:TEXT_LIMIT],
        "availability_zone": text_at(instance, "availabilityZone"),
        "service": {"name": "guardduty"},
        "instance": {"id": text_at(instance, "instanceId"), "name": name_tag(instance)},
        "machine": {"type": text_at(instance, "instanceType")},
    }


def outcome_of(finding: Finding) -> str:
    """Return success or failure where the finding states it: an error, an HTTP status or log-ins; else ""."""
    view = finding.view
    if text_at(view, "service.action.awsApiCallAction.errorCode"):
        return "failure"
    if status := whole_at(view, "service.action.kubernetesApiCallAction.statusCode"):
        return "failure" if status >= 400 else "success"
    logins = read_logins(finding)
    return "success" if logins.successful else "failure" if logins.failed else ""


def _user_fields(view: Block, context: Context) -> dict[str, Any]:
    groups = value_at(view, "resource.kubernetesDetails.kubernetesUserDetails.groups")
    listed = groups[:ROW_LIMIT] if isinstance(groups, list) else []
    roles = _distinct(group[:TEXT_LIMIT] for group in listed if isinstance(group, str))
    if not context.principals:
        return {"roles": roles}
    return {"name": context.principals[0].name, "id": context.principals[0].uid, "roles": roles}


def _process_fields(process: Process, context: Context) -> dict[str, Any]:
    parent = context.parent
    return {
        "command_line": context.command_line,
        "name": process.name,
        "executable": process.path,
        "hash": {"sha256": process.sha256},
        "pid": process.pid,
        "entity_id": process.uid,
        "user": {"name": process.user, "id": "" if process.user_id is None else str(process.user_id)},
        "working_directory": process.directory,
        "start": iso_time(process.started) if process.started else "",
        "parent": {
            "name": parent.name,
            "executable": parent.path,
            "pid": parent.pid,
            "entity_id": parent.uid,
        }
        if parent
        else {},
    }


def _container_fields(container: Container) -> dict[str, Any]:
    image = split_image(container.image)
    return {
        "id": container.id,
        "name": container.name,
        "image": {
            "name": image.name,
            "tag": [image.tag] if image.tag else [],
            "hash": {"all": [image.digest] if image.digest else []},
        },
        "runtime": container.runtime,
    }


def _orchestrator_fields(view: Block, context: Context) -> dict[str, Any]:
    workload = value_at(view, "resource.kubernetesDetails.kubernetesWorkloadDetails")
    task = text_at(view, "resource.ecsClusterDetails.taskDetails.arn")
    for key, kind in (("eksClusterDetails", "kubernetes"), ("ecsClusterDetails", "ecs")):
        cluster = value_at(view, f"resource.{key}")
        if name := text_at(cluster, "name"):
            return {
                "type": kind,
                "cluster": {"name": name, "id": text_at(cluster, "arn")},
                "namespace": text_at(workload, "namespace")
                or (context.call.namespace if context.call else ""),
                "resource": {
                    "name": text_at(workload, "name"),
                    "type": text_at(workload, "type") or ("task" if task else ""),
                    "id": text_at(workload, "uid") or task,
                },
            }
    return {}


def _file_fields(threat: Threat) -> dict[str, Any]:
    return {
        "path": threat.path,
        "name": threat.path.rpartition("/")[2],
        "hash": {"sha256": threat.sha256},
    }
