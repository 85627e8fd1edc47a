"""Build the OCSF attributes `evidences`, `resources` and `malware` of a finding."""

from __future__ import annotations

from typing import Any

from enricher.finding.context import Container, Context, Principal
from enricher.finding.event import Finding
from enricher.finding.fields import TEXT_LIMIT, epoch_milliseconds
from enricher.finding.network import Connection, Endpoint
from enricher.finding.runtime import Process
from enricher.formats.container_image import split_image
from enricher.formats.json_text import filled

_ROLES = {"TARGET": 1, "ACTOR": 2}
_REGULAR_FILE = {"type_id": 1, "type": "Regular File"}
#: Kinds of principals that belong to the finding's account; others may belong to another one, or to none.
_OWN_ACCOUNT = frozenset(("IAMUser", "AssumedRole", "Role", "FederatedUser", "Root"))


def evidences_of(finding: Finding, context: Context) -> list[dict[str, Any]]:
    """Return one `evidences` object per connection, the first with actor, process, query and API call.

    Each further principal has an object of its own; [] if the finding has no such details.
    """
    first, *others = [_connection(connection) for connection in context.connections] or [{}]
    activity = {
        "actor": _actor(finding, context.principals[:1]),
        "process": _process(context.process, context.parent, context.command_line),
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
    actors = [{"actor": _actor(finding, (principal,))} for principal in context.principals[1:]]
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


def _actor(finding: Finding, principals: tuple[Principal, ...]) -> dict[str, Any]:
    actor: dict[str, Any] = {}
    for principal in principals:
        account = finding.account[:TEXT_LIMIT] if principal.kind in _OWN_ACCOUNT else ""
        actor["user"] = {
            "name": principal.name,
            "uid": principal.uid,
            "type": principal.kind,
            "account": account_of(account),
            "programmatic_credentials": [{"uid": principal.credential}] if principal.credential else [],
        }
    return actor


def account_of(account: str, name: str = "") -> dict[str, Any]:
    """Return the OCSF `account` object of an AWS account ID; {} for ""."""
    return {"uid": account, "name": name, "type_id": 10, "type": "AWS Account"} if account else {}


def _process(process: Process | None, parent: Process | None, command: str = "") -> dict[str, Any]:
    if process is None or (process.pid is None and not process.uid):
        return {}
    name = process.path.rpartition("/")[2]
    return {
        "name": process.name,
        "path": process.path,
        "cmd_line": command,
        "pid": process.pid,
        "uid": process.uid,
        "working_directory": process.directory,
        "created_time": epoch_milliseconds(process.started) if process.started else None,
        "file": {
            "name": name,
            "path": process.path,
            **_REGULAR_FILE,
            "hashes": _hashes(process.sha256),
        }
        if name
        else {},
        "user": {"name": process.user, "uid": "" if process.user_id is None else str(process.user_id)},
        "parent_process": _process(parent, None),
    }


def _hashes(sha256: str) -> list[dict[str, Any]]:
    is_hash = len(sha256) == 64
    return [{"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256}] if is_hash else []


def _container(container: Container | None) -> dict[str, Any]:
    if container is None:
        return {}
    image = split_image(container.image)
    return {
        "uid": container.id,
        "name": container.name,
        "runtime": container.runtime,
        "image": {
            "uid": image.digest or container.image,
            "name": image.name,
            "labels": [image.tag] if image.tag else [],
        },
        "hash": next(iter(_hashes(image.digest.removeprefix("sha256:"))), {}),
    }


def resources_of(finding: Finding, context: Context) -> list[dict[str, Any]]:
    """Return the `resources` objects of a finding, all with the role of `service.resourceRole`."""
    role = _ROLES.get(finding.text("service.resourceRole"), 0)
    caption = {1: "Target", 2: "Actor", 0: "Unknown"}[role]
    common = {
        "role_id": role,
        "role": caption,
        "cloud_partition": finding.partition[:TEXT_LIMIT],
        "region": finding.region[:TEXT_LIMIT],
        "owner": {"account": account_of(finding.account[:TEXT_LIMIT])},
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
            file = {"name": name, "path": threat.path, **_REGULAR_FILE, "hashes": _hashes(threat.sha256)}
            listed.append(filled(file))
    return [
        filled({"name": name, "classification_ids": [0], "classifications": ["Unknown"], "files": listed})
        for name, listed in files.items()
    ]
