"""Read from the finding itself which technique it shows.

The rules are data, written and reviewed under `mapping/evidence/`. Compiled, they are these tables (in
`Mapping.evidence`, so in the bundle):

rules: one row for each, see `Rule`.
calls: service -> API call -> number of its rule.
fields: one row for each place a rule looks at, as its steps: ["service", "action", …, "[]", "port"].
tree: the fields that lead to rules, as nested keys, so that a finding is walked only where it has something.
    A field's own tables stand under "=": `in` by exact value, `words` by word, `try` for the rest.
purposes: threat purpose -> the tactics it may mean, none where it is no aim.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as ReadMapping
from dataclasses import replace
from typing import Any, NamedTuple

from enricher.attack.catalog import Pair, parent_id
from enricher.enrichment.conditions import Reader, key_of, meets, words_of
from enricher.enrichment.finding_type import Meaning, TypeName, parse_type
from enricher.enrichment.tag import Entry
from enricher.finding.api_calls import Call, calls_of
from enricher.finding.event import Finding
from enricher.finding.paths import ANY_ITEM, MOST_ITEMS, Scalar, Shown, scalar, shown
from enricher.mapping.model import CONFIDENCES, Mapping, Record

CEILING = 5
#: Fields named for one entry; what more of them would say is the same.
_MOST_SHOWN = 6
_CLUSTER = "service.action.kubernetesApiCallAction"
REFUSED = "The call was refused, so this is an attempt that failed. What it stands for:"
ON_BEHALF = "An AWS service made the call on somebody's behalf, which is often routine."


class Rule(NamedTuple):
    """Hold one compiled rule.

    readings: [tactic, technique, confidence, former, former_tactic], most usual first; scope: the purposes,
    resources and families it is limited to, [] for any; conditions: [numbers of fields, kind, operand];
    show: numbers of fields to name as well.
    """

    id: str
    file: str
    readings: list[list[Any]]
    rationale: str
    scope: list[list[str]]
    conditions: list[list[Any]]
    show: list[int]


#: A field's tables, the place where a finding has it, and the value there.
_Found = tuple[ReadMapping[str, Any], str, Scalar]


class _Match(NamedTuple):
    rule: Rule
    shown: tuple[Shown, ...]
    call: Call | None = None


def find_evidence(finding: Finding, record: Record | None, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries that the finding's own content shows, strongest first, five at most.

    record: the mapping's record of the type, which says what the finding means; None for an unknown type.
    """
    tables = mapping.evidence
    if not tables:
        return ()
    name = parse_type(record.type if record else finding.type)
    meaning = Meaning.of(name.purpose, record, tables)
    matches = [*_match_calls(finding, tables), *_match_fields(finding, name, tables)]
    refusal = _cluster_refusal(finding)
    # A family that says who called leaves it to the purpose what the call was for.
    led = bool(meaning.aim) and name.family in tables.get("caller_families", ())
    graded = [_judge(match, meaning, refusal, 1 if led else 2) for match in matches]
    graded.sort(key=lambda item: item[0])
    return _merge([entry for _, entry in graded])


def _match_calls(finding: Finding, tables: ReadMapping[str, Any]) -> Iterator[_Match]:
    calls = tables["calls"]
    about = finding.text("service.action.awsApiCallAction.serviceName")
    seen = set()
    for call in calls_of(finding):
        number = calls.get(call.service, {}).get(call.api)
        if number is None and not call.service:
            number = calls.get(about, {}).get(call.api)
            if number is None:
                owners = [table[call.api] for table in calls.values() if call.api in table]
                number = owners[0] if len(owners) == 1 else None
        if number is None or (number, call.api) in seen:
            continue
        seen.add((number, call.api))
        yield _Match(Rule(*tables["rules"][number]), call.shown, call)


def _match_fields(finding: Finding, name: TypeName, tables: ReadMapping[str, Any]) -> Iterator[_Match]:
    reader, rules, done = Reader(finding.view, tables["fields"]), tables["rules"], set()
    found: list[_Found] = []
    _walk_tree(finding.view, tables["tree"], "", found)
    for leaf, place, value in found:
        for number in _candidates(leaf, value):
            if number in done:
                continue
            rule = Rule._make(rules[number])
            if rule.scope and not in_scope(rule.scope, name):
                continue
            grounds = _test(rule, reader, (place, value))
            if grounds is not None:
                done.add(number)
                yield _Match(rule, grounds)


def _walk_tree(value: Any, node: ReadMapping[str, Any], path: str, found: list[_Found]) -> None:
    """Walk finding and tree together; note each field's tables with the place and value found there."""
    if isinstance(value, dict):
        for key, child in node.items():
            if key in value:
                _walk_tree(value[key], child, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        if child := node.get(ANY_ITEM):
            for number, item in enumerate(value[:MOST_ITEMS]):
                _walk_tree(item, child, f"{path}[{number}]", found)
    elif (leaf := node.get("=")) and (said := scalar(value)) is not None:
        found.append((leaf, path, said))


def _candidates(leaf: ReadMapping[str, Any], value: Scalar) -> list[int]:
    found: list[int] = []
    if exact := leaf.get("in"):
        found += exact.get(key_of(value), ())
    if (by_word := leaf.get("words")) and isinstance(value, str):
        for word in words_of(value) & by_word.keys():
            found += by_word[word]
    found += leaf.get("try", ())
    found.sort()
    return found


def in_scope(scope: list[list[str]], name: TypeName) -> bool:
    """Tell whether a finding type is among those that a rule is limited to."""
    purposes, resources, families = scope
    return (
        (not purposes or name.purpose in purposes)
        and (not resources or name.resource in resources)
        and (not families or name.family in families)
    )


def _test(rule: Rule, reader: Reader, key: tuple[str, Scalar]) -> tuple[Shown, ...] | None:
    """Test every condition of a rule; give what decided, or None. `key` is where its first one was found.

    Lists that the first condition has already gone into are read at the same item, so that the conditions
    speak of one container, one login, one file.
    """
    (_, kind, operand), *others = rule.conditions
    if not meets(kind, key[1], operand):
        return None
    hits = [key]
    for numbers, kind, operand in others:
        hit = reader.first(numbers, key[0], kind, operand)
        if (hit is None) != (kind == "present" and not operand):
            return None
        if hit:
            hits.append(hit)
    for number in rule.show:
        hits += reader.places(number, key[0])[:1]
    return tuple(ground for hit in dict.fromkeys(hits) if (ground := shown(*hit)))


def choose_reading(rule: Rule, meaning: Meaning) -> list[Any]:
    """Choose what a rule means in this finding: the reading that fits best, of equals the most usual.

    A tactic that only the record names is no reason to leave the most usual reading: a read object is
    collection, though stolen credentials read it.
    """
    return max(rule.readings, key=lambda reading: max(meaning.fit(reading), 1))


def _cluster_refusal(finding: Finding) -> Shown | None:
    """Give the status with which a cluster refused its API call, None where it did not."""
    path = f"{_CLUSTER}.statusCode"
    refused = (finding.number(path) or 0) >= 400
    return shown(path, finding.at(path)) if refused else None


def _judge(
    match: _Match, meaning: Meaning, refusal: Shown | None, by_family: int
) -> tuple[tuple[int, int, bool], Entry]:
    """Turn a match into an entry, with its rank: surer first, then what fits better, then what is limited.

    by_family: how well a rule for the finding's very family fits at least.
    """
    rule = match.rule
    tactic, technique, confidence, *former = choose_reading(rule, meaning)
    fit = min(meaning.fit((tactic, technique)), 2)
    if rule.scope and rule.scope[2]:
        # A rule for this very family was written knowing what the finding means.
        fit = max(fit, by_family)
    rank, rationale = CONFIDENCES.index(confidence), rule.rationale
    # GuardDuty judged the aim; what has another aim is a side of the matter.
    lowered = 1 if meaning.aim and not fit else 0
    grounds = match.shown
    if refusal and any(ground.field.startswith(_CLUSTER) for ground in grounds):
        grounds = tuple(dict.fromkeys((*grounds, refusal)))
    if (match.call and match.call.error) or refusal in grounds:
        lowered, rationale = lowered + 1, f"{REFUSED} {rationale}"
    if match.call and match.call.by_service:
        lowered, rationale = lowered + 1, f"{rationale} {ON_BEHALF}"
    rank = min(rank + lowered, len(CONFIDENCES) - 1)
    pair = Pair(tactic, technique, *former)
    entry = Entry(pair, CONFIDENCES[rank], "evidence", rationale, grounds)
    # As sure as it may be, another aim than the purpose's does not lead.
    aside = bool(meaning.aim) and fit == 1
    return (max(rank, aside), -fit, not rule.scope), entry


def _merge(entries: list[Entry]) -> tuple[Entry, ...]:
    """Give each pair once, with the grounds of all that say it; a sub-technique says its parent too."""
    merged: dict[tuple[str, str | None], Entry] = {}
    for entry in entries:
        key = (entry.pair.tactic, entry.pair.technique)
        if key in merged:
            grounds = tuple(dict.fromkeys(merged[key].evidence + entry.evidence))[:_MOST_SHOWN]
            merged[key] = replace(merged[key], evidence=grounds)
        elif len(merged) < CEILING and all(
            (entry.pair.tactic, entry.pair.technique) != (tactic, parent_id(technique or ""))
            for tactic, technique in merged
        ):
            short = len(entry.evidence) <= _MOST_SHOWN
            merged[key] = entry if short else replace(entry, evidence=entry.evidence[:_MOST_SHOWN])
    return tuple(merged.values())
