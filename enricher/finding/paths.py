"""Read and name the places of a finding, lists included.

A place is written as a dotted camelCase path under `detail`; `[n]` is the n-th item of a list, counted from
0: `service.detection.sequence.signals[2].name`. A rule writes `[]` for any item.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Characters of a value that travel as evidence; what is longer is cut, so that it is a prefix of the value.
LONGEST = 256
#: Items of one list that are read; GuardDuty's own lists are shorter.
MOST_ITEMS = 100
ANY_ITEM = "[]"

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Name one field of the finding (dotted camelCase path under `detail`) and the value that decided."""

    field: str
    value: str | int | float | bool


def scalar(value: object) -> Scalar | None:
    """Give a value that says something by itself: a text that is not empty, a finite number, a flag."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int)) else None


def shown(path: str, value: object) -> Shown | None:
    """Name a place with its value for the evidence, cut to LONGEST; None for a value that says nothing."""
    said = scalar(value)
    if said is None:
        return None
    return Shown(path, said[:LONGEST] if isinstance(said, str) else said)


def split_path(path: str) -> list[str]:
    """Split `a.b[].c` into its steps: a, b, [], c."""
    return path.replace(ANY_ITEM, f".{ANY_ITEM}").split(".")


def walk(
    value: Any, steps: Sequence[str], chosen: Mapping[tuple[str, ...], int], path: str = "", depth: int = 0
) -> Iterator[tuple[str, Scalar]]:
    """Give every place, with its whole value, that the steps lead to and that says something.

    chosen: for the steps up to a list, the item that is already chosen; of other lists every item is read.
    """
    if depth == len(steps):
        said = scalar(value)
        if said is not None:
            yield path, said
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
    """Give every place that the steps lead to, in the lists that `near` goes into at its item of them."""
    if ANY_ITEM in steps:
        yield from walk(view, steps, _chosen_items(near))
        return
    for step in steps:
        if not isinstance(view, dict):
            return
        view = view.get(step)
    said = scalar(view)
    if said is not None:
        yield ".".join(steps), said


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
