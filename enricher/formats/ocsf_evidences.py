"""Build the OCSF 1.8.0 attributes `evidences`, `resources` and `malware` of a finding."""

from __future__ import annotations

from typing import Any

from enricher.finding.context import Container, Context, Principal, Process
from enricher.finding.event import Finding
from enricher.finding.fields import TEXT_LIMIT, epoch_milliseconds
from enricher.finding.network import Connection, Endpoint
from enricher.formats.json_text import filled

_ROLES = {"TARGET": 1, "ACTOR": 2}
_USER_ACCOUNTS = {
    "IAMUser": (3, "AWS IAM User"),
    "AssumedRole": (4, "AWS IAM Role"),
    "Role": (4, "AWS IAM Role"),
}


def evidences_of(context: Context) -> list[dict[str, Any]]:
    """Return one `evidences` object per connection, the first with actor, process, query and API call.

    Each further principal has an object of its own; [] if the finding has no such details.
    """
    first, *others = [_connection(connection) for connection in context.connections] or [{}]
    activity = {
        "actor": _actor(context.principals[:1]),
        "process": _process(context.process, context.parent),
        "container": _container(context.container),
        "query": {"hostname": context.domain} if context.domain else {},
    }
    if context.call:
        call = context.call
        activity["api"] = {
            "operation": call.operation,
            "service": {"name": call.service} if call.service else {},
            "group": {"name": call.namespace} if call.namespace else {},
            "response": {"error": call.error},
        }
        activity["http_request"] = {"user_agent": call.user_agent}
    actors = [{"actor": _actor((principal,))} for principal in context.principals[1:]]
    found = [filled(evidence) for evidence in ({**first, **activity}, *others, *actors)]
    return [evidence for evidence in found if evidence.keys() - {"container", "http_request"}]


def _connection(connection: Connection) -> dict[str, Any]:
    near, far = _endpoint(connection.local), _endpoint(connection.remote)
    outbound = connection.outbound
    direction, caption = {False: (1, "Inbound"), True: (2, "Outbound"), None: (0, "Unknown")}[outbound]
    return {
        "src_endpoint": near if outbound else far,
        "dst_endpoint": far if outbound else near,
        "connection_info": {
            "direction_id": direction,
            "direction": caption,
            "protocol_name": connection.transport.lower(),
        },
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    if not endpoint.ip and not endpoint.domain and not endpoint.port_name:
        return {}
    return {
        "ip": endpoint.ip,
        "domain": endpoint.domain,
        "port": endpoint.port,
        "svc_name": endpoint.port_name,
        "location": {
            "city": endpoint.city,
            "country": endpoint.country_code,
            "desc": endpoint.country,
            "lat": endpoint.latitude,
            "long": endpoint.longitude,
        }
        if endpoint.city or endpoint.country_code
        else {},
        "autonomous_system": {"number": endpoint.asn, "name": endpoint.network},
    }


def _actor(principals: tuple[Principal, ...]) -> dict[str, Any]:
    actor: dict[str, Any] = {}
    for principal in principals:
        kind, caption = _USER_ACCOUNTS.get(principal.kind, (0, ""))
        named = {"name": principal.name, "uid": principal.uid}
        account = {**named, "type_id": kind, "type": caption} if kind else {}
        actor["user"] = {
            **named,
            "type": principal.kind,
            "credential_uid": principal.credential,
            "account": account,
        }
    return actor


def _process(process: Process | None, parent: Process | None) -> dict[str, Any]:
    if process is None or (process.pid is None and not process.uid):
        return {}
    name = process.path.rpartition("/")[2]
    return {
        "name": process.name,
        "path": process.path,
        "pid": process.pid,
        "uid": process.uid,
        "working_directory": process.directory,
        "created_time": epoch_milliseconds(process.started) if process.started else None,
        "file": {
            "name": name,
            "path": process.path,
            "type_id": 1,
            "type": "Regular File",
            "hashes": _hashes(process.sha256),
        }
        if name
        else {},
        "user": {"name": process.user, "uid": "" if process.user_id is None else str(process.user_id)},
        "parent_process": _process(parent, None),
    }


def _hashes(sha256: str) -> list[dict[str, Any]]:
    return [{"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256}] if sha256 else []


def _container(container: Container | None) -> dict[str, Any]:
    if container is None:
        return {}
    image = {"uid": container.image, "name": container.image} if container.image else {}
    return {"uid": container.id, "name": container.name, "runtime": container.runtime, "image": image}


def resources_of(finding: Finding, context: Context) -> list[dict[str, Any]]:
    """Return the `resources` objects of a finding, all with the role of `service.resourceRole`."""
    role = _ROLES.get(finding.text("service.resourceRole"), 0)
    caption = {1: "Target", 2: "Actor", 0: "Unknown"}[role]
    common = {
        "role_id": role,
        "role": caption,
        "cloud_partition": finding.partition[:TEXT_LIMIT],
        "region": finding.region[:TEXT_LIMIT],
        "owner": {"account": {"uid": finding.account[:TEXT_LIMIT]}} if finding.account else {},
    }
    return [
        filled({"type": resource.kind, "uid": resource.uid, "name": resource.name, **common})
        for resource in context.resources
    ]


def malware_of(context: Context) -> list[dict[str, Any]]:
    """Return one `malware` object per threat with its files; GuardDuty does not state its classification."""
    files: dict[str, list[dict[str, Any]]] = {}
    for threat in context.threats:
        listed = files.setdefault(threat.name, [])
        if name := threat.path.rpartition("/")[2]:
            file = {"name": name, "path": threat.path, "type_id": 1, "hashes": _hashes(threat.sha256)}
            listed.append(filled(file))
    return [
        filled({"name": name, "classification_ids": [0], "classifications": ["Unknown"], "files": listed})
        for name, listed in files.items()
    ]
