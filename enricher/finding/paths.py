"""Address and read the fields of a finding, including list items.

A field is addressed by a dotted camelCase path under `detail`; `[n]` is item n of a list, counted from 0:
`service.detection.sequence.signals[2].name`. In a rule, `[]` matches any item.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: Maximum characters of a value in the evidence; a longer value is cut to its prefix.
LONGEST = 256
#: Maximum number of items read from one list; GuardDuty's own lists are shorter.
MOST_ITEMS = 100
ANY_ITEM = "[]"

Scalar = str | int | float | bool


class Shown(NamedTuple):
    """One field of the finding (dotted camelCase path under `detail`) and the value that matched."""

    field: str
    value: str | int | float | bool


def scalar(value: object) -> Scalar | None:
    """Return a non-empty string, finite number or boolean unchanged; None for anything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int)) else None


def shown(path: str, value: object) -> Shown | None:
    """Return a field for the evidence, its value cut to LONGEST characters; None if it is not a `scalar`."""
    leaf = scalar(value)
    return None if leaf is None else Shown(path, cut(leaf))


def cut(value: Scalar) -> Scalar:
    """Return a value for the evidence: a text cut to LONGEST characters."""
    return value[:LONGEST] if isinstance(value, str) else value


def split_path(path: str) -> list[str]:
    """Split `a.b[].c` into its steps: a, b, [], c."""
    return path.replace(ANY_ITEM, f".{ANY_ITEM}").split(".")


def walk(
    value: Any, steps: Sequence[str], chosen: Mapping[tuple[str, ...], int], path: str = "", depth: int = 0
) -> Iterator[tuple[str, Scalar]]:
    """Yield the path and uncut value of every scalar that the steps lead to.

    chosen: list (as the steps up to it) -> the index to read; every item of any other list is read.
    """
    if depth == len(steps):
        leaf = scalar(value)
        if leaf is not None:
            yield path, leaf
        return
    step = steps[depth]
    if step != ANY_ITEM:
        if isinstance(value, dict) and step in value:
            yield from walk(value[step], steps, chosen, f"{path}.{step}" if path else step, depth + 1)
        return
    if not isinstance(value, list):
        return
    place = chosen.get(tuple(steps[:depth]))
    places = range(min(len(value), MOST_ITEMS)) if place is None else (place,)
    for number in places:
        if number < len(value):
            yield from walk(value[number], steps, chosen, f"{path}[{number}]", depth + 1)


def places_of(view: Any, steps: Sequence[str], near: str) -> Iterator[tuple[str, Scalar]]:
    """Yield path and value of every scalar the steps lead to; in lists on the path `near`, only its item."""
    return walk(view, steps, _chosen_items(near))


def _chosen_items(place: str) -> dict[tuple[str, ...], int]:
    chosen: dict[tuple[str, ...], int] = {}
    steps: list[str] = []
    for part in place.replace("[", ".[").split(".") if "[" in place else ():
        if part.startswith("["):
            chosen[tuple(steps)] = int(part[1:-1])
            steps.append(ANY_ITEM)
        else:
            steps.append(part)
    return chosen
