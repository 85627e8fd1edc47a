"""Evaluate the conditions of evidence rules: the condition kinds and the field values they test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from enricher.finding.paths import ANY_ITEM, Scalar, places_of, scalar

#: Maximum number of characters of a text that are split into words.
_MAX_TEXT_LENGTH = 4096
_WORD = re.compile(r"[a-z0-9]+")


def key_of(value: Scalar) -> str:
    """Return a value as text for comparison: some exports write numbers and booleans as strings."""
    if isinstance(value, str):
        return value
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


Test = Callable[[Scalar], bool]


def _is_one_of(operand: list[str]) -> Test:
    keys = frozenset(operand)
    return lambda value: key_of(value) in keys


def _has_prefix(operand: list[str]) -> Test:
    prefixes = tuple(operand)
    return lambda value: isinstance(value, str) and value.startswith(prefixes)


def _has_suffix(operand: list[str]) -> Test:
    suffixes = tuple(operand)
    return lambda value: isinstance(value, str) and value.endswith(suffixes)


def _contains(operand: list[str]) -> Test:
    return lambda value: isinstance(value, str) and any(part in value for part in operand)


def _has_word(operand: list[str]) -> Test:
    words = frozenset(operand)
    return lambda value: isinstance(value, str) and not words_of(value).isdisjoint(words)


def _is_above(operand: float) -> Test:
    def test(value: Scalar) -> bool:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return False
        return not isinstance(value, bool) and value > operand

    return test


def _is_below(operand: list[str]) -> Test:
    """Return a test of whether a path is one of these, or inside one of these folders."""
    folders = tuple(f"{path.rstrip('/')}/" for path in operand)
    return lambda value: isinstance(value, str) and (value in operand or value.startswith(folders))


def _is_in_network(operand: list[str]) -> Test:
    """Return a test of whether an IPv4 address is in one of these networks, written as 10.0.0.0/8."""
    networks = [(_ipv4(base), 32 - int(length)) for base, _, length in (it.partition("/") for it in operand)]

    def test(value: Scalar) -> bool:
        address = _ipv4(value)
        return address is not None and any(
            first is not None and (address ^ first) >> shift == 0 for first, shift in networks
        )

    return test


def _ipv4(value: Scalar) -> int | None:
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        return None
    return int.from_bytes(bytes(map(int, parts)), "big")


#: The kinds of conditions: each makes the test of a field's value from the operand.
_TESTS: dict[str, Callable[[Any], Test]] = {
    "in": _is_one_of,
    "prefix": _has_prefix,
    "suffix": _has_suffix,
    "contains": _contains,
    "words": _has_word,
    "above": _is_above,
    "below": _is_below,
    "network": _is_in_network,
    "present": lambda _: lambda _: True,
}
KINDS = tuple(_TESTS)


def predicate(kind: str, operand: Any) -> Test:
    """Return the test of a field's value for a kind in KINDS; any value satisfies `present`."""
    return _TESTS[kind](operand)


class Condition(NamedTuple):
    """One condition of a rule: one of these fields (by index) has a value that satisfies the test.

    is_absent: none of the fields may be there.
    """

    fields: list[int]
    kind: str
    operand: Any
    test: Test
    is_absent: bool

    @classmethod
    def of(cls, fields: list[int], kind: str, operand: Any) -> Condition:
        """Decode a condition of the compiled rules: field indexes, kind, operand."""
        return cls(fields, kind, operand, predicate(kind, operand), kind == "present" and not operand)


class Field(NamedTuple):
    """A field that rules test; steps: as `split_path` returns them."""

    path: str
    steps: tuple[str, ...]
    is_in_list: bool

    @classmethod
    def of(cls, steps: Sequence[str]) -> Field:
        """Return the field that these steps lead to."""
        return cls(".".join(steps), tuple(steps), ANY_ITEM in steps)


class Reader:
    """One finding's fields, read by their index and remembered, as rules share fields."""

    def __init__(self, view: Mapping[str, Any], fields: Sequence[Field]) -> None:
        """Read the finding's detail `view`, which has camelCase keys."""
        self.view, self.fields = view, fields
        self._known: dict[int | tuple[int, str], list[tuple[str, Scalar]]] = {}

    def places(self, number: int, near: str) -> list[tuple[str, Scalar]]:
        """Return (path, value) of every occurrence of a field.

        near: a path in the finding; in lists that this path passes through, only its own item is read.
        """
        it = self.fields[number]
        # Only the list items on the path matter, and only for a field inside a list.
        key = (number, near[: near.rfind("]") + 1]) if it.is_in_list else number
        if (places := self._known.get(key)) is None:
            places = list(places_of(self.view, it.steps, near)) if it.is_in_list else self._place(it)
            self._known[key] = places
        return places

    def _place(self, it: Field) -> list[tuple[str, Scalar]]:
        value: Any = self.view
        for step in it.steps:
            if not isinstance(value, dict):
                return []
            value = value.get(step)
        leaf = scalar(value)
        return [] if leaf is None else [(it.path, leaf)]

    def first(self, condition: Condition, near: str) -> tuple[str, Scalar] | None:
        """Return (path, value) of the first occurrence that satisfies a condition, None if none does."""
        test = condition.test
        for number in condition.fields:
            for place in self.places(number, near):
                if test(place[1]):
                    return place
        return None
