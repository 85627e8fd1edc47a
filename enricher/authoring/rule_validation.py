"""Check one evidence rule as people write it: its conditions, readings and grounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from enricher.attack.catalog import Catalogue
from enricher.enrichment.conditions import KINDS, words_of
from enricher.mapping.model import CONFIDENCES
from enricher.mapping.records import read_pair

_FIELD = re.compile(r"[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*")
SCOPE = ("purposes", "resources", "families")
#: Text that an attacker writes: never the only ground for high confidence.
_WRITTEN_BY_ANYONE = ("commandLineExample",)


def check_fields(item: dict[str, Any]) -> Iterator[str]:
    """Name what is wrong with the conditions, limits and shown fields of a rule."""
    for key in SCOPE:
        if not is_texts(item.get(key, [])):
            yield f"{key} is no list of names, as they stand in finding types"
    conditions = item.get("when")
    if not isinstance(conditions, list) or not conditions:
        yield "when is missing: write when = [{ field = …, in = […] }, …], or calls for API calls"
        return
    for number, condition in enumerate(conditions, 1):
        for message in _check_condition(condition, first=number == 1):
            yield f"condition {number}: {message}"
    if not is_texts(item.get("show", [])) or not all(map(_FIELD.fullmatch, item.get("show", []))):
        yield "show is no list of fields"


def _check_condition(condition: object, *, first: bool) -> Iterator[str]:
    if not isinstance(condition, dict):
        yield "is no table: write { field = …, in = […] }"
        return
    paths = paths_of(condition.get("field"))
    if not paths or not all(map(_FIELD.fullmatch, paths)):
        yield f"field is {condition.get('field')!r}: expected a dotted path, [] after a list, or several"
    kinds = condition.keys() - {"field"}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        yield f"says {', '.join(sorted(kinds)) or 'nothing'}: expected exactly one of {', '.join(KINDS)}"
        return
    kind = kinds.pop()
    operand = condition[kind]
    if kind == "present":
        good = operand is True or (operand is False and not first)
    elif kind == "above":
        good = isinstance(operand, (int, float)) and not isinstance(operand, bool)
    elif kind == "in":
        good = isinstance(operand, list) and bool(operand) and all(isinstance(x, (str, int)) for x in operand)
    else:
        good = is_texts(operand) and bool(operand) and all(operand)
    if good and kind == "words":
        good = all(words_of(word) == {word} for word in operand)
    if not good:
        yield f"{kind} = {operand!r} cannot be: see mapping/evidence/README.md"


def read_readings(value: object, catalogue: Catalogue, messages: list[str]) -> list[list[Any]]:
    """Read the readings of a rule as rows of the tables, adding what is wrong with them."""
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        messages.append("attack is missing: write attack = [{ tactic, technique, confidence }, …]")
        return []
    readings: list[list[Any]] = []
    for number, entry in enumerate(value, 1):
        confidence = entry.get("confidence")
        if confidence not in CONFIDENCES:
            messages.append(
                f"reading {number}: confidence is {confidence!r}: expected {', '.join(CONFIDENCES)}"
            )
        pair, faults = read_pair({key: item for key, item in entry.items() if key != "confidence"}, catalogue)
        messages += [f"reading {number}: {fault}" for fault in faults]
        if pair is None:
            continue
        if pair.technique is None:
            messages.append(f"reading {number}: names no technique; evidence shows one")
        row = [pair.tactic, pair.technique, confidence, pair.former, pair.former_tactic]
        while len(row) > 3 and row[-1] is None:
            row.pop()
        if any(other[:2] == row[:2] for other in readings):
            messages.append(f"reading {number}: {pair.tactic} {pair.technique} is listed twice")
        readings.append(row)
    return readings


def check_grounds(item: dict[str, Any], readings: list[list[Any]]) -> Iterator[str]:
    """Refuse high confidence on nothing but text that anybody may write."""
    conditions = item.get("when")
    if not isinstance(conditions, list) or not any(reading[2] == "high" for reading in readings):
        return
    grounds = [
        path
        for condition in conditions
        if isinstance(condition, dict) and condition.get("present") is not False
        for path in paths_of(condition.get("field"))
    ]
    if grounds and all(path.endswith(_WRITTEN_BY_ANYONE) for path in grounds):
        yield "a command line alone is no ground for high confidence: anybody can write it"


def paths_of(value: object) -> list[str]:
    """Give the paths of a condition: one, or several as alternatives."""
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) and is_texts(value) else []


def is_texts(value: object) -> bool:
    """Tell whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
