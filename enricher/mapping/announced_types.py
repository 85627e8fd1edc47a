"""Find finding types in a text, such as an announcement of GuardDuty, and those that the mapping lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from enricher.mapping.model import AttackMapping

#: Purpose:Resource/Family, with any .Mechanism and !Artifact; a link does not match, for its "//".
_TYPE = re.compile(r"\b[A-Z][A-Za-z]+:[A-Z][A-Za-z0-9]+/[A-Za-z0-9]+(?:[.!&_-][A-Za-z0-9]+)*")


def types_in(text: str) -> list[str]:
    """Return the distinct finding types in a text, in order; a JSON text is searched in all its strings.

    Announcements are an object or an array of objects, with the types in `findingDetails`, or in the prose
    of `featureDetails`: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_sns.html
    """
    try:
        strings: Iterable[str] = _strings(json.loads(text))
    except (ValueError, RecursionError):
        strings = [text]
    return list(dict.fromkeys(found for string in strings for found in _TYPE.findall(string)))


def without_record(types: Iterable[str], mapping: AttackMapping) -> list[str]:
    """Return the finding types that the mapping has no record for, not even by an alias."""
    return [name for name in types if mapping.record_for(name) is None]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
