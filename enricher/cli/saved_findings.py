"""Read findings from files, whatever form they were saved in, and name each input that is none.

Forms: an EventBridge event, a bare finding in either case, a GetFindings answer, an array of any of these,
one a line (NDJSON, the S3 export), gzip of any.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enricher.finding.event import Finding, MalformedEvent, read_json


@dataclass(frozen=True, slots=True)
class Refusal:
    """Name an input that is no finding: the file, the place in it ("line 3", "finding 2") and why.

    is_unread: the file itself could not be read, so that the mistake is in the call.
    """

    file: str
    place: str
    reason: str
    is_unread: bool = False

    def __str__(self) -> str:
        """Print as file: place: reason."""
        return ": ".join(part for part in (self.file, self.place, self.reason) if part)


def read_file(name: str) -> Iterator[Finding | Refusal]:
    """Read a file, "-" for stdin."""
    label = "stdin" if name == "-" else name
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        yield Refusal(label, "", error.strerror or str(error), is_unread=True)
        return
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            yield Refusal(label, "", f"not readable gzip: {error}")
            return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Refusal(label, f"byte {error.start}", "not UTF-8: save it as UTF-8")
        return
    yield from read_text(text, label)


def read_text(text: str, label: str) -> Iterator[Finding | Refusal]:
    """Read findings from a text: one JSON value, or one a line."""
    if not text.strip():
        yield Refusal(label, "", "is empty, expected findings as JSON")
        return
    try:
        value = read_json(text)
    except MalformedEvent as error:
        lines = [(place, line) for place, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0][1]):
            yield Refusal(label, "", str(error))
            return
        for place, line in lines:
            try:
                value = read_json(line)
            except MalformedEvent as fault:
                yield Refusal(label, f"line {place}", str(fault))
            else:
                yield from _read_value(value, label, f"line {place}")
    else:
        yield from _read_value(value, label, "")


def _is_json(line: str) -> bool:
    try:
        read_json(line)
    except MalformedEvent:
        return False
    return True


def _read_value(value: Any, label: str, place: str) -> Iterator[Finding | Refusal]:
    items = value.get("Findings", value.get("findings")) if isinstance(value, dict) else value
    if isinstance(items, list):
        for number, item in enumerate(items, 1):
            yield _read_one(item, label, f"{place}, finding {number}" if place else f"finding {number}")
    else:
        yield _read_one(value, label, place)


def _read_one(value: Any, label: str, place: str) -> Finding | Refusal:
    try:
        if isinstance(value, dict) and ("detail" in value or "detail-type" in value):
            return Finding.from_event(value)
        return Finding.from_detail(value)
    except MalformedEvent as error:
        return Refusal(label, place, str(error))
