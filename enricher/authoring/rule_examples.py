"""Check every rule for fields on its own examples: small findings with the entry that the rule must give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enricher.authoring.files import EVIDENCE, read_toml
from enricher.authoring.rule_validation import SCOPE
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.matching import in_scope
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.mapping.problems import Problem, Violation
from enricher.mapping.type_name import parse_type

#: The keys of an example with what each must be.
_KEYS = {"type": str, "fields": dict, "gives": dict}
_GIVEN = ("tactic", "technique", "confidence")
#: A finding type that no rule with a scope is for.
_ELSEWHERE = "Behavior:Elsewhere/SomethingElse"
_CALL = "service.action.awsApiCallAction"
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def check_examples(root: Path, mapping: AttackMapping) -> Iterator[Problem]:
    """Yield the problems of the examples of valid rules, and of their calls, in a mapping folder."""
    for source in read_toml(root / EVIDENCE, [], EVIDENCE):
        for place, item in enumerate(source.data.get("rule", [])):
            for found in (*check_rule(item, mapping), *check_calls(item, mapping)):
                yield source.problem(item["id"], found, "rule", place)


def check_rule(item: Mapping[str, Any], mapping: AttackMapping) -> Iterator[Violation]:
    """Yield what is wrong with the examples of one rule, given as its TOML table."""
    examples = item.get("example", [])
    if "when" in item and not examples:
        yield Violation("`example` is missing: write [[rule.example]] with type, fields and gives")
    for place, example in enumerate(examples if isinstance(examples, list) else [examples]):
        messages = ["must have type, fields and gives = { tactic, technique, confidence }"]
        if _is_example(example):
            messages = list(_check_example(item, example, mapping))
        for message in messages:
            yield Violation(message).inside(f"example {place + 1}", "example", place)


def check_calls(item: Mapping[str, Any], mapping: AttackMapping) -> Iterator[Violation]:
    """Yield the calls of a rule that in a finding of an unknown type do not give its first entry."""
    first = item["attack"][0]
    for service in item.get("services", []):
        for place, call in enumerate(item["calls"]):
            fields = {f"{_CALL}.api": call, f"{_CALL}.serviceName": service}
            found = next(iter(_entries(_ELSEWHERE, fields, mapping)), None)
            got = found and (found.pair.tactic, found.pair.technique, found.confidence)
            shown = {row.field: row.value for row in found.evidence} if found else {}
            if got != tuple(first[key] for key in _GIVEN) or shown != fields:
                message = f"{call} of {service} must give the rule's first entry, got {got or 'no entry'}"
                yield Violation(message, ("calls", place))


def finding_of(finding_type: str, fields: Mapping[str, Any]) -> Finding:
    """Return a finding of a type with {path: value}; a path is written as in the evidence: a.b[0].c."""
    detail: dict[str, Any] = {"type": finding_type, "accountId": "111122223333", "region": "eu-west-1"}
    for path, value in fields.items():
        put(detail, path, value)
    return Finding.from_detail(detail)


def put(root: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path, creating the objects and lists on the path."""
    steps: list[str | int] = [key or int(place) for key, place in _STEP.findall(path)]
    at: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            at.extend([None] * (step + 1 - len(at)))
            at[step] = fresh if following is None or at[step] is None else at[step]
        elif following is None:
            at[step] = fresh
        else:
            at.setdefault(step, fresh)
        at = at[step]


def _is_example(example: object) -> bool:
    return (
        isinstance(example, dict)
        and example.keys() == _KEYS.keys()
        and all(isinstance(example[key], kind) for key, kind in _KEYS.items())
        and tuple(example["gives"]) == _GIVEN
    )


def _check_example(
    item: Mapping[str, Any], example: Mapping[str, Any], mapping: AttackMapping
) -> Iterator[str]:
    finding_type, fields = example["type"], example["fields"]
    if mapping.record_for(finding_type) is None:
        yield f"`type` {finding_type!r} has no record: take a type whose findings have these fields"
    tactic, technique, confidence = (example["gives"][key] for key in _GIVEN)
    entries = _entries(finding_type, fields, mapping)
    given = [entry for entry in entries if (entry.pair.tactic, entry.pair.technique) == (tactic, technique)]
    if not given or given[0].confidence != confidence:
        got = [f"{entry.pair.tactic} {entry.pair.technique} {entry.confidence}" for entry in entries]
        yield f"expected {tactic} {technique} {confidence}, got {', '.join(got) or 'no entry'}"
    elif not _matches(item, given):
        yield f"another rule gives {tactic} {technique} {confidence}: {given[0].rationale}"
    elif not given[0].evidence:
        yield "the entry has no field as evidence"
    elif unstated := [row.field for row in given[0].evidence if fields.get(row.field) != row.value]:
        yield f"the entry has evidence that the example does not state: {', '.join(unstated)}"
    by_presence = any("present" in condition for condition in item["when"])
    other = {
        key: "-" if isinstance(value, str) and not by_presence else None for key, value in fields.items()
    }
    if _matches(item, _entries(finding_type, other, mapping)):
        yield "the rule must not match the example with other values in its fields"
    scope = tuple(tuple(item.get(key, ())) for key in SCOPE)
    outside = not in_scope(scope, parse_type(_ELSEWHERE))
    if outside and _matches(item, _entries(_ELSEWHERE, fields, mapping)):
        yield f"the rule must not match a finding of another type, such as {_ELSEWHERE}"


def _matches(item: Mapping[str, Any], entries: Sequence[Entry]) -> bool:
    return " ".join(item["rationale"].split()) in [entry.rationale for entry in entries]


def _entries(finding_type: str, fields: Mapping[str, Any], mapping: AttackMapping) -> tuple[Entry, ...]:
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)
