"""Find the findings in what a service wraps around them: lists, SQS messages, SNS notifications."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from enricher.finding.event import Finding, MalformedEvent, read_json
from enricher.finding.json_values import JsonValue, split_values

#: Keys under which an answer lists findings (GetFindings) or messages (Lambda, `sqs receive-message`).
_LISTS = ("Findings", "findings", "Records", "Messages")
#: Keys of which a wrapped or bare finding has one.
_WRAPPED = frozenset((*_LISTS, "Sns", "Type", "type", "body", "Body"))
#: Wrappers around wrappers that are opened: a list of SQS messages with SNS notifications has three.
_MAX_WRAPPERS = 6
#: Purpose:Resource/Family, the form of every finding type; some sources write a blank for the slash.
_TYPE = re.compile(r"[^\s:/]+:[^\s:/]+[/ ]\S+")
#: What a byte that is not UTF-8 was read as.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def findings_of(value: JsonValue) -> Iterator[tuple[str, Finding | MalformedEvent]]:
    """Yield each finding of one value of a stream with its place ("line 3, item 2"), or why it is not one."""
    if value.error:
        yield value.place, MalformedEvent(value.error)
        return
    try:
        content = _content(value)
    except MalformedEvent as error:
        # A line may hold several values, or one that is damaged among others.
        parts = [part._replace(line=value.line) for part in split_values([value.text])]
        if len(parts) < 2:
            yield value.place, error
        for part in parts if len(parts) > 1 else ():
            yield from findings_of(part)
        return
    if isinstance(content, dict) and "detail" in content:
        yield value.place, _parsed(content)  # an event, as nearly always
        return
    for place, item in findings_in(content):
        yield f"{value.place}, {place}" if place else value.place, item


def _content(value: JsonValue) -> object:
    text = value.text
    if not text.isascii() and (bad := _NOT_UTF8.search(text)):
        raise MalformedEvent(f"byte 0x{ord(bad[0]) - 0xDC00:02x} is not UTF-8: save it as UTF-8")
    return read_json(text) if value.content is None else value.content


def findings_in(value: object) -> Iterator[tuple[str, Finding | MalformedEvent]]:
    """Yield each finding in a JSON value with its place in it ("item 2", "" for the value itself).

    What is not a finding is yielded as the error that says why, so that its neighbors are still read.
    """
    for place, item in _unwrap(value, "", 0):
        yield place, item if isinstance(item, MalformedEvent) else _parsed(item)


def _parsed(value: object) -> Finding | MalformedEvent:
    try:
        return _finding(value)
    except MalformedEvent as error:
        return error


def read_message(value: object) -> Finding:
    """Return the one finding of a message that is not an EventBridge event itself.

    Raise MalformedEvent, which says why it is not a finding or how many it holds.
    """
    if not isinstance(value, dict) or not value.keys() & _WRAPPED:
        return Finding.from_event(value)
    found = [item for _, item in findings_in(value)]
    if len(found) != 1:
        raise MalformedEvent(f"the message holds {len(found)} findings, expected one")
    if isinstance(found[0], MalformedEvent):
        raise found[0]
    return found[0]


def _finding(value: object) -> Finding:
    if isinstance(value, dict) and ("detail" in value or "detail-type" in value):
        return Finding.from_event(value)
    finding = Finding.from_detail(value)
    if not _TYPE.fullmatch(finding.type):
        # Without an envelope that says so, only the form of its type tells a finding from other JSON.
        message = f"type is {finding.type!r:.80}, expected a finding type (Purpose:Resource/Family)"
        raise MalformedEvent(message)
    return finding


def _unwrap(value: Any, place: str, wrappers: int) -> Iterator[tuple[str, Any]]:
    inner = _inner(value) if wrappers < _MAX_WRAPPERS else None
    if isinstance(inner, list):
        for number, item in enumerate(inner, 1):
            yield from _unwrap(item, ", ".join(filter(None, (place, f"item {number}"))), wrappers + 1)
    elif isinstance(inner, str):
        try:
            yield from _unwrap(read_json(inner), place, wrappers + 1)
        except MalformedEvent as error:
            yield place, MalformedEvent(f"message body: {error}")
    else:
        yield place, value


def _inner(value: Any) -> list[Any] | str | None:
    """Return what a wrapper holds: a list, or JSON text; None if the value is not a wrapper."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or "detail" in value:
        return None
    for key in _LISTS:
        if isinstance(value.get(key), list):
            return list(value[key])
    notification = value.get("Sns", value)
    if isinstance(notification, dict) and notification.get("Type") == "Notification":
        message = notification.get("Message")
        return message if isinstance(message, str) else None
    is_message = "messageId" in value or "MessageId" in value
    body = value.get("body", value.get("Body"))
    return body if is_message and isinstance(body, str) else None
