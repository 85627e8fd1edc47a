"""List the JSON types in a value by path: readers that infer a schema need one type for each path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any


def types(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the JSON type at each path; a whole number and a fraction are different types."""
    yield path, type(value).__name__
    if isinstance(value, dict):
        for key, item in value.items():
            yield from types(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from types(item, f"{path}[]")


def types_of_all(values: Iterable[Any]) -> dict[str, set[str]]:
    """Return the JSON types at each path over many values."""
    found: dict[str, set[str]] = defaultdict(set)
    for value in values:
        for path, kind in types(value):
            found[path].add(kind)
    return dict(found)
