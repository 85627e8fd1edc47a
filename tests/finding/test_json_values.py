"""Test splitting a stream of JSON into its values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.finding import json_values
from enricher.finding.event import read_json
from enricher.finding.json_values import JsonValue, split_values

_TEXTS = st.text(alphabet=st.sampled_from('ab{}[]",:\\ \té漢'), max_size=8)
_INNER = st.recursive(
    _TEXTS | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), _INNER, min_size=1, max_size=3)
SEPARATORS = st.sampled_from(["", "\n", "\r\n", " \n\n", "\n \t", " "])


def pieces(text: str, cuts: list[int]) -> Iterator[str]:
    """Yield a text cut at the given places."""
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    for start, end in pairwise(places):
        yield text[start:end]


def parsed(values: list[JsonValue]) -> list[Any]:
    """Return the values as objects; none may be damaged."""
    assert [] == [value.error for value in values if value.error]
    found = []
    for value in values:
        # A line that holds more than one value comes as one text, for its reader to split.
        parts = list(split_values([value.text]))
        found += [json.loads(part.text) for part in parts]
    return found


@given(
    objects=st.lists(OBJECTS, min_size=1, max_size=5),
    separators=st.lists(SEPARATORS, min_size=5, max_size=5),
    indents=st.lists(st.sampled_from([None, None, 0, 2]), min_size=5, max_size=5),
    cuts=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_values_come_out_whatever_separates_them(
    objects: list[Any], separators: list[str], indents: list[int | None], cuts: list[int]
) -> None:
    """Objects on lines, over several lines or without a delimiter must all be found, however they arrive."""
    text = "".join(
        json.dumps(item, indent=indent, ensure_ascii=False) + separator
        for item, indent, separator in zip(objects, indents, separators, strict=False)
    )
    assert objects == parsed(list(split_values(pieces(text, cuts))))


@pytest.mark.parametrize("key", ["", "Findings", "findings", "Records", "Messages"])
@given(
    objects=st.lists(OBJECTS, min_size=1, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    cuts=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_items_of_a_list_come_one_by_one(
    key: str, objects: list[Any], indent: int | None, cuts: list[int]
) -> None:
    """The items of an array, or of a response's list, must come out numbered, and the rest be skipped."""
    whole: Any = {key: objects, "NextToken": 'a"}', "more": [{"x": [1]}]} if key else objects
    text = json.dumps(whole, indent=indent, ensure_ascii=False) + "\n" + json.dumps({"after": 1})
    *items, last = split_values(pieces(text, cuts))
    assert [(number, item) for number, item in enumerate(objects, 1)] == [
        (item.number, json.loads(item.text)) for item in items
    ]
    assert (0, {"after": 1}) == (last.number, json.loads(last.text))


@pytest.mark.parametrize(
    "damage",
    [
        '{"a": {"b": 1',
        '{"a": "unterminated}',
        "{]",
        "not json",
        '{"a" 1}',
        "}",
        '"text"',
        "null",
        '{"a": [1, {"b"',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_damaged_line_loses_only_itself(damage: str, place: int, size: int) -> None:
    """A damaged line, also the first or the last one, must cost none of the values around it."""
    lines = ['{"n": 0}', '{"n": 1}']
    lines.insert(place, damage)
    text = "\n".join(lines) + "\n"
    good, bad = [], []
    for value in split_values(text[start : start + size] for start in range(0, len(text), size)):
        try:
            good.append(json.loads(value.text)["n"])
        except (ValueError, TypeError):
            bad.append(value.line)
    assert ([0, 1], {place + 1}) == (good, set(bad))


def test_values_that_are_no_objects_are_reported_in_a_list() -> None:
    """What stands between the objects of a list must be yielded, to be rejected with its number."""
    values = list(split_values(['[{"a": 1}, 2, {"b": 3}, null]']))
    assert [(1, '{"a": 1}'), (2, "2"), (3, '{"b": 3}'), (4, "null")] == [
        (value.number, value.text) for value in values
    ]


def test_value_comes_out_before_the_next_chunk_is_asked_for() -> None:
    """A value must be yielded as soon as it is complete: a pipe may send nothing more for hours."""
    asked = 0

    def chunks() -> Iterator[str]:
        nonlocal asked
        for number in range(3):
            asked = number
            yield json.dumps({"text": "x" * 200}) + "\n"

    assert [0, 1, 2] == [asked for _ in split_values(chunks())]


def test_endless_value_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value beyond the limit must be reported once, and reading go on at the next line."""
    monkeypatch.setattr(json_values, "MAX_VALUE", 1000)
    text = '{"a": "' + "x" * 5000 + '"}\n{"b": 1}\n'
    values = list(split_values(text[start : start + 100] for start in range(0, len(text), 100)))
    assert [("not JSON: longer than 1000 characters", ""), ("", '{"b": 1}')] == [
        (value.error, value.text) for value in values
    ]


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ('{"a": "}{{"}\n', [{"a": "}{{"}]),
        ('  {"a": 1}\r\n', [{"a": 1}]),
        ('{"a": 1}{"b": 2}\n', [None]),
        ('{"a": {"b": 1}\n, "c": 2}', [None]),
        ('[{"a": 1}]\n', [None]),
    ],
)
def test_line_that_is_one_object_is_parsed_once(text: str, contents: list[object]) -> None:
    """A line that parses alone must come with its content; others are split or scanned first."""
    assert contents == [value.content for value in split_values([text])]


def test_line_of_many_values_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work on a long line of values with braces in texts must not grow with the square of its length."""
    tried: list[str] = []

    def count(text: str) -> object:
        tried.append(text)
        return read_json(text)

    monkeypatch.setattr(json_values, "read_json", count)
    assert 500 == len(list(split_values(['{"a": "{"}' * 500 + "\n"])))
    assert 1 == len(tried)


def test_buffer_stays_small() -> None:
    """The buffer must hold one value and one chunk, whatever came before."""
    line = json.dumps({"text": "x" * 1000}) + "\n"
    splitter = json_values._Splitter()
    longest = found = 0
    for number in range(2000):
        chunk = line if number % 3 else line.strip()
        found += sum(1 for _ in splitter.feed(chunk))
        longest = max(longest, len(splitter.buffer))
    assert found > 1900
    assert longest < 3 * len(line)
