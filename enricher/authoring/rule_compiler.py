"""Read and validate the evidence rules under `mapping/evidence/`; compile them to look-up tables.

mapping/evidence/README.md describes the rules, `enricher.enrichment.rules` the tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enricher.attack.catalog import Catalogue
from enricher.authoring.rule_validation import (
    SCOPE,
    check_confidence,
    check_fields,
    check_name,
    is_texts,
    paths_of,
    read_readings,
)
from enricher.enrichment.conditions import key_of
from enricher.enrichment.finding_type import Reading
from enricher.finding.api_calls import undated
from enricher.finding.paths import split_path
from enricher.mapping.problems import Problem

PURPOSES, CALL_NAMES = "purposes.toml", "call-names.toml"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMON_KEYS = {"id", "rationale", "attack"}
_KEYS_OF_CALLS = {"services", "calls"}
_CALL_KEYS = _COMMON_KEYS | _KEYS_OF_CALLS
_NAME_KEYS = _COMMON_KEYS | {"verbs", "nouns"}
_FIELD_KEYS = _COMMON_KEYS | {"when", "show", "purposes", "resources", "families", "rules_out", "example"}


@dataclass(slots=True)
class _Compiler:
    catalogue: Catalogue
    problems: list[Problem]
    rules: list[list[Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    names: list[list[Any]] = field(default_factory=list)
    verbs: dict[str, list[int]] = field(default_factory=dict)
    common_services: list[str] = field(default_factory=list)
    fields: dict[str, int] = field(default_factory=dict)
    tree: dict[str, Any] = field(default_factory=dict)
    seen_in: dict[str, list[str]] = field(default_factory=dict)
    purposes: dict[str, list[str]] = field(default_factory=dict)
    families: dict[str, list[str]] = field(default_factory=dict)

    def tables(self) -> dict[str, Any]:
        """Return the tables as in `AttackMapping.evidence` and in the bundle."""
        return {
            "rules": self.rules,
            "calls": {
                service: self.calls[service]
                for service in dict.fromkeys([*self.common_services, *self.calls])
                if service in self.calls
            },
            "names": self.names,
            "verbs": self.verbs,
            "fields": [split_path(path) for path in self.fields],
            "tree": self.tree,
            "seen_in": self.seen_in,
            "purposes": self.purposes,
            **self.families,
        }


def read_evidence(root: Path, catalogue: Catalogue, problems: list[Problem]) -> dict[str, Any]:
    """Compile the evidence rules to look-up tables; append their problems to `problems`.

    Invalid rules are left out of the tables. Returns {} if the folder does not exist.
    """
    if not root.is_dir():
        return {}
    compiler = _Compiler(catalogue, problems)
    for path in sorted(root.glob("*.toml")):
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(Problem(f"evidence/{path.name}", "", f"not TOML: {error}"))
            continue
        if path.name == PURPOSES:
            _read_purposes(data, compiler)
        else:
            _read_rules(data, path.name, compiler)
    return compiler.tables()


def _read_rules(data: dict[str, Any], file: str, compiler: _Compiler) -> None:
    place, known = f"evidence/{file}", {"rule", "seen_in"}
    if file == CALL_NAMES:
        known = {"rule", "common_services"}
        _read_common_services(data, compiler)
    for key in sorted(data.keys() - known):
        compiler.problems.append(
            Problem(place, "", f"unknown key {key!r}: expected {', '.join(sorted(known))}")
        )
    seen_in = data.get("seen_in", [])
    if not is_texts(seen_in):
        message = "`seen_in` must be a list of resources as in finding types"
        compiler.problems.append(Problem(place, "", message))
        seen_in = []
    compiler.seen_in[file.removesuffix(".toml")] = seen_in
    rules = data.get("rule", [])
    if not isinstance(rules, list):
        message = "`rule` must be an array of tables: write one [[rule]] per rule"
        compiler.problems.append(Problem(place, "", message))
        return
    for number, item in enumerate(rules, 1):
        if not isinstance(item, dict):
            compiler.problems.append(Problem(place, f"rule {number}", "must be a table: write [[rule]]"))
            continue
        subject = item["id"] if isinstance(item.get("id"), str) else f"rule {number}"
        messages = list(_check_common(item, file, compiler))
        readings = read_readings(item.get("attack"), compiler.catalogue, messages)
        if file == CALL_NAMES:
            messages += check_name(item, readings)
        elif _KEYS_OF_CALLS & item.keys():
            messages += _check_calls(item, compiler)
        else:
            messages += check_fields(item)
        messages += check_confidence(item, readings)
        if messages:
            compiler.problems += [Problem(place, subject, message) for message in messages]
        else:
            _compile_rule(item, file, readings, compiler)


def _read_common_services(data: dict[str, Any], compiler: _Compiler) -> None:
    services = data.get("common_services", [])
    if is_texts(services):
        compiler.common_services = services
    else:
        message = "`common_services` must be a list of event sources as in CloudTrail"
        compiler.problems.append(Problem(f"evidence/{CALL_NAMES}", "", message))


def _check_common(item: dict[str, Any], file: str, compiler: _Compiler) -> Iterator[str]:
    known = _CALL_KEYS if _KEYS_OF_CALLS & item.keys() else _FIELD_KEYS
    if file == CALL_NAMES:
        known = _NAME_KEYS
    for key in sorted(item.keys() - known):
        yield f"unknown key {key!r}: expected one of {', '.join(sorted(known))}"
    rule_id = item.get("id")
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
        expected = "expected lower-case letters, digits and hyphens"
        yield f"invalid value for `id`: {expected}, got {rule_id!r:.80}"
    elif rule_id in compiler.ids:
        yield f"`id` is used twice, also in {compiler.ids[rule_id]}: rename one"
    else:
        compiler.ids[rule_id] = file
    rationale = item.get("rationale")
    if not isinstance(rationale, str) or not rationale.strip():
        yield "`rationale` is missing: one or two sentences, what is observed and why it maps here"


def _check_calls(item: dict[str, Any], compiler: _Compiler) -> Iterator[str]:
    for key in ("services", "calls"):
        if not is_texts(item.get(key)) or not item[key]:
            yield f"invalid value for `{key}`: expected a non-empty list of names"
            return
    for service in item["services"]:
        if service != service.lower() or not service.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            yield f"service {service!r}: expected an event source as in CloudTrail, such as iam.amazonaws.com"
        for call in item["calls"]:
            if call in compiler.calls.get(service, {}):
                other = compiler.rules[compiler.calls[service][call]][0]
                yield f"{call} of {service} is also in rule {other}: a call may be in one rule only"
    for call in item["calls"]:
        if call != undated(call):
            yield f"{call}: write {undated(call)}; the API's date and version are ignored in findings"
    if len(set(item["calls"])) < len(item["calls"]):
        yield "`calls` lists a name twice"


def _compile_rule(item: dict[str, Any], file: str, readings: list[Reading], compiler: _Compiler) -> None:
    number = len(compiler.rules)
    scope = [item.get(key, []) for key in SCOPE]
    conditions = [_compile_condition(condition, compiler) for condition in item.get("when", [])]
    compiler.rules.append(
        [
            item["id"],
            file.removesuffix(".toml"),
            [_row(reading) for reading in readings],
            " ".join(item["rationale"].split()),
            scope if any(scope) else [],
            conditions,
            [_field(path, compiler) for path in item.get("show", [])],
            item.get("rules_out", []),
        ]
    )
    for service in item.get("services", []):
        compiler.calls.setdefault(service, {}).update(dict.fromkeys(item["calls"], number))
    for verb in item.get("verbs", []):
        compiler.verbs.setdefault(verb, []).append(len(compiler.names))
    if "verbs" in item:
        compiler.names.append([item.get("nouns", []), number])
    if conditions:
        for path in paths_of(item["when"][0]["field"]):
            _insert(split_path(path), conditions[0][1:], number, compiler.tree)


def _row(reading: Reading) -> list[Any]:
    """Return a reading as a list without trailing None, as the bundle has it."""
    row = list(reading)
    while row[-1] is None:
        row.pop()
    return row


def _compile_condition(condition: dict[str, Any], compiler: _Compiler) -> list[Any]:
    kind = next(key for key in condition if key != "field")
    operand = condition[kind]
    if kind == "in":
        operand = [key_of(value) for value in operand]
    return [[_field(path, compiler) for path in paths_of(condition["field"])], kind, operand]


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


def _field(path: str, compiler: _Compiler) -> int:
    return compiler.fields.setdefault(path, len(compiler.fields))


def _read_purposes(data: dict[str, Any], compiler: _Compiler) -> None:
    place = f"evidence/{PURPOSES}"
    for key in ("caller_families", "act_families"):
        families = data.get(key, [])
        if is_texts(families):
            compiler.families[key] = families
        else:
            message = f"`{key}` must be a list of families as in finding types"
            compiler.problems.append(Problem(place, "", message))
    known = compiler.catalogue.pinned.tactics
    rows = data.get("purpose", [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        name, tactics = (row.get("name"), row.get("tactics")) if isinstance(row, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(row.get("why"), str):
            message = "must have `name`, `tactics` and `why`"
            compiler.problems.append(Problem(place, f"purpose {number}", message))
        elif not isinstance(tactics, list) or not all(isinstance(x, str) and x in known for x in tactics):
            expected = f"expected a list of tactic ids, got {tactics!r:.80}"
            compiler.problems.append(Problem(place, name, f"invalid value for `tactics`: {expected}"))
        elif name in compiler.purposes:
            compiler.problems.append(Problem(place, name, "is listed twice: remove one"))
        else:
            compiler.purposes[name] = tactics
