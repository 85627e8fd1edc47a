"""Match a finding against the evidence rules: its API calls, and the fields that rules test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from enricher.enrichment.call_rules import find_by_name, find_reviewed
from enricher.enrichment.conditions import Reader, key_of, words_of
from enricher.enrichment.finding_type import TypeMeaning
from enricher.enrichment.rules import Leaf, Node, Rule, RuleTables
from enricher.finding.api_calls import Call
from enricher.finding.event import Finding
from enricher.finding.fields import text_at, text_of
from enricher.finding.kubernetes_call import read_request_uri
from enricher.finding.paths import MOST_ITEMS, Scalar, Shown, cut, scalar
from enricher.mapping.type_name import TypeName

CLUSTER = "service.action.kubernetesApiCallAction"


class Match(NamedTuple):
    """A rule that the finding satisfies, the fields that decided, and the API call for a rule on calls."""

    rule: Rule
    shown: tuple[Shown, ...]
    call: Call | None = None


def match_rules(
    finding: Finding, calls: Sequence[Call], meaning: TypeMeaning, tables: RuleTables
) -> list[Match]:
    """List the rules that a finding satisfies: those on its API calls, then those on its fields."""
    of_calls = _match_calls(finding, calls, meaning, tables) if calls else ()
    return [*of_calls, *_match_fields(finding, meaning.name, tables)]


def _match_calls(
    finding: Finding, calls: Sequence[Call], meaning: TypeMeaning, tables: RuleTables
) -> Iterator[Match]:
    about = text_at(finding.action, "awsApiCallAction.serviceName")
    seen = set()
    for call in calls:
        name = call.name
        number = find_reviewed(call, about, tables)
        by_name = number is None
        if number is None and (number := find_by_name(name, tables)) is None:
            continue
        rule = tables.rules[number]
        # A name alone says little: it must agree with the purpose of the finding.
        fits = not by_name or not meaning.purpose_tactics or max(map(meaning.score, rule.readings)) >= 2
        if fits and (number, name) not in seen:
            seen.add((number, name))
            yield Match(rule, call.shown, call)


def _match_fields(finding: Finding, name: TypeName, tables: RuleTables) -> Iterator[Match]:
    view, derived = _with_request_parts(finding)
    found: list[_Found] = []
    _walk_tree(view, tables.tree, "", found)
    reader = Reader(view, tables.fields)
    done: set[int] = set()
    for leaf, place, value in found:
        for number in _candidates(leaf, value):
            if number in done:
                continue
            rule = tables.rules[number]
            if rule.scope and not in_scope(rule.scope, name):
                continue
            evidence = _evaluate(rule, reader, (place, value))
            if evidence is not None:
                done.add(number)
                if derived:
                    evidence = tuple(dict.fromkeys(derived.get(item.field, item) for item in evidence))
                yield Match(rule, evidence)


def _with_request_parts(finding: Finding) -> tuple[Mapping[str, Any], dict[str, Shown]]:
    """Return the view with the parts of a Kubernetes `requestUri` that the finding does not state itself.

    Many EKS findings have only verb and URI. Also returns field -> the URI, the evidence in its place.
    """
    call = finding.action.get("kubernetesApiCallAction")
    uri = text_of(call.get("requestUri")) if isinstance(call, dict) else ""
    parts = read_request_uri(uri) if uri else None
    if not isinstance(call, dict) or parts is None:
        return finding.view, {}
    if text_of(call.get("resource")) not in ("", parts.resource):
        return finding.view, {}
    source = Shown(f"{CLUSTER}.requestUri", cut(uri))
    stated = {"resource": parts.resource, "subresource": parts.subresource}
    stated |= {"namespace": parts.namespace, "resourceName": parts.name}
    missing = {key: value for key, value in stated.items() if value and not call.get(key)}
    action = {**finding.action, "kubernetesApiCallAction": {**call, **missing}}
    view = {**finding.view, "service": {**finding.service, "action": action}}
    return view, {f"{CLUSTER}.{key}": source for key in missing}


#: The rules of a field, the path at which the finding has it, and its value.
_Found = tuple[Leaf, str, Scalar]


def _walk_tree(value: Any, node: Node, place: str, found: list[_Found]) -> None:
    """Walk finding and tree in parallel and append the rules, path and value of each field found.

    place: the path of the innermost list item, "" outside of lists.
    """
    if isinstance(value, dict):
        for key, child, path, leaf in node.children:
            if key not in value:
                continue
            if child:
                _walk_tree(value[key], child, place, found)
            elif leaf and (known := scalar(value[key])) is not None:
                found.append((leaf, place + path, known))
    elif isinstance(value, list):
        if node.item:
            for number, item in enumerate(value[:MOST_ITEMS]):
                _walk_tree(item, node.item, f"{place}{node.path}[{number}]", found)
    elif node.leaf and (known := scalar(value)) is not None:
        found.append((node.leaf, place + node.path, known))


def _candidates(leaf: Leaf, value: Scalar) -> Sequence[int]:
    """Return the rules that a field's value may satisfy, in the rules' order."""
    exact = leaf.exact.get(key_of(value), ()) if leaf.exact else ()
    if not leaf.words and not leaf.others:
        return exact
    found = [*exact, *leaf.others]
    if leaf.words and isinstance(value, str):
        for word in words_of(value) & leaf.words.keys():
            found += leaf.words[word]
    return sorted(found)


# Most candidates are for other finding types: the rules for the resource's role in particular.
@lru_cache(maxsize=4096)
def in_scope(scope: tuple[tuple[str, ...], ...], name: TypeName) -> bool:
    """Return whether a finding type is within a rule's scope: (purposes, resources, families), () for any."""
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
    first, *others = rule.conditions
    place, value = key
    if not rule.is_looked_up and not first.test(value):
        return None
    hits = [key]
    for condition in others:
        hit = reader.first(condition, place)
        if (hit is None) is not condition.is_absent:
            return None
        if hit:
            hits.append(hit)
    for number in rule.show:
        hits += reader.places(number, place)[:1]
    # The type is in every finding: a rule may test it, but it shows nothing.
    return tuple(Shown(path, cut(found)) for path, found in dict.fromkeys(hits) if path != "type")
