"""Evaluate the conditions of evidence rules: the condition kinds and the field values they test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from enricher.finding.paths import ANY_ITEM, Scalar, places_of

#: Maximum number of characters of a text that are split into words.
_MAX_TEXT_LENGTH = 4096
_WORD = re.compile(r"[a-z0-9]+")


def key_of(value: Scalar) -> str:
    """Return a value as text for comparison: some exports write numbers and booleans as strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if not isinstance(value, int) or abs(value) < 1 << 64 else ""


def words_of(text: str) -> frozenset[str]:
    """Return the lower-case words of a text; only its first 4,096 characters are read."""
    return _words(text[:_MAX_TEXT_LENGTH])


# Dozens of rules need the words of the same command line.
@lru_cache(maxsize=4)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _number_above(value: Scalar, operand: float) -> bool:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    return not isinstance(value, bool) and value > operand


def _is_below(value: Scalar, operand: list[str]) -> bool:
    """Return whether a path is one of these, or inside one of these folders."""
    return isinstance(value, str) and any(
        value == path or value.startswith(f"{path.rstrip('/')}/") for path in operand
    )


def _is_in_network(value: Scalar, operand: list[str]) -> bool:
    """Return whether an IPv4 address is in one of these networks, written as 10.0.0.0/8."""
    address = _ipv4(value)
    if address is None:
        return False
    for network in operand:
        base, _, length = network.partition("/")
        first = _ipv4(base)
        if first is not None and (address ^ first) >> (32 - int(length)) == 0:
            return True
    return False


def _ipv4(value: Scalar) -> int | None:
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        return None
    return int.from_bytes(bytes(map(int, parts)), "big")


#: The kinds of conditions except `present`: each returns whether a field's value satisfies the operand.
_TESTS: dict[str, Any] = {
    "in": lambda value, operand: key_of(value) in operand,
    "prefix": lambda value, operand: isinstance(value, str) and value.startswith(tuple(operand)),
    "suffix": lambda value, operand: isinstance(value, str) and value.endswith(tuple(operand)),
    "contains": lambda value, operand: isinstance(value, str) and any(part in value for part in operand),
    "words": lambda value, operand: isinstance(value, str) and not words_of(value).isdisjoint(operand),
    "above": _number_above,
    "below": _is_below,
    "network": _is_in_network,
}
KINDS = (*_TESTS, "present")


def meets(kind: str, value: Scalar, operand: Any) -> bool:
    """Return whether a value satisfies a condition of a kind in KINDS; any value satisfies `present`."""
    return kind == "present" or bool(_TESTS[kind](value, operand))


@dataclass(slots=True)
class Reader:
    """One finding's fields, read by their index in the `fields` table and cached, as rules share fields.

    view: the finding's detail with camelCase keys; fields: the steps of each field; known: the cache.
    """

    view: Mapping[str, Any]
    fields: list[list[str]]
    known: dict[tuple[int, str], list[tuple[str, Scalar]]] = field(default_factory=dict)

    def places(self, number: int, near: str) -> list[tuple[str, Scalar]]:
        """Return (path, value) of every occurrence of a field.

        near: a path in the finding; in lists that this path passes through, only its own item is read.
        """
        steps = self.fields[number]
        # Only the list items on the path matter, and only for a field inside a list.
        key = (number, near[: near.rfind("]") + 1] if ANY_ITEM in steps else "")
        if (places := self.known.get(key)) is None:
            places = self.known[key] = list(places_of(self.view, steps, near))
        return places

    def first(self, numbers: list[int], near: str, kind: str, operand: Any) -> tuple[str, Scalar] | None:
        """Return (path, value) of the first occurrence that satisfies a condition, None if none does."""
        for number in numbers:
            for place in self.places(number, near):
                if meets(kind, place[1], operand):
                    return place
        return None
