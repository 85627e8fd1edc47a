"""Test the conditions of evidence rules: the whole vocabulary, and the values they speak of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from enricher.finding.paths import ANY_ITEM, Scalar, places_of

#: Characters of a text whose words are read.
_LONGEST_TEXT = 4096
_WORD = re.compile(r"[a-z0-9]+")


def key_of(value: Scalar) -> str:
    """Spell a value for comparison: exports write numbers and flags as text as well."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if not isinstance(value, int) or abs(value) < 1 << 64 else ""


def words_of(text: str) -> frozenset[str]:
    """Give the words of a text in small letters; only the beginning of a very long one is read."""
    return _words(text[:_LONGEST_TEXT])


# Dozens of rules ask for the words of one command line.
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


#: The vocabulary of conditions, beside `present`: whether a value at the place meets the operand.
_TESTS: dict[str, Any] = {
    "in": lambda value, operand: key_of(value) in operand,
    "prefix": lambda value, operand: isinstance(value, str) and value.startswith(tuple(operand)),
    "suffix": lambda value, operand: isinstance(value, str) and value.endswith(tuple(operand)),
    "contains": lambda value, operand: isinstance(value, str) and any(part in value for part in operand),
    "words": lambda value, operand: isinstance(value, str) and not words_of(value).isdisjoint(operand),
    "above": _number_above,
}
KINDS = (*_TESTS, "present")


def meets(kind: str, value: Scalar, operand: Any) -> bool:
    """Tell whether a value meets a condition; `present` is met by any value."""
    return kind == "present" or bool(_TESTS[kind](value, operand))


@dataclass(frozen=True, slots=True)
class Reader:
    """Read a finding's fields by their numbers, each once: many rules ask for the same."""

    view: Mapping[str, Any]
    fields: list[list[str]]
    known: dict[tuple[int, str], list[tuple[str, Scalar]]] = field(default_factory=dict)

    def places(self, number: int, near: str) -> list[tuple[str, Scalar]]:
        """Give every place of a field, in lists that `near` goes into at its item of them."""
        steps = self.fields[number]
        # Of a place only the lists it goes into matter, and only to a field in lists.
        key = (number, near[: near.rfind("]") + 1] if ANY_ITEM in steps else "")
        if (places := self.known.get(key)) is None:
            places = self.known[key] = list(places_of(self.view, steps, near))
        return places

    def first(self, numbers: list[int], near: str, kind: str, operand: Any) -> tuple[str, Scalar] | None:
        """Give the first place of the fields that meets a condition."""
        for number in numbers:
            for place in self.places(number, near):
                if meets(kind, place[1], operand):
                    return place
        return None
