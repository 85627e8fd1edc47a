"""Read findings from files in any saved form, and report each input that is not a finding.

Forms: an EventBridge event, a bare finding with camelCase or PascalCase keys, a GetFindings response, an
array of events or findings, one JSON value per line (NDJSON, as in the S3 export), and gzip of any of these.
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
class Rejected:
    """One input that is not a finding: the file, the place in it ("line 3", "finding 2") and the reason.

    is_unread: the file itself could not be read, which is a usage error.
    """

    file: str
    place: str
    reason: str
    is_unread: bool = False

    def __str__(self) -> str:
        """Print as file: place: reason."""
        return ": ".join(part for part in (self.file, self.place, self.reason) if part)


def read_file(name: str) -> Iterator[Finding | Rejected]:
    """Yield the findings and rejected inputs of a file, "-" for stdin."""
    label = "stdin" if name == "-" else name
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        yield Rejected(label, "", error.strerror or str(error), is_unread=True)
        return
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            yield Rejected(label, "", f"not a valid gzip file: {error}")
            return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Rejected(label, f"byte {error.start}", "not UTF-8: save it as UTF-8")
        return
    yield from read_text(text, label)


def read_text(text: str, label: str) -> Iterator[Finding | Rejected]:
    """Yield the findings and rejected inputs of a text: one JSON value, or one per line.

    `label` names the text in error messages.
    """
    if not text.strip():
        yield Rejected(label, "", "empty: expected findings as JSON")
        return
    try:
        value = read_json(text)
    except MalformedEvent as error:
        lines = [(place, line) for place, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0][1]):
            yield Rejected(label, "", str(error))
            return
        for place, line in lines:
            try:
                value = read_json(line)
            except MalformedEvent as problem:
                yield Rejected(label, f"line {place}", str(problem))
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


def _read_value(value: Any, label: str, place: str) -> Iterator[Finding | Rejected]:
    items = value.get("Findings", value.get("findings")) if isinstance(value, dict) else value
    if isinstance(items, list):
        for number, item in enumerate(items, 1):
            yield _read_one(item, label, f"{place}, finding {number}" if place else f"finding {number}")
    else:
        yield _read_one(value, label, place)


def _read_one(value: Any, label: str, place: str) -> Finding | Rejected:
    try:
        if isinstance(value, dict) and ("detail" in value or "detail-type" in value):
            return Finding.from_event(value)
        return Finding.from_detail(value)
    except MalformedEvent as error:
        return Rejected(label, place, str(error))
