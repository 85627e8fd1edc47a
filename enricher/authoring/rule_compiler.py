"""Read and check the evidence rules that people write under `mapping/evidence/`; compile them to tables.

mapping/evidence/README.md says how a rule is written; `evidence` says what the tables are.
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
    check_fields,
    check_grounds,
    is_texts,
    paths_of,
    read_readings,
)
from enricher.enrichment.conditions import key_of
from enricher.finding.paths import split_path
from enricher.mapping.problems import Fault

PURPOSES = "purposes.toml"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMON_KEYS = {"id", "rationale", "attack"}
_CALL_KEYS = _COMMON_KEYS | {"services", "calls"}
_FIELD_KEYS = _COMMON_KEYS | {"when", "show", "purposes", "resources", "families"}


@dataclass(slots=True)
class _Compiler:
    catalogue: Catalogue
    faults: list[Fault]
    rules: list[list[Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    tree: dict[str, Any] = field(default_factory=dict)
    seen_in: dict[str, list[str]] = field(default_factory=dict)
    purposes: dict[str, list[str]] = field(default_factory=dict)
    caller_families: list[str] = field(default_factory=list)

    def tables(self) -> dict[str, Any]:
        """Give the tables as `Mapping.evidence` and the bundle hold them."""
        return {
            "rules": self.rules,
            "calls": self.calls,
            "fields": [split_path(path) for path in self.fields],
            "tree": self.tree,
            "seen_in": self.seen_in,
            "purposes": self.purposes,
            "caller_families": self.caller_families,
        }


def read_evidence(root: Path, catalogue: Catalogue, faults: list[Fault]) -> dict[str, Any]:
    """Compile the evidence rules to look-up tables, adding what is wrong with them to `faults`.

    Rules that are at fault are left out of the tables; an absent folder gives none: {}.
    """
    if not root.is_dir():
        return {}
    compiler = _Compiler(catalogue, faults)
    for path in sorted(root.glob("*.toml")):
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            faults.append(Fault(f"evidence/{path.name}", "", f"not TOML: {error}"))
            continue
        if path.name == PURPOSES:
            _read_purposes(data, compiler)
        else:
            _read_rules(data, path.name, compiler)
    return compiler.tables()


def _read_rules(data: dict[str, Any], file: str, compiler: _Compiler) -> None:
    place, known = f"evidence/{file}", {"rule", "seen_in"}
    for key in sorted(data.keys() - known):
        compiler.faults.append(Fault(place, "", f"unknown key {key!r}: a file holds seen_in and [[rule]]"))
    seen_in = data.get("seen_in", [])
    if not is_texts(seen_in):
        compiler.faults.append(Fault(place, "", "seen_in is no list of the resources in finding types"))
        seen_in = []
    compiler.seen_in[file.removesuffix(".toml")] = seen_in
    rules = data.get("rule", [])
    if not isinstance(rules, list):
        compiler.faults.append(Fault(place, "", "`rule` is a table: write [[rule]], one for each"))
        return
    for number, item in enumerate(rules, 1):
        if not isinstance(item, dict):
            compiler.faults.append(Fault(place, f"rule {number}", "is no table: write [[rule]]"))
            continue
        subject = item["id"] if isinstance(item.get("id"), str) else f"rule {number}"
        messages = list(_check_common(item, file, compiler))
        messages += (
            _check_calls(item, compiler) if "calls" in item or "services" in item else check_fields(item)
        )
        readings = read_readings(item.get("attack"), compiler.catalogue, messages)
        messages += check_grounds(item, readings)
        if messages:
            compiler.faults += [Fault(place, subject, message) for message in messages]
        else:
            _compile_rule(item, file, readings, compiler)


def _check_common(item: dict[str, Any], file: str, compiler: _Compiler) -> Iterator[str]:
    known = _CALL_KEYS if "calls" in item or "services" in item else _FIELD_KEYS
    for key in sorted(item.keys() - known):
        yield f"unknown key {key!r}: expected one of {', '.join(sorted(known))}"
    rule_id = item.get("id")
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
        yield f"id is {rule_id!r}: expected small letters, digits and hyphens"
    elif rule_id in compiler.ids:
        yield f"id is used twice, also in {compiler.ids[rule_id]}: rename one"
    else:
        compiler.ids[rule_id] = file
    rationale = item.get("rationale")
    if not isinstance(rationale, str) or not rationale.strip():
        yield "rationale is missing: say in one or two sentences what is seen and why this technique"


def _check_calls(item: dict[str, Any], compiler: _Compiler) -> Iterator[str]:
    for key in ("services", "calls"):
        if not is_texts(item.get(key)) or not item[key]:
            yield f"{key} is no list of names"
            return
    for service in item["services"]:
        if service != service.lower() or not service.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            yield f"service {service!r}: expected the event source as CloudTrail writes it, iam.amazonaws.com"
        for call in item["calls"]:
            if call in compiler.calls.get(service, {}):
                other = compiler.rules[compiler.calls[service][call]][0]
                yield f"{call} of {service} is also in rule {other}: it may occur once"
    if len(set(item["calls"])) < len(item["calls"]):
        yield "calls lists a name twice"


def _compile_rule(item: dict[str, Any], file: str, readings: list[list[Any]], compiler: _Compiler) -> None:
    number = len(compiler.rules)
    scope = [item.get(key, []) for key in SCOPE]
    conditions = [_compile_condition(condition, compiler) for condition in item.get("when", [])]
    compiler.rules.append(
        [
            item["id"],
            file.removesuffix(".toml"),
            readings,
            " ".join(item["rationale"].split()),
            scope if any(scope) else [],
            conditions,
            [_field(path, compiler) for path in item.get("show", [])],
        ]
    )
    for service in item.get("services", []):
        compiler.calls.setdefault(service, {}).update(dict.fromkeys(item["calls"], number))
    if conditions:
        for path in paths_of(item["when"][0]["field"]):
            _plant(split_path(path), conditions[0][1:], number, compiler.tree)


def _compile_condition(condition: dict[str, Any], compiler: _Compiler) -> list[Any]:
    kind = next(key for key in condition if key != "field")
    operand = condition[kind]
    if kind == "in":
        operand = [key_of(value) for value in operand]
    return [[_field(path, compiler) for path in paths_of(condition["field"])], kind, operand]


def _plant(steps: list[str], key: list[Any], number: int, tree: dict[str, Any]) -> None:
    """Enter a rule into the tree under its first condition."""
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
    families = data.get("caller_families", [])
    if is_texts(families):
        compiler.caller_families = families
    else:
        compiler.faults.append(Fault(place, "", "caller_families is no list of families"))
    known = compiler.catalogue.pinned.tactics
    rows = data.get("purpose", [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        name, tactics = (row.get("name"), row.get("tactics")) if isinstance(row, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(row.get("why"), str):
            compiler.faults.append(Fault(place, f"purpose {number}", "expected name, tactics and why"))
        elif not isinstance(tactics, list) or not all(isinstance(x, str) and x in known for x in tactics):
            compiler.faults.append(
                Fault(place, name, f"tactics is {tactics!r}: expected tactic ids, [] for none")
            )
        elif name in compiler.purposes:
            compiler.faults.append(Fault(place, name, "is listed twice: remove one"))
        else:
            compiler.purposes[name] = tactics
