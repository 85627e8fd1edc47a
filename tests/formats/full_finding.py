"""A finding with every block that an example has, and hostile text in every field of free text."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from tests import examples

#: Texts for every field of free text: many words, one long word, and what the examples have.
TEXTS = {"many words": "a b c d e f " * 10, "one long word": "x" * 300, "as they are": None}
#: Fields whose values have a meaning, or are made by GuardDuty.
_FIXED = frozenset(
    ("accountId", "actionType", "arn", "createdAt", "customDetectionRuleName", "direction", "errorCode",
     "eventFirstSeen", "eventLastSeen", "id", "ipAddressV4", "partition", "region", "resourceRole",
     "resourceType", "type", "updatedAt")
)  # fmt: skip


def full_detail(finding_type: str, text: str | None, *, is_sequence: bool) -> dict[str, Any]:
    """Return the detail of a finding of a type with the blocks of all examples, `text` in their free text."""
    detail: dict[str, Any] = _replaced(copy.deepcopy(_every_block()), text)
    if not is_sequence:
        del detail["service"]["detection"], detail["customDetectionRuleName"]
    return detail | {"type": finding_type}


@cache
def _every_block() -> Any:
    detail: Any = {}
    for name in examples.names():
        detail = _merged(detail, examples.event(name)["detail"])
    return detail


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        both = {key: _merged(one[key], other[key]) for key in one.keys() & other.keys()}
        return {**other, **one, **both}
    return one + other if isinstance(one, list) and isinstance(other, list) else one


def _replaced(value: Any, text: str | None, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _replaced(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, text, key) for item in value]
    return text if text is not None and isinstance(value, str) and key not in _FIXED else value
