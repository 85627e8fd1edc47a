"""Test that every table and value of a TOML text is found at its line, however the text is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from enricher.mapping.problems import KeyPath, Problem, Violation
from enricher.mapping.toml_source import MAX_DOTS, MAX_INDEXED, TomlSource, line_index

#: Text inside strings and comments that looks like TOML.
HOSTILE = '''# [[finding]] "unclosed
page = "[[finding]] # not a comment"
text = """
[[finding]]
type = "inside \\""" a string"
""""  # the quote before these three belongs to the string
literal = \'\'\'
'type' = \'\'inside\'\'
[finding]\'\'\'
when = 1979-05-27 07:32:00Z
list = [ # ] is not the end
  [1, 2.5], "]",

  { a = "}", b.c = [{ d = 1 }] },
]
"quoted.key" . 'and\\literal' = 1
[[ finding ]]
type = "A"
attack = [{ tactic = "x" }, { tactic = "y" }]
  [finding.sub]
  x = 1
  [[finding.sub.rows]]
  y = 1
  [[finding.sub.rows]]
  y = 2
[[finding]]

type = """B"""
'''
PLACES = {
    ("page",): 2,
    ("text",): 3,
    ("literal",): 7,
    ("when",): 10,
    ("list", 0, 1): 12,
    ("list", 2, "a"): 14,
    ("list", 2, "b", "c", 0, "d"): 14,
    ("quoted.key", "and\\literal"): 16,
    ("finding",): 17,
    ("finding", 0, "type"): 18,
    ("finding", 0, "attack", 1, "tactic"): 19,
    ("finding", 0, "sub"): 20,
    ("finding", 0, "sub", "rows", 1, "y"): 25,
    ("finding", 1): 26,
    ("finding", 1, "type"): 28,
}


def paths(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield the path of each table and value of a parsed document, with the value."""
    items: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for key, item in items:
        yield (*path, key), item
        yield from paths(item, (*path, key))


@pytest.mark.parametrize("path", PLACES)
def test_line_of_a_place_in_hostile_text(path: KeyPath) -> None:
    """Strings, comments and nested tables that look like something else must not move a line."""
    assert PLACES[path] == line_index(HOSTILE)[path]


def test_every_place_of_hostile_text_is_indexed() -> None:
    """The index must have the places that tomllib reads, and no others."""
    assert {path for path, _ in paths(tomllib.loads(HOSTILE))} == line_index(HOSTILE).keys()


KEYS = st.sampled_from(["a", "b-c", "_", "1", '"x.y"', "'#'", '"]"', '"\\u0041"', "''"])
PIECES = st.sampled_from(
    ["x", " ", "#", "=", "[", "]", "{", "}", ",", "'", '\\"', "\\\\", "\n", "[[a]]\n", "a = 1\n"]
)
ONE_LINE = st.lists(PIECES.filter(lambda piece: "\n" not in piece)).map("".join)


def several_lines(pieces: list[str]) -> str:
    """Return a multi-line string, in a form that may have quotes of its own."""
    return f'"""{"".join(pieces)}"""'


VALUES = st.recursive(
    st.sampled_from(["1", "-2.5e3", "true", "1979-05-27", "1979-05-27 07:32:00", "inf", '""', "''"])
    | ONE_LINE.map(lambda text: f'"{text}"')
    | st.lists(PIECES).map(several_lines),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ # ]\n" + " ,\n ".join(items) + "\n]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=6,
)
HEADERS = st.sampled_from(["[[t]]", "[[ t . u ]]", "[t.'v']", "[t.u.w]", "[s]", "# [t]", ""])
STATEMENTS = st.lists(HEADERS | st.tuples(KEYS, VALUES).map(" = ".join), max_size=12)


@given(STATEMENTS)
def test_index_has_the_places_that_tomllib_reads(statements: list[str]) -> None:
    """In any valid document each place must be indexed, and a key stand in its line."""
    text = "\n".join(statements)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines, index = text.split("\n"), line_index(text)
    assert {path for path, _ in paths(data)} == index.keys()
    for path, value in paths(data):
        if isinstance(value, bool) and isinstance(path[-1], str) and path[-1] in ("a", "b-c", "_", "1"):
            assert path[-1] in lines[index[path] - 1]


def test_statements_of_the_test_are_valid_now_and_then() -> None:
    """The generator must make documents with tables in arrays: otherwise the test above shows nothing."""

    def is_rich(statements: list[str]) -> bool:
        try:
            data: Any = tomllib.loads("\n".join(statements))
        except tomllib.TOMLDecodeError:
            return False
        return any(isinstance(key, int) for path, _ in paths(data) for key in path[:-1])

    assert find(STATEMENTS, is_rich)


def test_missing_key_is_at_its_table() -> None:
    """A problem of a key that is missing must have the line of the table it is missing in."""
    problems: list[Problem] = []
    source = TomlSource.parse("x.toml", HOSTILE, problems)
    assert source is not None
    violation = Violation("`technique` is missing", ("technique",)).inside("attack entry 2", "attack", 1)
    expected = "x.toml:19: A: attack entry 2: `technique` is missing"
    assert expected == str(source.problem("A", violation, "finding", 0))
    assert 17 == source.line("finding", 0, "reviewed")
    assert 1 == source.line("nowhere")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ('a = 1\n\n[x]\ny = """\nno end', 5),
        ("a = 1\na = 2\n", 2),
        ("a = 1\nx" + ".x" * (MAX_DOTS + 1) + " = 1\n", 2),
    ],
    ids=["no value", "end of the document", "key twice", "dots"],
)
def test_text_that_is_not_toml_is_reported_at_its_line(text: str, line: int) -> None:
    """What tomllib rejects must be a problem with the line, and there is no source."""
    problems: list[Problem] = []
    assert TomlSource.parse("x.toml", text, problems) is None
    assert [("x.toml", line)] == [(problem.file, problem.line) for problem in problems]


def test_long_text_has_no_lines() -> None:
    """An override of 1 MB must not fill a function's memory with an index: its problems have no line."""
    for length, line in ((MAX_INDEXED, 1), (MAX_INDEXED + 1, 0)):
        source = TomlSource.parse("x.toml", "a = 1".ljust(length), [])
        assert source is not None
        assert line == source.line("a")


def test_deep_nesting_is_indexed_or_reported() -> None:
    """Nesting that tomllib still reads must not break the index; what it does not read is reported."""
    for depth in (10, 100, 200, 300, 400, 500, 100_000):
        for opening, closing in (("[", "]"), ("{a=", "}")):
            problems: list[Problem] = []
            source = TomlSource.parse("x.toml", f"a = {opening * depth}{closing * depth}", problems)
            assert (source is None) == bool(problems)
            if source is not None:
                assert 1 == source.line("a", 0, 0)
