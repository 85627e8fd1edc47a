"""Read and validate what a record says for the alert: its response group, what is benign, what to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from enricher.mapping.model import RuleAdvice

#: Maximum number of fields that a record may have shown first.
MAX_SHOWN = 2
#: A dotted camelCase path under `detail`, [] after a list.
FIELD = re.compile(r"[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*", re.ASCII)
_LABEL = re.compile(r"[A-Z][A-Za-z -]{2,29}")
_RULE_KEYS = frozenset(("name", "response", "benign"))
_CLAUSE = 'must end the sentence "Benign if …": 4 to 20 words, no full stop'


def read_advice(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Record` that a valid [[finding]] table gives for the alert."""
    return {
        "response": item.get("response", ""),
        "benign": item.get("benign", ""),
        "benign_target": item.get("benign_target", ""),
        "shows": tuple(item.get("shows", {}).items()),
        "rules": tuple(
            RuleAdvice(rule["name"], rule.get("response", ""), rule.get("benign", ""))
            for rule in item.get("rules", ())
        ),
    }


def check_advice(item: dict[str, Any]) -> Iterator[str]:
    """Yield the problems in what a [[finding]] table gives for the alert."""
    if not isinstance(item.get("response", ""), str):
        yield "`response` must be a string"
    for key in ("benign", "benign_target"):
        if key in item and not is_clause(item[key]):
            yield f"`{key}` {_CLAUSE}"
    shows = item.get("shows", {})
    if not isinstance(shows, dict) or not 0 <= len(shows) <= MAX_SHOWN:
        yield f"`shows` must be a table of at most {MAX_SHOWN} fields: {{ Label = 'path.of.the.field' }}"
    else:
        for label, path in shows.items():
            if not _LABEL.fullmatch(label):
                yield f"`shows`: the label {label!r:.80} must be 3 to 30 letters, the first one a capital"
            if not isinstance(path, str) or not FIELD.fullmatch(path):
                yield f"`shows`: expected a dotted path, [] after a list, got {path!r:.80}"
    rules = item.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        yield "`rules` must be an array of tables: write one [[finding.rules]] per custom detection rule"
        return
    for number, rule in enumerate(rules, 1):
        yield from (f"rule {number}: {message}" for message in _check_rule(rule))
    names = [rule.get("name") for rule in rules]
    yield from (f"rule {name!r} is listed twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def _check_rule(rule: dict[str, Any]) -> Iterator[str]:
    expected = ", ".join(sorted(_RULE_KEYS))
    yield from (
        f"unknown key {key!r}: expected one of {expected}" for key in sorted(rule.keys() - _RULE_KEYS)
    )
    name = rule.get("name")
    if not isinstance(name, str) or not name:
        yield "`name` is missing: the rule's name as in `customDetectionRuleName`"
    if not isinstance(rule.get("response", ""), str):
        yield "`response` must be a string"
    if "benign" in rule and not is_clause(rule["benign"]):
        yield f"`benign` {_CLAUSE}"
    if not rule.keys() & {"response", "benign"}:
        yield "needs `response` or `benign`: what differs from the record"


def is_clause(text: object) -> bool:
    """Return whether a text can end the sentence "Benign if …"."""
    return (
        isinstance(text, str)
        and 4 <= len(text.split()) <= 20
        and text[:1].islower()
        and not text.endswith(".")
        and "\n" not in text
    )
