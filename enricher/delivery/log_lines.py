"""Serialize log entries so that no finding can make a log line invalid, unreadable or lost.

The standard serializer of Powertools keeps a lone surrogate, which standard output rejects, writes NaN, which
is not JSON, and has no limit, while CloudWatch Logs rejects an event above 1 MB.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

#: Characters of one text, and elements of one list. An entry has about ten texts; the longest useful one is a
#: traceback.
MAX_TEXT, MAX_LIST = 8_000, 100


def log_line(entry: Mapping[str, Any]) -> str:
    """Return a log entry as one line of ASCII JSON; never raises because of what it contains."""
    return json.dumps(_loggable(entry), separators=(",", ":"), allow_nan=False)


def ascii_text(text: str) -> str:
    """Return text in ASCII, other characters as escapes."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _loggable(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key)[:MAX_TEXT]: _loggable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_loggable(item) for item in list(value)[:MAX_LIST]]
        return items if len(value) <= MAX_LIST else [*items, f"... {len(value) - MAX_LIST} more"]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... {len(text) - MAX_TEXT} more characters"
