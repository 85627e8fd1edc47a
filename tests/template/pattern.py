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
    """Tell whether an event has what the pattern asks for."""
    if not pattern:
        raise ValueError("EventBridge refuses an empty object in a pattern")
    for key, wanted in pattern.items():
        value = event.get(key, _MISSING) if isinstance(event, dict) else _MISSING
        if isinstance(wanted, dict):
            if not matches(wanted, value):
                return False
        elif not any(_accepts(rule, value) for rule in wanted):
            return False
    return True


def _accepts(rule: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_accepts(rule, item) for item in value)
    if not isinstance(rule, dict):
        return value is not _MISSING and type(rule) is type(value) and bool(rule == value)
    [(operator, argument)] = rule.items()
    if operator == "exists":
        return (value is not _MISSING) is argument
    if operator == "numeric":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pairs = zip(argument[::2], argument[1::2], strict=True)
        if not all(isinstance(bound, int | float) for bound in argument[1::2]):
            raise TypeError(f"EventBridge takes literal numbers only: {argument}")
        return number and all(_COMPARE[sign](value, bound) for sign, bound in pairs)
    raise ValueError(f"operator not known here: {operator}")
