"""Describe the evidence rules in text, for `explain` and docs/evidence.md."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.enrichment.conditions import Condition
from enricher.enrichment.finding_type import Reading, meaning_of
from enricher.enrichment.matching import in_scope
from enricher.enrichment.ranking import choose_reading
from enricher.enrichment.rules import Rule, tables_of
from enricher.finding.paths import ANY_ITEM
from enricher.mapping.model import CONFIDENCES, AttackMapping, Record
from enricher.mapping.type_name import TypeName, parse_type

_VERBS = {
    "in": "is",
    "prefix": "begins with",
    "suffix": "ends with",
    "contains": "contains",
    "words": "has the word",
    "above": "is above",
    "below": "is or is below",
    "network": "is in",
}
#: Resources in finding types whose findings are about API calls.
_CALL_RESOURCES = ("IAMUser", "IAM", "S3")


def rules_of(mapping: AttackMapping) -> Iterator[Rule]:
    """Yield every evidence rule of the mapping, in file order."""
    if tables := tables_of(mapping):
        yield from (tables.rules[number] for number in range(len(mapping.evidence["rules"])))


def calls_by_rule(mapping: AttackMapping) -> dict[str, dict[str, list[str]]]:
    """Return rule id -> service (event source) -> calls, for the rules of API calls."""
    rows = mapping.evidence.get("rules", ())
    found: dict[str, dict[str, list[str]]] = {}
    for service, calls in mapping.evidence.get("calls", {}).items():
        for call, number in calls.items():
            found.setdefault(rows[number][0], {}).setdefault(service, []).append(call)
    return found


def words_by_rule(mapping: AttackMapping) -> dict[str, tuple[list[str], list[str]]]:
    """Return rule id -> (verbs, nouns), for the rules on the words of a call's name."""
    names, rows = mapping.evidence.get("names", ()), mapping.evidence.get("rules", ())
    found: dict[str, tuple[list[str], list[str]]] = {rows[number][0]: ([], nouns) for nouns, number in names}
    for verb, places in mapping.evidence.get("verbs", {}).items():
        for place in places:
            found[rows[names[place][1]][0]][0].append(verb)
    return found


class Conditions:
    """The conditions of rules in text, each in one line; lists are cut to `most` values."""

    def __init__(self, mapping: AttackMapping, *, most: int = 1000) -> None:
        self.mapping = mapping
        self.most = most
        self.calls = calls_by_rule(mapping)
        self.words = words_by_rule(mapping)

    def of(self, rule: Rule) -> str:
        """Return the conditions of a rule."""
        if services := self.calls.get(rule.id):
            calls = list(dict.fromkeys(call for names in services.values() for call in names))
            return f"{_listed(calls, self.most, ', ')} ({', '.join(services)})"
        if words := self.words.get(rule.id):
            verbs, nouns = words
            about = f" and has the word {_listed(nouns, self.most, ' or ')}" if nouns else ""
            return f"the call's name begins with {_listed(verbs, self.most, ' or ')}{about}"
        return " and ".join(_condition(condition, self.mapping, self.most) for condition in rule.conditions)


def _condition(condition: Condition, mapping: AttackMapping, most: int) -> str:
    kind, operand = condition.kind, condition.operand
    steps = [mapping.evidence["fields"][number] for number in condition.fields]
    field = " or ".join(".".join(path).replace(f".{ANY_ITEM}", ANY_ITEM) for path in steps)
    if kind == "present":
        return f"{field} is there" if operand else f"{field} is not there"
    if kind == "above":
        return f"{field} is above {operand}"
    return f"{field} {_VERBS[kind]} {_listed([str(value) for value in operand], most, ' or ')}"


def _listed(values: list[str], most: int, joint: str) -> str:
    more = len(values) - most
    return joint.join(values[:most]) + (f" and {more} more" if more > 0 else "")


def scope_of(rule: Rule) -> str:
    """Return the limits of a rule on purpose, resource and family; "" if it applies to all finding types."""
    if not rule.scope:
        return ""
    words = ("purpose", "resource", "family")
    return "; ".join(
        f"{word} {', '.join(values)}" for word, values in zip(words, rule.scope, strict=True) if values
    )


def refinements(
    finding_type: str, record: Record | None, mapping: AttackMapping
) -> list[tuple[Reading, list[Rule]]]:
    """List the ATT&CK entries to which evidence in a finding can refine the record of its type.

    Returns (reading, rules that yield it), highest confidence first. Readings that do not match the
    type's tactics are omitted; a finding may still show them.
    """
    if not mapping.evidence or (record and not record.pairs):
        # A record without entries is a reviewed decision that evidence must not override.
        return []
    name = parse_type(record.type if record else finding_type)
    meaning = meaning_of(finding_type, record, mapping)
    of_calls = calls_by_rule(mapping)
    found: dict[tuple[str, str], tuple[Reading, list[Rule]]] = {}
    for rule in rules_of(mapping):
        reading = choose_reading(rule, meaning)
        limited = bool(rule.scope and rule.scope[2])
        if applies_to(rule, name, of_calls, mapping) and (
            limited or meaning.score(reading) >= (2 if meaning.purpose_tactics else 1)
        ):
            best, rules = found.setdefault(reading[:2], (reading, []))
            rules.append(rule)
            if CONFIDENCES.index(reading.confidence) < CONFIDENCES.index(best.confidence):
                found[reading[:2]] = (reading, rules)
    for _, rules in found.values():
        # Analysts look for IAM calls first.
        rules.sort(key=lambda rule: "iam.amazonaws.com" not in of_calls.get(rule.id, {}))
    return sorted(found.values(), key=lambda item: CONFIDENCES.index(item[0].confidence))


def applies_to(
    rule: Rule, name: TypeName, of_calls: dict[str, dict[str, list[str]]], mapping: AttackMapping
) -> bool:
    """Return whether findings of a type can have the fields that a rule tests; of_calls: calls_by_rule."""
    if rule.id in of_calls:
        return _shows_calls(name, of_calls[rule.id])
    seen_in = mapping.evidence["seen_in"].get(rule.file, ())
    return name.resource in seen_in and (not rule.scope or in_scope(rule.scope, name))


def _shows_calls(name: TypeName, services: dict[str, list[str]]) -> bool:
    if name.resource == "S3":
        return any(service.startswith("s3") for service in services)
    return name.resource in _CALL_RESOURCES
