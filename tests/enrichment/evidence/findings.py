"""Build findings from field paths and values."""

from __future__ import annotations

import re
from typing import Any

from enricher.finding.event import Finding

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def finding_of(finding_type: str, fields: dict[str, Any]) -> Finding:
    """Return a finding of a type with {path: value}; a path is written as in the evidence: a.b[0].c."""
    detail: dict[str, Any] = {"type": finding_type, "accountId": "111122223333", "region": "eu-west-1"}
    for path, value in fields.items():
        put(detail, path, value)
    return Finding.from_detail(detail)


def put(root: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path, creating the objects and lists on the path."""
    steps: list[str | int] = [key or int(place) for key, place in _STEP.findall(path)]
    at: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            at.extend([None] * (step + 1 - len(at)))
            at[step] = fresh if following is None or at[step] is None else at[step]
        elif following is None:
            at[step] = fresh
        else:
            at.setdefault(step, fresh)
        at = at[step]


def at_place(view: Any, path: str) -> Any:
    """Return the value at a path, None if there is none; keys may contain dots."""
    if path == "":
        return view
    if match := re.match(r"\[(\d+)\]\.?", path):
        number = int(match[1])
        inside = isinstance(view, list) and number < len(view)
        return at_place(view[number], path[match.end() :]) if inside else None
    if not isinstance(view, dict):
        return None
    for key in sorted(view, key=len, reverse=True):
        if path == key:
            return view[key]
        if key and path.startswith((f"{key}.", f"{key}[")):
            found = at_place(view[key], path[len(key) :].removeprefix("."))
            if found is not None:
                return found
    return None
