"""Compile valid evidence rules to the look-up tables that `enricher.enrichment.rules` describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from enricher.authoring.rule_validation import SCOPE, paths_of
from enricher.enrichment.conditions import key_of
from enricher.enrichment.finding_type import Reading
from enricher.finding.paths import split_path


@dataclass(slots=True)
class RuleTables:
    """The tables, filled rule by rule; the order of the rules is their priority."""

    common_services: list[str] = field(default_factory=list)
    seen_in: dict[str, list[str]] = field(default_factory=dict)
    purposes: dict[str, list[str]] = field(default_factory=dict)
    families: dict[str, list[str]] = field(default_factory=dict)
    _rules: list[list[Any]] = field(default_factory=list)
    _calls: dict[str, dict[str, int]] = field(default_factory=dict)
    _names: list[list[Any]] = field(default_factory=list)
    _verbs: dict[str, list[int]] = field(default_factory=dict)
    _fields: dict[str, int] = field(default_factory=dict)
    _tree: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the tables as in `AttackMapping.evidence` and in the bundle."""
        services = [key for key in dict.fromkeys([*self.common_services, *self._calls]) if key in self._calls]
        return {
            "rules": self._rules,
            "calls": {service: self._calls[service] for service in services},
            "names": self._names,
            "verbs": self._verbs,
            "fields": [split_path(path) for path in self._fields],
            "tree": self._tree,
            "seen_in": self.seen_in,
            "purposes": self.purposes,
            **self.families,
        }

    def add(self, item: dict[str, Any], file: str, readings: list[Reading]) -> None:
        """Add a valid rule; item: its TOML table; file: the name of its file without .toml."""
        number = len(self._rules)
        scope = [item.get(key, []) for key in SCOPE]
        conditions = [self._compile_condition(condition) for condition in item.get("when", [])]
        self._rules.append(
            [
                item["id"],
                file,
                [_row(reading) for reading in readings],
                " ".join(item["rationale"].split()),
                scope if any(scope) else [],
                conditions,
                [self._field(path) for path in item.get("show", [])],
                item.get("rules_out", []),
            ]
        )
        for service in item.get("services", []):
            self._calls.setdefault(service, {}).update(dict.fromkeys(item["calls"], number))
        for verb in item.get("verbs", []):
            self._verbs.setdefault(verb, []).append(len(self._names))
        if "verbs" in item:
            self._names.append([item.get("nouns", []), number])
        if conditions:
            for path in paths_of(item["when"][0]["field"]):
                _insert(split_path(path), conditions[0][1:], number, self._tree)

    def _compile_condition(self, condition: dict[str, Any]) -> list[Any]:
        kind = next(key for key in condition if key != "field")
        operand = condition[kind]
        if kind == "in":
            operand = [key_of(value) for value in operand]
        return [[self._field(path) for path in paths_of(condition["field"])], kind, operand]

    def _field(self, path: str) -> int:
        return self._fields.setdefault(path, len(self._fields))


def _row(reading: Reading) -> list[Any]:
    """Return a reading as a list without trailing None, as the bundle has it."""
    row = list(reading)
    while row[-1] is None:
        row.pop()
    return row


def _insert(steps: list[str], key: list[Any], number: int, tree: dict[str, Any]) -> None:
    """Insert a rule into the tree at the field and key of its first condition."""
    for step in steps:
        tree = tree.setdefault(step, {})
    leaf, (kind, operand) = tree.setdefault("=", {}), key
    if kind in ("in", "words"):
        table = leaf.setdefault(kind, {})
        for value in operand:
            table.setdefault(value, []).append(number)
    else:
        leaf.setdefault("try", []).append(number)
