"""Split a stream of JSON into its values without reading all of it, whatever is between them.

Values may stand one on a line, one after the other without a delimiter (Firehose), over several lines, in an
array, or in the list of a GetFindings, SQS or CloudTrail response. A value that is damaged loses itself only:
reading continues at the next line that begins one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from enricher.finding.event import MalformedEvent, read_json

#: Characters of the longest value that is read; GuardDuty's largest findings are far below it.
MAX_VALUE = 16 * 1024 * 1024

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|[{}\[\]\n"]')
#: An object whose list holds the values: GetFindings, an SQS or SNS event of Lambda, `sqs receive-message`.
_WRAPPER = re.compile(r'\{\s*"(?:Findings|findings|Records|Messages)"\s*:\s*\[')
#: As long as the beginning of such an object can be, blanks included.
_WRAPPER_LENGTH = 120
#: After these an object may begin on the next line; after anything else the value before it is damaged.
_BEFORE_OBJECT = frozenset(",[:")
_BETWEEN_VALUES = " \t\r\n,"


class JsonValue(NamedTuple):
    """One value of a stream, or the reason why there is none.

    line: where it begins, from 1; number: its place in a list, from 1, and 0 outside of lists; text: "" with
    an error; content: the parsed text, None where it is not parsed yet.
    """

    line: int
    number: int
    text: str
    error: str = ""
    content: Any = None

    @property
    def place(self) -> str:
        """Return "line 3" or "line 3, item 2"."""
        return f"line {self.line}, item {self.number}" if self.number else f"line {self.line}"


def split_values(chunks: Iterable[str], line: int = 1) -> Iterator[JsonValue]:
    """Yield each value of a text that arrives in chunks of any length, as soon as it is complete.

    line: the number of the text's first line.
    """
    splitter = _Splitter(line=line)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()


@dataclass(slots=True)
class _Splitter:
    """How far the stream has been read.

    done: everything before is finished; at: everything before is scanned; start: beginning of the value being
    read, -1 between values; base: depth of the list whose items are the values, 0 outside; skips_line:
    whether what comes before the next line belongs to a value that is too long to be read; looked_until:
    before it there is no line that is one object.
    """

    buffer: str = ""
    done: int = 0
    at: int = 0
    start: int = -1
    start_line: int = 1
    line: int = 1
    depth: int = 0
    base: int = 0
    number: int = 0
    is_closed: bool = False
    skips_line: bool = False
    looked_until: int = -1

    def feed(self, chunk: str) -> Iterator[JsonValue]:
        self.buffer = self.buffer[self.done :] + chunk
        self.at -= self.done
        self.start -= self.done if self.start >= 0 else 0
        self.done, self.looked_until = 0, -1
        yield from self._scan()

    def close(self) -> Iterator[JsonValue]:
        self.is_closed = True
        yield from self._scan()
        if self.start >= 0:
            yield self._damaged("the value is not complete")
        else:
            yield from self._gap(len(self.buffer))

    def _scan(self) -> Iterator[JsonValue]:
        while not self.skips_line or self._skip_line():
            if self.start < 0 and not self.depth and (value := self._whole_line()):
                yield value
                continue
            token = _TOKEN.search(self.buffer, self.at)
            if token is None:
                self.at = len(self.buffer)
                break
            if self._needs_more(token):
                break
            yield from self._take(token)
        if self.start >= 0:
            self.done = self.start
            if len(self.buffer) - self.start > MAX_VALUE:
                yield self._damaged(f"longer than {MAX_VALUE} characters")
                self.done = self.at = len(self.buffer)
                self.skips_line = True

    def _skip_line(self) -> bool:
        """Skip to the next line; return whether it has arrived."""
        end = self.buffer.find("\n", self.done)
        self.done = self.at = len(self.buffer) if end < 0 else end + 1
        self.line += end >= 0
        self.skips_line = end < 0
        return end >= 0

    def _whole_line(self) -> JsonValue | None:
        """Return the line ahead if it is one whole object: the usual case, taken without scanning."""
        if self.done <= self.looked_until:
            return None
        end = self.buffer.find("\n", self.done)
        self.looked_until = len(self.buffer) if end < 0 else end
        if end < 0:
            return None
        text = self.buffer[self.done : end].strip()
        if text[:1] != "{" or _WRAPPER.match(text):
            return None
        content = None
        try:
            content = read_json(text)
        except MalformedEvent:
            # One damaged value, unless the rest of it may be on the next lines.
            if text[-1] != "}" or text.count("{") != text.count("}"):
                return None
        value = JsonValue(self.line, 0, text, "", content)
        self.line += 1
        self.done = self.at = end + 1
        return value

    def _needs_more(self, token: re.Match[str]) -> bool:
        """Tell whether what follows decides what the token means, and has not arrived yet."""
        if self.is_closed:
            return False
        ahead = len(self.buffer) - token.start()
        if token[0] == '"':
            return "\n" not in self.buffer[token.start() : token.start() + MAX_VALUE]
        if token[0] == "\n" and self.start >= 0:
            return ahead < 2
        return token[0] == "{" and self.start < 0 and not self.depth and ahead < _WRAPPER_LENGTH

    def _take(self, token: re.Match[str]) -> Iterator[JsonValue]:
        self.at = token.end()
        kind = token[0]
        if kind == "\n":
            yield from self._newline(token)
        elif kind in "{[":
            if self.start < 0:
                yield from self._gap(token.start())
                self._open(token)
            else:
                self.depth += 1
        elif kind in "}]":
            if self.start < 0 and not self.depth:
                return  # a closing bracket of nothing: reported with what is between the values
            if self.start < 0:
                yield from self._gap(token.start())
                self._leave(token)
            else:
                self.depth -= 1
                if self.depth == self.base:
                    yield self._value(token.end())

    def _open(self, token: re.Match[str]) -> None:
        wrapper = None if self.depth else _WRAPPER.match(self.buffer, token.start())
        if wrapper:
            self.depth = self.base = 2
            self.line += wrapper[0].count("\n")
            self.done = self.at = wrapper.end()
        elif token[0] == "[" and not self.depth:
            self.depth = self.base = 1
            self.done = token.end()
        elif self.depth == self.base:
            self.start, self.start_line = token.start(), self.line
            self.depth += 1
        else:
            self.depth += 1  # within the rest of a wrapper, after its list

    def _leave(self, token: re.Match[str]) -> None:
        """Close a list of values, or something within the rest of a wrapper."""
        self.depth -= 1
        self.done = token.end()
        if self.depth < self.base:
            self.base = self.number = 0

    def _newline(self, token: re.Match[str]) -> Iterator[JsonValue]:
        before = self.buffer[self.start : token.start()].rstrip() if self.start >= 0 else ""
        self.line += 1
        if self.start < 0:
            if not self.base and not self.depth:
                yield from self._gap(token.end(), self.line - 1)
        elif self.buffer[self.at : self.at + 1] == "{" and before[-1:] not in _BEFORE_OBJECT:
            yield self._damaged("the value is not complete")
            self.done = self.at

    def _value(self, end: int) -> JsonValue:
        self.number += 1 if self.base else 0
        value = JsonValue(self.start_line, self.number, self.buffer[self.start : end])
        self.start, self.done = -1, end
        return value

    def _damaged(self, reason: str) -> JsonValue:
        self.number += 1 if self.base else 0
        value = JsonValue(self.start_line, self.number, "", f"not JSON: {reason}")
        self.start, self.depth = -1, self.base
        return value

    def _gap(self, end: int, line: int = 0) -> Iterator[JsonValue]:
        """Report what is between two values and is not a delimiter."""
        text = self.buffer[self.done : end].strip(_BETWEEN_VALUES)
        if text and self.depth == self.base:
            self.number += 1 if self.base else 0
            yield JsonValue(line or self.line, self.number, text)
        self.done = max(self.done, end)
