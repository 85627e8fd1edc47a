"""Read the value at a path of a finding."""

from __future__ import annotations

import re
from typing import Any


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
