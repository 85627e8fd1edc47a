"""Derive techniques from the content of the finding (evidence rules).

The rules are data, written and reviewed under `mapping/evidence/`. Compiled, they are these tables (in
`AttackMapping.evidence`, so in the bundle):

rules: one row for each rule, see `Rule`.
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

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from enricher.attack.catalog import parent_id
from enricher.enrichment.call_rules import find_by_name, find_reviewed
from enricher.enrichment.conditions import Reader, key_of, meets, words_of
from enricher.enrichment.finding_type import Reading, TypeMeaning
from enricher.enrichment.tag import Entry, lowered
from enricher.finding.api_calls import Call, calls_of, is_denied
from enricher.finding.event import Finding
from enricher.finding.fields import block_at, number_of, text_of
from enricher.finding.kubernetes_call import read_request_uri
from enricher.finding.paths import ANY_ITEM, MOST_ITEMS, Scalar, Shown, scalar, shown
from enricher.mapping.model import CONFIDENCES, AttackMapping, Record
from enricher.mapping.type_name import TypeName, parse_type

#: Maximum number of entries from evidence in one finding.
MAX_ENTRIES = 5
#: Maximum number of evidence fields in one entry; more would add no information.
_MAX_EVIDENCE = 6
_CLUSTER = "service.action.kubernetesApiCallAction"
#: In front of what a call means, where it did not succeed; the first sentence is an alert's outcome.
IF_SUCCESSFUL = "What it means when it succeeds:"
DENIED_CALL = f"The call was denied and nothing changed. {IF_SUCCESSFUL}"
FAILED_CALL = f"The call failed and nothing changed. {IF_SUCCESSFUL}"
ON_BEHALF = "An AWS service made the call on someone's behalf, which is often routine."


class Rule(NamedTuple):
    """One compiled evidence rule.

    alternatives: the readings as lists, most common first; scope: [purposes, resources, families] it is
    limited to, [] for any; conditions: [field indexes, kind, operand]; show: indexes of further fields
    to list as evidence; rules_out: techniques of the record that the rule contradicts.
    """

    id: str
    file: str
    alternatives: list[list[Any]]
    rationale: str
    scope: list[list[str]]
    conditions: list[list[Any]]
    show: list[int]
    rules_out: list[str]

    @property
    def readings(self) -> list[Reading]:
        """Return the possible interpretations, the most common first."""
        return [Reading(*row) for row in self.alternatives]


#: The tables of a field, the path at which the finding has it, and its value.
_Found = tuple[Mapping[str, Any], str, Scalar]


class _Match(NamedTuple):
    rule: Rule
    shown: tuple[Shown, ...]
    call: Call | None = None


def find_evidence(
    finding: Finding, record: Record | None, mapping: AttackMapping, calls: Sequence[Call] | None = None
) -> tuple[Entry, ...]:
    """Return the entries that the finding's content supports, at most MAX_ENTRIES.

    First those whose tactic is the type's aim (`TypeMeaning.is_aim`), within that the strongest.
    record: the mapping record of the finding type, None for an unknown type; calls: the finding's, read here
    if None.
    """
    tables = mapping.evidence
    if not tables:
        return ()
    name = parse_type(record.type if record else finding.type)
    meaning = TypeMeaning.of(record.type if record else finding.type, record, tables)
    calls = calls_of(finding) if calls is None else calls
    matches = [*_match_calls(finding, calls, meaning, tables), *_match_fields(finding, name, tables)]
    if not matches:
        return ()
    failure = _cluster_failure(finding)
    # A family that describes only the caller leaves the tactic of the call to the purpose.
    by_caller = bool(meaning.purpose_tactics) and name.family in tables.get("caller_families", ())
    ranked = [_rank_match(match, meaning, failure, 1 if by_caller else 2) for match in matches]
    ranked.sort(key=lambda item: item[0])
    return _merge([entry for _, entry in ranked])


def _match_calls(
    finding: Finding, calls: Sequence[Call], meaning: TypeMeaning, tables: Mapping[str, Any]
) -> Iterator[_Match]:
    about = finding.text("service.action.awsApiCallAction.serviceName")
    seen = set()
    for call in calls:
        number = find_reviewed(call, about, tables)
        by_name = number is None
        if number is None and (number := find_by_name(call.name, tables)) is None:
            continue
        rule = Rule(*tables["rules"][number])
        # A name alone says little: it must agree with the purpose of the finding.
        fits = not by_name or not meaning.purpose_tactics or max(map(meaning.score, rule.readings)) >= 2
        if fits and (number, call.name) not in seen:
            seen.add((number, call.name))
            yield _Match(rule, call.shown, call)


def _match_fields(finding: Finding, name: TypeName, tables: Mapping[str, Any]) -> Iterator[_Match]:
    view, derived = _with_request_parts(finding)
    reader, rules, done = Reader(view, tables["fields"]), tables["rules"], set()
    found: list[_Found] = []
    _walk_tree(view, tables["tree"], "", found)
    for leaf, place, value in found:
        for number in _candidates(leaf, value):
            if number in done:
                continue
            rule = Rule._make(rules[number])
            if rule.scope and not in_scope(rule.scope, name):
                continue
            evidence = _evaluate(rule, reader, (place, value))
            if evidence is not None:
                done.add(number)
                yield _Match(rule, tuple(dict.fromkeys(derived.get(item.field, item) for item in evidence)))


def _with_request_parts(finding: Finding) -> tuple[Mapping[str, Any], dict[str, Shown]]:
    """Return the view with the parts of a Kubernetes `requestUri` that the finding does not state itself.

    Many EKS findings have only verb and URI. Also returns field -> the URI, the evidence in its place.
    """
    call = block_at(finding.view, _CLUSTER)
    uri = text_of(call.get("requestUri"))
    parts = read_request_uri(uri) if uri else None
    source = shown(f"{_CLUSTER}.requestUri", uri)
    if parts is None or source is None or text_of(call.get("resource")) not in ("", parts.resource):
        return finding.view, {}
    stated = {"resource": parts.resource, "subresource": parts.subresource}
    stated |= {"namespace": parts.namespace, "resourceName": parts.name}
    missing = {key: value for key, value in stated.items() if value and not call.get(key)}
    service = finding.view["service"]
    action = {**service["action"], _CLUSTER.rpartition(".")[2]: {**call, **missing}}
    view = {**finding.view, "service": {**service, "action": action}}
    return view, {f"{_CLUSTER}.{key}": source for key in missing}


def _walk_tree(value: Any, node: Mapping[str, Any], path: str, found: list[_Found]) -> None:
    """Walk finding and tree in parallel and append the tables, path and value of each field found."""
    if isinstance(value, dict):
        for key, child in node.items():
            if key in value:
                _walk_tree(value[key], child, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        if child := node.get(ANY_ITEM):
            for number, item in enumerate(value[:MOST_ITEMS]):
                _walk_tree(item, child, f"{path}[{number}]", found)
    elif (leaf := node.get("=")) and (known := scalar(value)) is not None:
        found.append((leaf, path, known))


def _candidates(leaf: Mapping[str, Any], value: Scalar) -> list[int]:
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
    """Return whether a finding type is within a rule's scope: [purposes, resources, families], [] for any."""
    purposes, resources, families = scope
    return (
        (not purposes or name.purpose in purposes)
        and (not resources or name.resource in resources)
        and (not families or name.family in families)
    )


def _evaluate(rule: Rule, reader: Reader, key: tuple[str, Scalar]) -> tuple[Shown, ...] | None:
    """Evaluate every condition of a rule; return the fields that satisfy them, None if one is not satisfied.

    key: path and value of the field found for the first condition. In lists on that path the other conditions
    read the same item, so that all of them apply to one container, one login, one file.
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
    # The type is in every finding: a rule may test it, but it shows nothing.
    return tuple(field for hit in dict.fromkeys(hits) if hit[0] != "type" and (field := shown(*hit)))


def choose_reading(rule: Rule, meaning: TypeMeaning) -> Reading:
    """Return the reading of a rule with the best score for this finding, of equal scores the most common.

    A tactic that only the record names does not displace the most common reading: reading an object is
    Collection, even if stolen credentials were used.
    """
    return max(rule.readings, key=lambda reading: max(meaning.score(reading), 1))


def _cluster_failure(finding: Finding) -> Shown | None:
    """Return the HTTP status of a Kubernetes API call that failed (400 or above), else None."""
    status = block_at(finding.view, _CLUSTER).get("statusCode")
    failed = status is not None and (number_of(status) or 0) >= 400
    return shown(f"{_CLUSTER}.statusCode", status) if failed else None


def attempt_note(error: str) -> str:
    """Return what stands in front of the rationale of a call with an error: that it was denied, or failed."""
    return DENIED_CALL if is_denied(error) else FAILED_CALL


def call_failed(finding: Finding, calls: Sequence[Call]) -> bool:
    """Return whether every call of the finding failed, so that it shows only attempts."""
    return all(call.error for call in calls) if calls else _cluster_failure(finding) is not None


def _rank_match(
    match: _Match, meaning: TypeMeaning, failure: Shown | None, family_score: int
) -> tuple[tuple[bool, int, int, bool], Entry]:
    """Return a match as an entry with its sort key: aim, confidence, score, then rules with a scope first.

    family_score: the minimum score of a rule that is limited to the finding's family.
    """
    rule = match.rule
    reading = choose_reading(rule, meaning)
    score = min(meaning.score(reading), 2)
    if rule.scope and rule.scope[2]:
        # A rule for exactly this family was written with its findings in mind.
        score = max(score, family_score)
    rationale = rule.rationale
    # GuardDuty stated the tactic in the purpose; a technique of an unrelated tactic is less certain.
    steps = 1 if meaning.purpose_tactics and not score else 0
    evidence = match.shown
    if failure and any(item.field.startswith(_CLUSTER) for item in evidence):
        evidence = tuple(dict.fromkeys((*evidence, failure)))
    error = match.call.error if match.call else ""
    if failure and failure in evidence:
        error = error or f"HTTP {failure.value}"
    if error:
        steps, rationale = steps + 1, f"{attempt_note(error)} {rationale}"
    if match.call and match.call.by_service:
        steps, rationale = steps + 1, f"{rationale} {ON_BEHALF}"
    confidence = lowered(reading.confidence, steps)
    of_call = match.call is not None
    entry = Entry(reading.pair, confidence, "evidence", rationale, evidence, tuple(rule.rules_out), of_call)
    rank = CONFIDENCES.index(confidence)
    leads = meaning.is_aim(reading.tactic) and not (meaning.is_act and of_call)
    return (not leads, rank, -score, not rule.scope), entry


def _merge(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return each pair once with the evidence of all its matches; a sub-technique includes its parent."""
    merged: dict[tuple[str, str | None], Entry] = {}
    # The surest evidence for a pair decides what it rules out: one public bucket outweighs a closed one. The
    # limit on the entries must not lose it.
    surest = {(entry.pair.tactic, entry.pair.technique): entry for entry in reversed(entries)}
    ruled_out = tuple(dict.fromkeys(technique for entry in surest.values() for technique in entry.rules_out))
    for entry in [entry._replace(rules_out=ruled_out) for entry in entries] if ruled_out else entries:
        key = (entry.pair.tactic, entry.pair.technique)
        if key in merged:
            evidence = tuple(dict.fromkeys(merged[key].evidence + entry.evidence))[:_MAX_EVIDENCE]
            merged[key] = merged[key]._replace(evidence=evidence)
        elif len(merged) < MAX_ENTRIES and all(
            (entry.pair.tactic, entry.pair.technique) != (tactic, parent_id(technique or ""))
            for tactic, technique in merged
        ):
            short = len(entry.evidence) <= _MAX_EVIDENCE
            merged[key] = entry if short else entry._replace(evidence=entry.evidence[:_MAX_EVIDENCE])
    return tuple(merged.values())
