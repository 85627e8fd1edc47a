"""Read values out of the JSON of a finding, whatever shape they turn out to have."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

#: The longest text that a field of its own may have; the whole stands in the original finding.
#: Elasticsearch does not index a keyword beyond it by default.
TEXT_LIMIT = 1024
#: The most rows that are taken from one list of a finding.
ROW_LIMIT = 20

Block = Mapping[str, Any]


def value_at(block: object, path: str) -> Any:
    """Give the value at a dotted path, None where there is nothing."""
    if not isinstance(block, dict):
        return None
    value: Any = block
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_of(value: object) -> str:
    """Give a string as it is and a number as text; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python turns into text
        return ""


def number_of(value: object) -> float | None:
    """Give a finite number, also one that is spelt as a string; None for anything else."""
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
    """Give the string or number at a path as text of at most TEXT_LIMIT characters; "" for anything else."""
    return text_of(value_at(block, path))[:TEXT_LIMIT]


def number_at(block: object, path: str) -> float | None:
    """Give the finite number at a path, also where it is spelt as a string."""
    number = number_of(value_at(block, path))
    return None if number is None else float(number)


def whole_at(block: object, path: str, most: int = 2**53) -> int | None:
    """Give the whole number at a path from 0 to `most`; None for anything else."""
    number = number_at(block, path)
    return int(number) if number is not None and 0 <= number <= most and number == int(number) else None


def rows_at(block: object, path: str) -> list[Block]:
    """Give the objects of the list at a path, ROW_LIMIT at most; [] if there is no list."""
    value = value_at(block, path)
    return [row for row in value[:ROW_LIMIT] if isinstance(row, dict)] if isinstance(value, list) else []


def address_at(block: object, path: str) -> str:
    """Give the IP address at a path in its canonical form; "" for anything else."""
    text = text_at(block, path)
    try:
        return "" if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def time_at(block: object, path: str) -> datetime | None:
    """Give the time at a path, in UTC, from ISO 8601 text or seconds since 1970; None for anything else."""
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
    """Write a time as GuardDuty does: 2026-03-04T11:38:10.757Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_milliseconds(moment: datetime) -> int:
    """Give a time in whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
