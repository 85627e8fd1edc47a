"""Match events against EventBridge patterns, with the operators that the template uses.

Semantics: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

from typing import Any

_COMPARE = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}
_MISSING = object()


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Return whether an event matches the pattern; raise ValueError for an invalid pattern."""
    if not pattern:
        raise ValueError("EventBridge rejects an empty object in a pattern")
    for key, expected in pattern.items():
        value = event.get(key, _MISSING) if isinstance(event, dict) else _MISSING
        if isinstance(expected, dict):
            if not matches(expected, value):
                return False
        elif not any(_accepts(rule, value) for rule in expected):
            return False
    return True


def _accepts(rule: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_accepts(rule, item) for item in value)
    if isinstance(value, dict):
        value = _MISSING  # only a leaf has a value
    if not isinstance(rule, dict):
        return value is not _MISSING and type(rule) is type(value) and bool(rule == value)
    [(operator, argument)] = rule.items()
    if operator == "exists":
        return (value is not _MISSING) is argument
    if operator == "numeric":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pairs = zip(argument[::2], argument[1::2], strict=True)
        if not all(isinstance(bound, int | float) for bound in argument[1::2]):
            raise TypeError(f"EventBridge accepts only literal numbers: {argument}")
        return number and all(_COMPARE[sign](value, bound) for sign, bound in pairs)
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(argument)
    raise ValueError(f"operator not implemented: {operator}")
