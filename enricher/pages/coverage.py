"""Count, for each (technique, tactic) pair of ATT&CK, the finding types and evidence rules that give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from enricher.attack.catalog import parent_id
from enricher.authoring.rule_docs import applies_to, calls_by_rule, rules_of
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.finding_type import Reading, meaning_of
from enricher.enrichment.precedence import entries_of
from enricher.enrichment.ranking import choose_reading
from enricher.enrichment.rules import Rule
from enricher.enrichment.tag import Entry
from enricher.mapping.model import CONFIDENCES, AttackMapping, Confidence
from enricher.mapping.type_name import parse_type

#: What a pair rests on.
Kind = Literal["type", "rule", "retired"]
#: (technique, tactic), as ids of the chosen release.
Key = tuple[str, str]


@dataclass(slots=True)
class Cell:
    """What gives one pair: finding type -> confidence, and rule -> confidence.

    active, retired: the finding types whose record names the pair; rules: the evidence rules that can give
    it; through: rule -> the finding types in whose findings the rule gives the pair.
    """

    active: dict[str, Confidence] = field(default_factory=dict)
    retired: dict[str, Confidence] = field(default_factory=dict)
    rules: dict[str, Confidence] = field(default_factory=dict)
    through: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Return what the pair rests on: "type" (an active finding type), "rule" alone, or "retired"."""
        return "type" if self.active else "rule" if self.rules else "retired"

    @property
    def confidence(self) -> Confidence:
        """Return the highest confidence among the active types, else the rules, else the retired types."""
        return surest((self.active or self.rules or self.retired).values())


Cells = dict[Key, Cell]


def surest(confidences: Any) -> Confidence:
    """Return the highest of some confidences; "low" if there are none."""
    return min(confidences, key=CONFIDENCES.index, default="low")


def coverage(mapping: AttackMapping, release: str | None = None) -> Cells:
    """Return every pair that a record or a rule of the mapping gives, in a release (None: the pinned one)."""
    cells: Cells = {}
    for finding_type, record in mapping.records.items():
        for key, row in _rows(attack_block(entries_of(record), record, mapping, release)):
            cell = cells.setdefault(key, Cell())
            (cell.retired if record.is_retired else cell.active)[finding_type] = row["confidence"]
    for rule in rules_of(mapping):
        for reading in rule.readings:
            for key, row in _rows(_reading_block(reading, mapping, release)):
                rules = cells.setdefault(key, Cell()).rules
                rules[rule.id] = surest([row["confidence"], rules.get(rule.id, "low")])
    keys: dict[Reading, list[Key]] = {}
    for rule, finding_type, reading in _type_readings(mapping):
        if reading not in keys:
            keys[reading] = [key for key, _ in _rows(_reading_block(reading, mapping, release))]
        for key in keys[reading]:
            cells[key].through.setdefault(rule.id, []).append(finding_type)
    return cells


def kinds(cells: Mapping[Key, Cell]) -> dict[str, int]:
    """Count the pairs by what they rest on: {"type": n, "rule": n, "retired": n}."""
    counts = {"type": 0, "rule": 0, "retired": 0}
    for cell in cells.values():
        counts[cell.kind] += 1
    return counts


class Folded(NamedTuple):
    """One technique under one tactic, with its sub-techniques folded into it.

    types: the distinct finding types of the kind; cells: the pairs folded together.
    """

    technique: str
    kind: Kind
    confidence: Confidence
    types: int
    cells: tuple[Key, ...]


def fold(cells: Mapping[Key, Cell], tactic: str) -> list[Folded]:
    """Return the techniques of a tactic that an active type or a rule gives, the best covered first."""
    families: dict[str, list[Key]] = {}
    for key, cell in cells.items():
        if key[1] == tactic and cell.kind != "retired":
            families.setdefault(parent_id(key[0]) or key[0], []).append(key)
    folded = [_fold(technique, keys, cells) for technique, keys in families.items()]
    return sorted(
        folded,
        key=lambda row: (row.kind == "rule", -row.types, CONFIDENCES.index(row.confidence), row.technique),
    )


def _fold(technique: str, keys: list[Key], cells: Mapping[Key, Cell]) -> Folded:
    kind: Kind = "type" if any(cells[key].kind == "type" for key in keys) else "rule"
    best = surest(cells[key].confidence for key in keys if cells[key].kind == kind)
    types = {name for key in keys for name in cells[key].active}
    return Folded(technique, kind, best, len(types), tuple(sorted(keys)))


def _type_readings(mapping: AttackMapping) -> Iterator[tuple[Rule, str, Reading]]:
    """Yield each rule that applies to an active type, with the reading that its findings get."""
    of_calls, rules = calls_by_rule(mapping), list(rules_of(mapping))
    for finding_type, record in mapping.records.items():
        if record.is_retired or not record.pairs:
            continue  # evidence does not override a record without entries
        name = parse_type(finding_type)
        meaning = meaning_of(finding_type, record, mapping)
        for rule in rules:
            if applies_to(rule, name, of_calls, mapping):
                yield rule, finding_type, choose_reading(rule, meaning)


def _reading_block(reading: Reading, mapping: AttackMapping, release: str | None) -> dict[str, Any]:
    entry = Entry(reading.pair, reading.confidence, "evidence", "")
    return dict(attack_block([entry], None, mapping, release))


def _rows(attack: Mapping[str, Any]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    for row in attack["techniques"]:
        yield (row["id"], row["tactic"]["id"]), row
