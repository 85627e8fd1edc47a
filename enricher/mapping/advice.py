"""Read and validate what a record says for the alert: its response group, what is benign, what to show."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Any

from enricher.mapping.model import Record, RuleAdvice
from enricher.mapping.problems import KeyPath, Violation

#: Maximum number of fields that a record may have shown first.
MAX_SHOWN = 2
#: A dotted camelCase path under `detail`, [] after a list.
FIELD = re.compile(r"[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*", re.ASCII)
_LABEL = re.compile(r"[A-Z][A-Za-z -]{2,29}")
_RULE_KEYS = frozenset(("name", "response", "benign"))
CLAUSE = 'must end the sentence "Benign if …": 4 to 20 words, no full stop'


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


def check_advice(item: dict[str, Any]) -> Iterator[Violation]:
    """Yield what is wrong with what a [[finding]] table gives for the alert."""
    yield from _check_texts(item, ("benign", "benign_target"))
    shows = item.get("shows", {})
    if not isinstance(shows, dict) or len(shows) > MAX_SHOWN:
        expected = "{ Label = 'path.of.the.field' }"
        yield Violation(f"`shows` must be a table of at most {MAX_SHOWN} fields: {expected}", ("shows",))
    else:
        for label, path in shows.items():
            if not _LABEL.fullmatch(label):
                message = f"the label {label!r:.80} must be 3 to 30 letters, the first one a capital"
                yield Violation(f"`shows`: {message}", ("shows", label))
            if not isinstance(path, str) or not FIELD.fullmatch(path):
                message = f"expected a dotted path, [] after a list, got {path!r:.80}"
                yield Violation(f"`shows`: {message}", ("shows", label))
    rules = item.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        message = "`rules` must be an array of tables: write one [[finding.rules]] per custom detection rule"
        yield Violation(message, ("rules",))
        return
    names: list[object] = []
    for place, rule in enumerate(rules):
        for found in _check_rule(rule):
            yield found.inside(f"rule {place + 1}", "rules", place)
        if rule.get("name") in names:
            yield Violation(f"rule {rule.get('name')!r:.80} is listed twice", ("rules", place))
        names.append(rule.get("name"))


def _check_texts(item: dict[str, Any], clauses: tuple[str, ...]) -> Iterator[Violation]:
    if not isinstance(item.get("response", ""), str):
        yield Violation("`response` must be a string", ("response",))
    for key in clauses:
        if key in item and not is_clause(item[key]):
            yield Violation(f"`{key}` {CLAUSE}", (key,))


def _check_rule(rule: dict[str, Any]) -> Iterator[Violation]:
    expected = ", ".join(sorted(_RULE_KEYS))
    for key in sorted(rule.keys() - _RULE_KEYS):
        yield Violation(f"unknown key {key!r}: expected one of {expected}", (key,))
    name = rule.get("name")
    if not isinstance(name, str) or not name:
        yield Violation("`name` is missing: the rule's name as in `customDetectionRuleName`")
    yield from _check_texts(rule, ("benign",))
    if not rule.keys() & {"response", "benign"}:
        yield Violation("needs `response` or `benign`: what differs from the record")


def check_groups_of(record: Record, groups: Container[str]) -> Iterator[Violation]:
    """Yield a violation for each response group that a record or its rules name and that does not exist."""
    places: list[tuple[str, KeyPath]] = [(record.response, ("response",))]
    places += [(rule.response, ("rules", place, "response")) for place, rule in enumerate(record.rules)]
    for group, path in places:
        if group and group not in groups:
            yield Violation(f"`response` {group!r} is not a group of mapping/responses.toml", path)


def is_clause(text: object) -> bool:
    """Return whether a text can end the sentence "Benign if …"."""
    return (
        isinstance(text, str)
        and 4 <= len(text.split()) <= 20
        and text[:1].islower()
        and not text.endswith(".")
        and "\n" not in text
    )
