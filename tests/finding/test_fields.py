"""Test that values are read from a finding whatever their types are."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.finding import fields
from enricher.finding.fields import TEXT_LIMIT, block_at, number_of, text_at, texts_at, value_at

VALUES = ["text", "", 7, 1.5, True, None, [], {}, {"a": 1}, "x" * (TEXT_LIMIT + 1), 10**5000]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_several_keys_are_read_as_one_is(value: Any) -> None:
    """The texts at several keys must be those that are read one by one."""
    block = {"first": value, "third": "z"}
    keys = ("first", "second", "third")
    assert [text_at(block, key) for key in keys] == texts_at(block, keys)


@pytest.mark.parametrize("block", [None, "text", 7, [{"a": {"b": 1}}], {"a": [1]}, {"a": "b"}])
def test_path_through_anything_else_leads_nowhere(block: Any) -> None:
    """A path that meets no object on its way must lead to no value, no object and no text."""
    assert (None, {}, "", ["", ""]) == (
        value_at(block, "a.b"),
        block_at(block, "a.b"),
        text_at(block, "a.b"),
        texts_at(block_at(block, "a.b"), ("c", "d")),
    )


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7.5", 7.5),
        (-(2**63), -(2**63)),
        (10**30, 10**30),
        (10**400, None),
        (float("inf"), None),
        ("nan", None),
        (True, None),
        ("seven", None),
        (None, None),
    ],
)
def test_number_is_finite(value: Any, number: float | None) -> None:
    """A number must be one that a float can hold; a boolean is not a number."""
    assert number == number_of(value)
    assert type(number) is type(number_of(value))


def test_known_paths_are_bounded() -> None:
    """Reading paths that are made up must not fill the memory."""
    for number in range(3 * fields._MAX_PATHS):
        assert value_at({"a": {str(number): number}}, f"a.{number}") == number
    assert len(fields._STEPS) <= fields._MAX_PATHS
