"""Read findings from files, whatever form they were saved in, and name each input that is not a finding.

Forms: EventBridge events, bare findings in either case, GetFindings responses, SNS notifications, dumps of
SQS messages; one or many, in an array, one a line (NDJSON, the S3 export) or without a delimiter (Firehose);
gzip of any. A file is read in pieces, so that its size does not matter and a pipe need not end.
"""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from enricher.finding.envelopes import findings_of
from enricher.finding.event import Finding, MalformedEvent
from enricher.finding.json_values import JsonValue, split_values

#: Bytes asked for at once; a pipe answers with what it has.
_CHUNK = 1 << 18
#: Bytes of a file that one of several processes takes at once.
BLOCK_SIZE = 1 << 19
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that is not a finding: the file, the place in it ("line 3", "line 1, item 2") and the reason.

    is_unread: whether the file itself could not be opened, so that the mistake is in the call.
    """

    file: str
    place: str
    reason: str
    is_unread: bool = False

    def __str__(self) -> str:
        """Return file: place: reason."""
        return ": ".join(part for part in (self.file, self.place, self.reason) if part)


def read_file(name: str) -> Iterator[Finding | Rejected]:
    """Yield each finding of a file, "-" for stdin, as soon as it is read."""
    for value in read_values(name):
        if isinstance(value, Rejected):
            yield value
            continue
        for place, item in findings_of(value):
            yield Rejected(label_of(name), place, str(item)) if isinstance(item, MalformedEvent) else item


def label_of(name: str) -> str:
    """Return a file's name as messages show it."""
    return "stdin" if name == "-" else name


def read_values(name: str) -> Iterator[JsonValue | Rejected]:
    """Yield the JSON values of a file, "-" for stdin; what cannot be read, and an empty file, as rejected."""
    label = label_of(name)
    try:
        with _open(name) as stream:
            yield from _or_empty(split_values(_texts(_chunks(stream))), label)
    except _Ended as error:
        yield Rejected(label, "", str(error))
    except OSError as error:
        yield Rejected(label, "", error.strerror or str(error), is_unread=True)


class Block(NamedTuple):
    """A part of a file that can be read without the others.

    label: the file's name in messages; line: the number of its first line; data: whole lines as they are, or
    the values found in them; is_whole: whether it is the whole file.
    """

    label: str
    line: int
    data: bytes | list[JsonValue]
    is_whole: bool = False

    def values(self) -> Iterator[JsonValue | Rejected]:
        """Yield its JSON values; that a file is empty as rejected."""
        data = self.data
        found = split_values(_texts([data], self.line), self.line) if isinstance(data, bytes) else iter(data)
        return _or_empty(found, self.label) if self.is_whole else found


def read_blocks(name: str) -> Iterator[Block | Rejected]:
    """Yield a file in blocks of about BLOCK_SIZE, "-" for stdin; what cannot be read as rejected."""
    label = label_of(name)
    try:
        with _open(name) as stream:
            yield from _blocks(_chunks(stream), label)
    except _Ended as error:
        yield Rejected(label, "", str(error))
    except OSError as error:
        yield Rejected(label, "", error.strerror or str(error), is_unread=True)


def _blocks(chunks: Iterator[bytes], label: str) -> Iterator[Block]:
    """Yield blocks of lines, then, from where no block ends between two lines, blocks of values.

    An object on the line after another one's end is not in the same list: that needs a comma between them.
    """
    line, held = 1, b""
    try:
        for chunk in chunks:
            held += chunk
            if len(held) < BLOCK_SIZE:
                continue
            end = max(held.rfind(b"}\n{") + 2, held.rfind(b"}\r\n{") + 3)
            if end <= 2:
                break
            yield Block(label, line, held[:end])
            line += held.count(b"\n", 0, end)
            held = held[end:]
        else:
            yield Block(label, line, held, is_whole=line == 1)
            return
    except (_Ended, OSError) as error:
        chunks = _raising(error)
    yield from _value_blocks(split_values(_texts(chain([held], chunks), line), line), label, line)


def _value_blocks(values: Iterator[JsonValue], label: str, line: int) -> Iterator[Block]:
    found: list[JsonValue] = []
    size, is_whole = 0, line == 1
    try:
        for value in values:
            found.append(value._replace(content=None))  # parsed where it is used
            size += len(value.text)
            if size >= BLOCK_SIZE:
                yield Block(label, line, found)
                found, size, is_whole = [], 0, False
    except (_Ended, OSError):
        yield Block(label, line, found)
        raise
    yield Block(label, line, found, is_whole)


def _raising(error: Exception) -> Iterator[bytes]:
    yield b""
    raise error


def _or_empty(values: Iterator[JsonValue], label: str) -> Iterator[JsonValue | Rejected]:
    found = False
    for value in values:
        found = True
        yield value
    if not found:
        yield Rejected(label, "", "empty: expected findings as JSON")


class _Ended(Exception):
    """A file that ends early: what was read before stays good."""


@contextmanager
def _open(name: str) -> Iterator[io.BufferedReader]:
    """Open a file; stdin stays open afterwards."""
    if name == "-":
        stdin = sys.stdin.buffer
        yield stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(stdin)  # type: ignore[arg-type]
        return
    with Path(name).open("rb") as stream:
        yield stream


def _texts(chunks: Iterable[bytes], line: int = 1) -> Iterator[str]:
    """Yield the text of bytes; one that is not UTF-8 becomes a lone surrogate (U+DC80 to U+DCFF).

    line: the number of the first line: a byte order mark is one only at the beginning of a file.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig" if line == 1 else "utf-8")("surrogateescape")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _chunks(stream: io.BufferedReader) -> Iterator[bytes]:
    if stream.peek(2)[:2] != _GZIP:
        while chunk := stream.read1(_CHUNK):
            yield chunk
        return
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            while chunk := unpacked.read1(_CHUNK):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _Ended(f"not a valid gzip file: {error}") from None
