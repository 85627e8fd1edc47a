"""A TOML text with the line of each of its tables and values, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enricher.mapping.problems import KeyPath, Problem, Violation

#: Dots in one line of a file. tomllib's time grows with the square of the dots in one key: a key of 80 kB
#: takes 25 seconds, a line within this limit less than a millisecond.
MAX_DOTS = 100
#: Longest text, in characters, whose lines are indexed; at this length the index of an array of numbers takes
#: 15 MB. The largest file of the mapping has less than half of it.
MAX_INDEXED = 200_000
_ERROR_LINE = re.compile(r"\(at line (\d+), column \d+\)")
#: A string in one of four forms, a comment, a sign of the syntax, or a run of other characters.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}=,.\n]"
    r"|[^\s\[\]{}=,.\#\"']+",
    re.DOTALL,
)


@dataclass(slots=True)
class TomlSource:
    """A parsed TOML file; name: as problems show it."""

    name: str
    text: str
    data: dict[str, Any]
    _lines: dict[KeyPath, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, name: str, text: str, problems: list[Problem]) -> TomlSource | None:
        """Return the parsed text; append the problem and return None if it is not TOML."""
        if line := next((n for n, line in enumerate(text.split("\n"), 1) if line.count(".") > MAX_DOTS), 0):
            problems.append(Problem(name, "", f"more than {MAX_DOTS} dots: write it as several lines", line))
            return None
        try:
            return cls(name, text, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = _ERROR_LINE.search(str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            problems.append(Problem(name, "", f"not TOML: {error}", line))
            return None

    def line(self, *path: str | int) -> int:
        """Return the line of a table or value, or of what surrounds it; 0 in a text above MAX_INDEXED."""
        if len(self.text) > MAX_INDEXED:
            return 0
        if not self._lines:
            self._lines = line_index(self.text)
        steps = range(len(path), 0, -1)
        return next((self._lines[path[:end]] for end in steps if path[:end] in self._lines), 1)

    def problem(self, subject: str, violation: Violation, *table: str | int) -> Problem:
        """Return the problem of a violation in the table at a path."""
        return Problem(self.name, subject, violation.message, self.line(*table, *violation.path))


def line_index(text: str) -> dict[KeyPath, int]:
    """Return the line of each table, key and item of an array in a text that tomllib accepts.

    A path has the keys of tables and the indexes of arrays: ("finding", 2, "attack", 0).
    """
    return _Index(text).lines


class _Index:
    """Walk the tokens of a valid document; `lines` has the first line of each path."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}
        self._tokens = _tokens_of(text)
        self._part, self._line = "", 0
        self._advance()
        self._read_document()

    def _advance(self) -> None:
        self._part, self._line = next(self._tokens, ("", 0))

    def _read_document(self) -> None:
        table: KeyPath = ()
        while self._part:
            if self._part == "\n":
                self._advance()
            elif self._part == "[":
                table = self._read_header()
            else:
                self._read_pair(table)

    def _read_header(self) -> KeyPath:
        """Read [a.b] or [[a.b]]; return the path of the table, with the indexes of arrays of tables."""
        line, path = self._line, KeyPath()
        self._advance()
        is_item = self._part == "["
        if is_item:
            self._advance()
        keys = self._read_keys()
        for place, key in enumerate(keys, 1):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if is_item and place == len(keys):
                self._items[path] = self._items.get(path, 0) + 1
            if path in self._items:
                path = (*path, self._items[path] - 1)
                self.lines.setdefault(path, line)
        self._advance()
        if is_item:
            self._advance()
        return path

    def _read_keys(self) -> list[str]:
        """Read a dotted key; stop at the = or ] after it."""
        keys = []
        while self._part not in ("=", "]"):
            key = self._part
            if key != ".":
                keys.append(tomllib.loads(f"key = {key}")["key"] if key[0] in "\"'" else key)
            self._advance()
        return keys

    def _read_pair(self, path: KeyPath) -> None:
        line = self._line
        for key in self._read_keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._advance()
        self._read_value(path)

    def _read_value(self, path: KeyPath) -> None:
        opening = self._part
        if opening not in ("[", "{"):
            # A date and a time may be two tokens, a number with a fraction three.
            while self._part not in (",", "]", "}", "\n", ""):
                self._advance()
            return
        self._advance()
        place = 0
        while self._part not in ("]", "}"):
            if self._part == ",":
                place += 1
            if self._part in (",", "\n"):
                self._advance()
            elif opening == "{":
                self._read_pair(path)
            else:
                self.lines[*path, place] = self._line
                self._read_value((*path, place))
        self._advance()


def _tokens_of(text: str) -> Iterator[tuple[str, int]]:
    """Yield each token with its line, without comments."""
    line = 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if not token.startswith("#"):
            yield token, line
        line += token.count("\n")
