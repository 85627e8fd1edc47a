"""Validate one evidence rule: its conditions, ATT&CK entries and confidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Any, TypeGuard

from enricher.attack.catalog import Catalogue
from enricher.enrichment.conditions import KINDS, words_of
from enricher.enrichment.finding_type import Reading
from enricher.finding.api_calls import undated
from enricher.mapping.advice import FIELD
from enricher.mapping.entries import invalid, read_entries
from enricher.mapping.model import CONFIDENCES
from enricher.mapping.problems import Violation

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


def check_fields(item: dict[str, Any]) -> Iterator[Violation]:
    """Yield the violations in the conditions, limits and shown fields of a rule."""
    for key in SCOPE:
        if not is_texts(item.get(key, [])):
            yield Violation(f"`{key}` must be a list of names as in finding types", (key,))
    if not is_texts(item.get("rules_out", [])) or not all(
        map(_TECHNIQUE.fullmatch, item.get("rules_out", []))
    ):
        yield Violation("`rules_out` must be a list of technique ids, such as T1078", ("rules_out",))
    conditions = item.get("when")
    if not isinstance(conditions, list) or not conditions:
        message = "`when` is missing: write when = [{ field = …, in = […] }, …], or calls for API calls"
        yield Violation(message, ("when",))
        return
    for place, condition in enumerate(conditions):
        for found in _check_condition(condition, first=place == 0):
            yield found.inside(f"condition {place + 1}", "when", place)
    if not is_texts(item.get("show", [])) or not all(map(FIELD.fullmatch, item.get("show", []))):
        yield Violation("`show` must be a list of dotted paths", ("show",))


def check_name(item: dict[str, Any], readings: list[Reading]) -> Iterator[Violation]:
    """Yield the violations in a rule for the words of a call's name, which never gives more than low."""
    for key, required in (("verbs", True), ("nouns", False)):
        words = item.get(key, [])
        if not is_texts(words) or (required and not words) or not all(map(_NAME_WORD.fullmatch, words)):
            message = f"invalid value for `{key}`: expected a list of words as in API calls, such as Create"
            yield Violation(message, (key,))
    if any(reading.confidence != "low" for reading in readings):
        yield Violation("a call's name alone does not justify more than low confidence", ("attack",))


def check_calls(item: dict[str, Any], rules: dict[tuple[str, str], str]) -> Iterator[Violation]:
    """Yield the violations in a rule for API calls; rules: (service, call) -> id of the rule that has it."""
    for key in ("services", "calls"):
        if not is_texts(item.get(key)) or not item[key]:
            message = f"invalid value for `{key}`: expected a non-empty list of names"
            yield Violation(message, (key,))
            return
    for number, service in enumerate(item["services"]):
        if service != service.lower() or not service.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            expected = "expected an event source as in CloudTrail, such as iam.amazonaws.com"
            yield Violation(f"service {service!r}: {expected}", ("services", number))
        for place, call in enumerate(item["calls"]):
            if other := rules.get((service, call)):
                message = f"{call} of {service} is also in rule {other}: a call may be in one rule only"
                yield Violation(message, ("calls", place))
    for place, call in enumerate(item["calls"]):
        if call != undated(call):
            message = f"{call}: write {undated(call)}; the API's date and version are ignored in findings"
            yield Violation(message, ("calls", place))
    if len(set(item["calls"])) < len(item["calls"]):
        yield Violation("`calls` lists a name twice", ("calls",))


def _check_condition(condition: object, *, first: bool) -> Iterator[Violation]:
    if not isinstance(condition, dict):
        yield Violation("must be a table: write { field = …, in = […] }")
        return
    paths = paths_of(condition.get("field"))
    if not paths or not all(map(FIELD.fullmatch, paths)):
        expected = "a dotted path, [] after a list, or a list of paths"
        yield invalid("field", expected, condition.get("field"))
    kinds = condition.keys() - {"field"}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        found = ", ".join(sorted(kinds)) or "none"
        yield Violation(f"must have exactly one of {', '.join(KINDS)}: found {found}")
        return
    kind = kinds.pop()
    if not _is_operand(kind, condition[kind], first=first):
        yield invalid(kind, _EXPECTED[kind], condition[kind])


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


def read_readings(value: object, catalogue: Catalogue, violations: list[Violation]) -> list[Reading]:
    """Return the valid readings (ATT&CK entries) of a rule; append what is wrong to `violations`."""
    if value == []:
        value = None
    missing = "[{ tactic, technique, confidence }, …]"
    readings: list[Reading] = []
    for place, (pair, confidence) in enumerate(read_entries(value, catalogue, violations, missing)):
        found = []
        if isinstance(value, list) and "confidence" not in value[place]:
            found.append(invalid("confidence", ", ".join(CONFIDENCES), None))
        if pair and pair.technique is None:
            found.append(Violation("`technique` is missing, evidence must map to one"))
        violations += [item.inside(f"attack entry {place + 1}", "attack", place) for item in found]
        if pair and pair.technique and confidence:
            readings.append(Reading(pair.tactic, pair.technique, confidence, pair.former, pair.former_tactic))
    return readings


def check_confidence(item: dict[str, Any], readings: list[Reading]) -> Iterator[Violation]:
    """Yield a violation if a high confidence rests on attacker-controlled text alone."""
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
        message = "a command line alone does not justify high confidence: it is attacker-controlled"
        yield Violation(message, ("attack",))


def paths_of(value: object) -> list[str]:
    """Return the paths in `field` of a condition: one or several alternatives; [] if invalid."""
    if isinstance(value, str):
        return [value]
    return value if is_texts(value) else []


def is_texts(value: object) -> TypeGuard[list[str]]:
    """Return whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
