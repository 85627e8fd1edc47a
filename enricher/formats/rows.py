"""Rows of a summary, (label, value), and how several values become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Maximum values listed; what is left out is counted.
MAX_VALUES = 5

Rows = list[tuple[str, str]]


def join_filled(parts: Iterable[str | None], separator: str = ", ") -> str:
    """Return the non-empty parts, joined by the separator."""
    return separator.join(part for part in parts if part)


def listed(values: Iterable[str]) -> str:
    """Return the first distinct values, and how many more there are."""
    distinct = tuple(dict.fromkeys(values))
    shown = ", ".join(distinct[:MAX_VALUES])
    return f"{shown} ({len(distinct) - MAX_VALUES} more)" if len(distinct) > MAX_VALUES else shown


def first_of(values: Sequence[str]) -> str:
    """Return the first value, and how many others there are; "" without a value."""
    if len(values) < 2:
        return "".join(values)
    return f"{values[0]} and {len(values) - 1} more"
