"""Validate one evidence rule: its conditions, ATT&CK entries and confidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Any

from enricher.attack.catalog import Catalogue
from enricher.enrichment.conditions import KINDS, words_of
from enricher.enrichment.finding_type import Reading
from enricher.mapping.model import CONFIDENCES
from enricher.mapping.records import read_pair

_FIELD = re.compile(r"[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?", re.ASCII)
_NAME_WORD = re.compile(r"[A-Z]+[a-z]*")
#: A path that a prefix would continue in the middle of a name.
_UNCLOSED = re.compile(r"/[^:]*[^/:]")
SCOPE = ("purposes", "resources", "families")
#: Fields with attacker-controlled text, which alone do not justify high confidence.
_ATTACKER_CONTROLLED = ("commandLineExample",)

_EXPECTED = {
    "in": "a non-empty list of strings, integers or booleans",
    "prefix": "a non-empty list of non-empty strings, a path with / at its end (or use `below`)",
    "suffix": "a non-empty list of non-empty strings",
    "contains": "a non-empty list of non-empty strings",
    "words": "a non-empty list of single words in lower-case letters and digits",
    "above": "a number",
    "below": "a non-empty list of paths without a slash at the end",
    "network": "a non-empty list of IPv4 networks, such as 10.0.0.0/8",
    "present": "true, or false in any condition but the first",
}


def check_fields(item: dict[str, Any]) -> Iterator[str]:
    """Yield the problems in the conditions, limits and shown fields of a rule."""
    for key in SCOPE:
        if not is_texts(item.get(key, [])):
            yield f"`{key}` must be a list of names as in finding types"
    if not is_texts(item.get("rules_out", [])) or not all(
        map(_TECHNIQUE.fullmatch, item.get("rules_out", []))
    ):
        yield "`rules_out` must be a list of technique ids, such as T1078"
    conditions = item.get("when")
    if not isinstance(conditions, list) or not conditions:
        yield "`when` is missing: write when = [{ field = …, in = […] }, …], or calls for API calls"
        return
    for number, condition in enumerate(conditions, 1):
        for message in _check_condition(condition, first=number == 1):
            yield f"condition {number}: {message}"
    if not is_texts(item.get("show", [])) or not all(map(_FIELD.fullmatch, item.get("show", []))):
        yield "`show` must be a list of dotted paths"


def check_name(item: dict[str, Any], readings: list[Reading]) -> Iterator[str]:
    """Yield the problems in a rule for the words of a call's name, which never gives more than low."""
    for key, required in (("verbs", True), ("nouns", False)):
        words = item.get(key, [])
        if not is_texts(words) or (required and not words) or not all(map(_NAME_WORD.fullmatch, words)):
            yield f"invalid value for `{key}`: expected a list of words as in API calls, such as Create"
    if any(reading.confidence != "low" for reading in readings):
        yield "a call's name alone does not justify more than low confidence"


def _check_condition(condition: object, *, first: bool) -> Iterator[str]:
    if not isinstance(condition, dict):
        yield "must be a table: write { field = …, in = […] }"
        return
    paths = paths_of(condition.get("field"))
    if not paths or not all(map(_FIELD.fullmatch, paths)):
        expected = "a dotted path, [] after a list, or a list of paths"
        yield f"invalid value for `field`: expected {expected}, got {condition.get('field')!r:.80}"
    kinds = condition.keys() - {"field"}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        found = ", ".join(sorted(kinds)) or "none"
        yield f"must have exactly one of {', '.join(KINDS)}: found {found}"
        return
    kind = kinds.pop()
    operand = condition[kind]
    if not _is_operand(kind, operand, first=first):
        yield f"invalid value for `{kind}`: expected {_EXPECTED[kind]}, got {operand!r:.80}"


def _is_operand(kind: str, operand: object, *, first: bool) -> bool:
    if kind == "present":
        return operand is True or (operand is False and not first)
    if kind == "above":
        return isinstance(operand, (int, float)) and not isinstance(operand, bool)
    if not isinstance(operand, list) or not operand:
        return False
    if kind == "in":
        return all(isinstance(item, (str, int)) for item in operand)
    return is_texts(operand) and all(operand) and all(map(_TEXT_CHECKS.get(kind, bool), operand))


def _is_network(text: str) -> bool:
    try:
        return "/" in text and IPv4Network(text) is not None
    except ValueError:
        return False


#: What each text of a kind must be, besides not empty.
_TEXT_CHECKS: dict[str, Callable[[str], bool]] = {
    "words": lambda text: words_of(text) == {text},
    "below": lambda text: not text.endswith("/"),
    "network": _is_network,
    "prefix": lambda text: not _UNCLOSED.fullmatch(text),
}


def read_readings(value: object, catalogue: Catalogue, messages: list[str]) -> list[Reading]:
    """Return the readings (ATT&CK entries) of a rule; append their problems to `messages`."""
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        messages.append("`attack` is missing: write [{ tactic, technique, confidence }, …]")
        return []
    readings: list[Reading] = []
    for number, entry in enumerate(value, 1):
        confidence = entry.get("confidence")
        if confidence not in CONFIDENCES:
            expected = f"expected {', '.join(CONFIDENCES)}, got {confidence!r:.80}"
            messages.append(f"attack entry {number}: invalid value for `confidence`: {expected}")
        pair, problems = read_pair(
            {key: item for key, item in entry.items() if key != "confidence"}, catalogue
        )
        messages += [f"attack entry {number}: {problem}" for problem in problems]
        if pair is None:
            continue
        if pair.technique is None:
            messages.append(f"attack entry {number}: `technique` is missing, evidence must map to one")
        if any(other[:2] == (pair.tactic, pair.technique) for other in readings):
            messages.append(f"attack entry {number}: {pair.tactic} {pair.technique} is listed twice")
        readings.append(
            Reading(pair.tactic, pair.technique or "", confidence, pair.former, pair.former_tactic)
        )
    return readings


def check_confidence(item: dict[str, Any], readings: list[Reading]) -> Iterator[str]:
    """Yield a problem if a high confidence rests on attacker-controlled text alone."""
    conditions = item.get("when")
    if not isinstance(conditions, list) or not any(reading.confidence == "high" for reading in readings):
        return
    fields = [
        path
        for condition in conditions
        if isinstance(condition, dict) and condition.get("present") is not False
        for path in paths_of(condition.get("field"))
    ]
    if fields and all(path.endswith(_ATTACKER_CONTROLLED) for path in fields):
        yield "a command line alone does not justify high confidence: it is attacker-controlled"


def paths_of(value: object) -> list[str]:
    """Return the paths in `field` of a condition: one or several alternatives; [] if invalid."""
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) and is_texts(value) else []


def is_texts(value: object) -> bool:
    """Return whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
