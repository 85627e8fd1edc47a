"""The compiled evidence rules of a mapping, each decoded once, when a finding first needs it.

The rules are data, written and reviewed under `mapping/evidence/`. Compiled, they are these tables (in
`AttackMapping.evidence`, so in the bundle):

rules: one row for each rule, in the order of the fields of `Rule`, a reading without trailing None.
calls: service -> API call -> index of its rule, the most common services first.
verbs: first word of an API call's name -> indexes in `names`, for calls without a reviewed rule.
names: one row for each rule for the words of a call's name: [nouns, index of the rule].
fields: one row for each field that a rule tests, as its steps: ["service", "action", …, "[]", "port"].
tree: the fields that rules test, as nested keys, so that only the relevant parts of a finding are walked.
    The tables of a field are under "=": `in` by exact value, `words` by word, `try` for all other rules.
purposes: threat purpose -> the tactics it may stand for, none for a purpose that implies no tactic.
caller_families, act_families: families that say who called, and those that say what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from enricher.enrichment.conditions import Condition, Field
from enricher.enrichment.finding_type import Reading
from enricher.finding.paths import ANY_ITEM
from enricher.mapping.model import AttackMapping

#: The kinds of conditions by which the tree finds a rule, so that the first condition of such a rule holds.
_LOOKED_UP = frozenset(("in", "words"))


class Rule(NamedTuple):
    """One evidence rule.

    readings: the possible interpretations, the most common first; scope: (purposes, resources, families) it
    is limited to, () for any; conditions: the first one is on the field by which the tree finds the rule;
    show: indexes of further fields to list as evidence; rules_out: techniques of the record that the rule
    contradicts; is_looked_up: whether the tree's tables have decided the first condition.
    """

    id: str
    file: str
    readings: tuple[Reading, ...]
    rationale: str
    scope: tuple[tuple[str, ...], ...]
    conditions: tuple[Condition, ...]
    show: list[int]
    rules_out: tuple[str, ...]
    is_looked_up: bool

    @classmethod
    def of(cls, row: list[Any]) -> Rule:
        """Decode a row of the table `rules`."""
        rule_id, file, readings, rationale, scope, conditions, show, rules_out = row
        return cls(
            rule_id,
            file,
            tuple(Reading(*reading) for reading in readings),
            rationale,
            tuple(map(tuple, scope)),
            tuple(Condition.of(*condition) for condition in conditions),
            show,
            tuple(rules_out),
            bool(conditions) and conditions[0][1] in _LOOKED_UP,
        )


class Rules(dict[int, Rule]):
    """The rules by their index, each decoded when it is first asked for: a finding needs a few of them."""

    def __init__(self, rows: list[list[Any]]) -> None:
        super().__init__()
        self._rows = rows

    def __missing__(self, number: int) -> Rule:
        """Decode and keep a rule."""
        rule = self[number] = Rule.of(self._rows[number])
        return rule


class Leaf(NamedTuple):
    """The rules that a field's value may satisfy: by the exact value, by a word of it, and all others."""

    exact: Mapping[str, list[int]]
    words: Mapping[str, list[int]]
    others: list[int]


class Node(NamedTuple):
    """A step on the way to the fields that rules test.

    path: from the view, or from the item of the innermost list; leaf: None if no rule tests a value here;
    children: the keys of an object with the node, path and leaf below each; the node is None where there is
    only the leaf; item: the step into each item of a list.
    """

    path: str
    leaf: Leaf | None
    children: tuple[tuple[str, Node | None, str, Leaf | None], ...]
    item: Node | None

    @classmethod
    def of(cls, tree: Mapping[str, Any], path: str = "", joint: str = "") -> Node:
        """Decode the table `tree`."""
        tables, item = tree.get("="), tree.get(ANY_ITEM)
        children = []
        for key in (key for key in tree if key not in ("=", ANY_ITEM)):
            child = cls.of(tree[key], f"{path}{joint}{key}", ".")
            children.append((key, child if child.children or child.item else None, child.path, child.leaf))
        return cls(
            path,
            Leaf(tables.get("in", {}), tables.get("words", {}), tables.get("try", [])) if tables else None,
            tuple(children),
            cls.of(item, "", ".") if item else None,
        )


class RuleTables(NamedTuple):
    """The tables of one mapping as matching reads them; verbs and names as in the module's description."""

    rules: Rules
    fields: tuple[Field, ...]
    tree: Node
    calls: Mapping[str, Mapping[str, int]]
    verbs: Mapping[str, list[int]]
    names: list[list[Any]]


# A process uses one mapping, or two while an override takes effect.
@lru_cache(maxsize=2)
def tables_of(mapping: AttackMapping) -> RuleTables | None:
    """Return the rules of a mapping, None for a mapping without rules."""
    tables = mapping.evidence
    if not tables:
        return None
    return RuleTables(
        Rules(tables["rules"]),
        tuple(map(Field.of, tables["fields"])),
        Node.of(tables["tree"]),
        tables["calls"],
        tables["verbs"],
        tables["names"],
    )
