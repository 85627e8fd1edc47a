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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enricher.finding.envelopes import findings_of
from enricher.finding.event import Finding, MalformedEvent
from enricher.finding.json_values import JsonValue, split_values

#: Bytes asked for at once; a pipe answers with what it has.
_CHUNK = 1 << 18
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
        else:
            yield from read_value(value, label_of(name))


def label_of(name: str) -> str:
    """Return a file's name as messages show it."""
    return "stdin" if name == "-" else name


def read_values(name: str) -> Iterator[JsonValue | Rejected]:
    """Yield the JSON values of a file, "-" for stdin, not parsed yet."""
    label, found = label_of(name), False
    try:
        with _open(name) as stream:
            for value in split_values(_texts(stream)):
                found = True
                yield value
    except _Ended as error:
        yield Rejected(label, "", str(error))
        return
    except OSError as error:
        yield Rejected(label, "", error.strerror or str(error), is_unread=True)
        return
    if not found:
        yield Rejected(label, "", "empty: expected findings as JSON")


def read_value(value: JsonValue, label: str) -> Iterator[Finding | Rejected]:
    """Yield the findings of one JSON value; what is not a finding is rejected with its place."""
    for place, item in findings_of(value):
        yield Rejected(label, place, str(item)) if isinstance(item, MalformedEvent) else item


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


def _texts(stream: io.BufferedReader) -> Iterator[str]:
    """Yield a file's text in pieces; a byte that is not UTF-8 becomes a lone surrogate (U+DC80 to U+DCFF)."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    for chunk in _chunks(stream):
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
