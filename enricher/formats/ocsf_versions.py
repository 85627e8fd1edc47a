"""Convert an OCSF 1.8.0 Detection Finding to 1.5.0 and 1.1.0: all that differs is in this module.

Amazon Security Lake and CloudWatch Logs read 1.1.0. Schema of a release: https://schema.ocsf.io/1.1.0/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: What 1.8.0 has and an older release does not; `[]` stands for each object of a list.
_SINCE_1_8_0 = (
    "resources[].role",
    "resources[].role_id",
    "metadata.is_truncated",
    "metadata.untruncated_size",
)
_ENDPOINTS = ("evidences[].src_endpoint", "evidences[].dst_endpoint")
_SINCE_1_5_0 = (
    "is_alert",
    "vendor_attributes",
    "cloud.cloud_partition",
    "finding_info.uid_alt",
    "evidences[].container",
    "evidences[].http_request",
    *(f"evidences[].process{parent}.{name}" for parent in ("", ".parent_process")
      for name in ("path", "working_directory")),
    *(f"{endpoint}.autonomous_system" for endpoint in _ENDPOINTS),
)  # fmt: skip
#: The types of observables that 1.1.0 knows; others are of type 99 there.
_OBSERVABLES_1_1_0 = frozenset((1, 2, 4, 7, 8, 9, 10))


def to_version(event: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return a copy of a 1.8.0 event that is valid in an older release, without what it has no place for."""
    return _CONVERSIONS[version]({**event, "metadata": {**event["metadata"], "version": version}})


def _unchanged(event: dict[str, Any]) -> dict[str, Any]:
    return event


def _to_1_5_0(event: dict[str, Any]) -> dict[str, Any]:
    event = _changed(event, "evidences[].actor.user", _with_one_credential)
    for path in _SINCE_1_8_0:
        event = _changed(event, path, None)
    return event


def _to_1_1_0(event: dict[str, Any]) -> dict[str, Any]:
    event = _to_1_5_0(event)
    for path in _SINCE_1_5_0:
        event = _changed(event, path, None)
    for path in _ENDPOINTS:
        event = _changed(event, path, _named_endpoint)
        event = _changed(event, f"{path}.location", _with_coordinates)
    event = _changed(event, "observables[]", _named_observable)
    event = _changed(event, "malware[]", _with_path)
    if event["status_id"] == 5:
        event["status_id"] = 99  # Other; `status` still says Archived
    if "malware" in event and "security_control" not in event["metadata"]["profiles"]:
        profiles = [*event["metadata"]["profiles"], "security_control"]
        event |= {
            "metadata": {**event["metadata"], "profiles": profiles},
            "action_id": 0,
            "action": "Unknown",
        }
    return event


_CONVERSIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "1.8.0": _unchanged,
    "1.5.0": _to_1_5_0,
    "1.1.0": _to_1_1_0,
}


def _with_one_credential(user: dict[str, Any]) -> dict[str, Any]:
    credentials = user.get("programmatic_credentials")
    rest = {key: value for key, value in user.items() if key != "programmatic_credentials"}
    return {**rest, "credential_uid": credentials[0]["uid"]} if credentials else rest


def _named_endpoint(endpoint: dict[str, Any]) -> dict[str, Any]:
    # In 1.1.0 a domain alone does not identify an endpoint.
    return {"name": endpoint["domain"], **endpoint} if "domain" in endpoint else endpoint


def _with_coordinates(location: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in location.items() if key not in ("lat", "long")}
    is_known = "lat" in location and "long" in location
    return {**rest, "coordinates": [location["long"], location["lat"]]} if is_known else rest


def _named_observable(observable: dict[str, Any]) -> dict[str, Any]:
    is_known = observable["type_id"] in _OBSERVABLES_1_1_0
    return observable if is_known else {**observable, "type_id": 99}


def _with_path(malware: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in malware.items() if key != "files"}
    files = malware.get("files", ())
    return {**rest, "path": files[0]["path"]} if files else rest


_Change = Callable[[dict[str, Any]], dict[str, Any]]


def _changed(value: Any, path: str, change: _Change | None) -> Any:
    """Return a copy of `value` with the objects at `path` changed, or without them if `change` is None."""
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    if not isinstance(value, dict) or key not in value:
        return value
    inner = value[key]
    if change is None and not rest:
        return {name: item for name, item in value.items() if name != key}

    def changed(item: Any) -> Any:
        return change(item) if change and not rest else _changed(item, rest, change)

    return {**value, key: [changed(item) for item in inner] if head.endswith("[]") else changed(inner)}
