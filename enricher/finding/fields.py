"""Read values from the JSON of a finding without assuming their types."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

#: Maximum length of a text field, in characters; the original finding keeps the full value.
#: Elasticsearch does not index a longer keyword by default.
TEXT_LIMIT = 1024
#: Maximum number of items read from one list of a finding.
ROW_LIMIT = 20
_LONGEST_ADDRESS = 64
_MAX_PATHS = 1024
#: Above it an integer may be too large for a float.
_MAX_INTEGER = 2**63

Block = Mapping[str, Any]


class _Steps(dict[str, tuple[str, ...]]):
    """The steps of each path. The paths are those of the code, a few hundred; the limit is for a mistake."""

    def __missing__(self, path: str) -> tuple[str, ...]:
        if len(self) >= _MAX_PATHS:
            self.clear()
        steps = self[path] = tuple(path.split("."))
        return steps


_STEPS = _Steps()


# The walk is repeated in the three readers that a finding needs dozens of times: a call costs as much again.
def value_at(block: object, path: str) -> Any:
    """Return the value at a dotted path of the code, never one from a finding; None if absent."""
    value: Any = block
    for key in _STEPS[path]:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def block_at(block: object, path: str) -> Block:
    """Return the object at a dotted path; {} for anything else."""
    value: Any = block
    for key in _STEPS[path]:
        if not isinstance(value, dict):
            return {}
        value = value.get(key)
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """Return a string unchanged and a number as text; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    try:
        return str(value)
    except ValueError:  # an integer with more digits than sys.get_int_max_str_digits()
        return ""


def number_of(value: object) -> float | None:
    """Return a finite number, also from a string; None for anything else."""
    if type(value) is int and -_MAX_INTEGER <= value <= _MAX_INTEGER:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


def text_at(block: object, path: str) -> str:
    """Return the string or number at a path, cut to TEXT_LIMIT characters; "" for anything else."""
    value: Any = block
    for key in _STEPS[path]:
        if not isinstance(value, dict):
            return ""
        value = value.get(key)
    if value is None:
        return ""
    text = value if isinstance(value, str) else text_of(value)
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT]


def texts_at(block: object, keys: Sequence[str]) -> list[str]:
    """Return the strings or numbers at several keys of one object, each as `text_at` does."""
    if not isinstance(block, dict):
        return [""] * len(keys)
    values = [block.get(key, "") for key in keys]
    return [value[:TEXT_LIMIT] if isinstance(value, str) else text_of(value)[:TEXT_LIMIT] for value in values]


def number_at(block: object, path: str) -> float | None:
    """Return the finite number at a path, also from a string; None for anything else."""
    value = value_at(block, path)
    number = None if value is None else number_of(value)
    return None if number is None else float(number)


def whole_at(block: object, path: str, maximum: int = 2**53) -> int | None:
    """Return the integer at a path if it is from 0 to `maximum`; None for anything else."""
    value = value_at(block, path)
    number = value if type(value) is int else None if value is None else number_of(value)
    return int(number) if number is not None and 0 <= number <= maximum and number == int(number) else None


def rows_at(block: object, path: str, limit: int = ROW_LIMIT) -> list[Block]:
    """Return the objects of the list at a path, at most `limit`; [] if there is no list."""
    value = value_at(block, path)
    return [row for row in value[:limit] if isinstance(row, dict)] if isinstance(value, list) else []


def address_at(block: object, path: str) -> str:
    """Return the IP address at a path in canonical form; "" for anything else."""
    return address_of(value_at(block, path))


def address_of(value: object) -> str:
    """Return a text that is an IP address in canonical form; "" for anything else."""
    return _canonical(value) if isinstance(value, str) and len(value) < _LONGEST_ADDRESS else ""


# The same few addresses occur in many places of a finding.
@lru_cache(maxsize=256)
def _canonical(text: str) -> str:
    try:
        return "" if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def time_at(block: object, path: str) -> datetime | None:
    """Return the time at a path in UTC, from ISO 8601 or epoch seconds; None for anything else."""
    value = value_at(block, path)
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def iso_time(moment: datetime) -> str:
    """Format a UTC time as GuardDuty does: 2026-03-04T11:38:10.757Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_milliseconds(moment: datetime) -> int:
    """Return a time as epoch milliseconds."""
    return int(moment.timestamp() * 1000)
