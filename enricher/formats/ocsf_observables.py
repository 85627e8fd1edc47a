"""List the observables of an OCSF event: the values that an analyst searches for, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Place, type and caption of each observable, most useful first; `[]` stands for each object of a list.
_OBSERVED = (
    *((f"evidences[].{side}_endpoint.ip", 2, "IP Address") for side in ("src", "dst")),
    *((f"evidences[].{side}_endpoint.domain", 1, "Hostname") for side in ("src", "dst")),
    ("evidences[].query.hostname", 1, "Hostname"),
    ("resources[].uid", 10, "Resource UID"),
    ("evidences[].actor.user.name", 4, "User Name"),
    ("evidences[].actor.user.programmatic_credentials[].uid", 19, "User Credential ID"),
    ("evidences[].process.name", 9, "Process Name"),
    ("evidences[].process.file.hashes[].value", 8, "Hash"),
    ("malware[].files[].name", 7, "File Name"),
    ("malware[].files[].hashes[].value", 8, "Hash"),
)  # fmt: skip
OBSERVABLES_LIMIT = 100


def observables_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the distinct observables of an event, at most OBSERVABLES_LIMIT; [] if it has none.

    name: the place of the value in the event, as OCSF writes it: evidences[].src_endpoint.ip.
    """
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for place, type_id, caption in _OBSERVED:
        for value in _values(event, place.split(".")):
            row = {"name": place, "type_id": type_id, "type": caption, "value": value}
            found.setdefault((type_id, value), row)
    return list(found.values())[:OBSERVABLES_LIMIT]


def _values(value: Any, steps: list[str]) -> Iterator[str]:
    if not steps:
        yield value
        return
    key = steps[0].removesuffix("[]")
    inner = value.get(key)
    if inner is None:
        return
    for item in inner if steps[0].endswith("[]") else [inner]:
        yield from _values(item, steps[1:])
