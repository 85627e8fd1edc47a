"""Read and modify the example events."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parent.parent / "events"
NOT_A_FINDING = "not-a-finding-malware-scan-result"


def names() -> list[str]:
    """List the example events that are findings, by the stem of their file."""
    return sorted(path.stem for path in EVENTS.glob("*.json") if path.stem != NOT_A_FINDING)


@cache
def text_of(name: str) -> str:
    """Return the JSON text of an example event."""
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")


def event(name: str, **changes: Any) -> dict[str, Any]:
    """Return a new copy of an example event, with `changes` to the top level of its detail."""
    copy: dict[str, Any] = json.loads(text_of(name))
    copy["detail"].update(changes)
    return copy


def to_pascal(value: Any, inside: str = "") -> Any:
    """Convert a detail to the PascalCase of GetFindings; the keys of free-form maps are unchanged.

    additionalInfo is reduced to its JSON string `Value` and `Type`, as in the API response.
    """
    if isinstance(value, list):
        return [to_pascal(item, inside) for item in value]
    if not isinstance(value, dict) or inside in _FREE_MAPS:
        return value
    if inside == "additionalInfo":
        inline = {key: item for key, item in value.items() if key not in ("value", "type")}
        packed = value.get("value") or json.dumps(inline)
        return {"Value": packed, "Type": value.get("type", "default")}
    return {_PASCAL.get(key, key[:1].upper() + key[1:]): to_pascal(item, key) for key, item in value.items()}


_FREE_MAPS = ("affectedResources", "profiles", "behavior")
_PASCAL = {"sourceIPs": "SourceIps"}
