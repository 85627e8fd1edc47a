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

from enricher.attack import Catalogue
from enricher.evidence import KINDS, key_of, words_of
from enricher.fault import Fault
from enricher.mapping import CONFIDENCES
from enricher.place import split_path
from enricher.record_authoring import read_pair

PURPOSES = "purposes.toml"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FIELD = re.compile(r"[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*")
_COMMON_KEYS = {"id", "rationale", "attack"}
_CALL_KEYS = _COMMON_KEYS | {"services", "calls"}
_FIELD_KEYS = _COMMON_KEYS | {"when", "show", "purposes", "resources", "families"}
_SCOPE = ("purposes", "resources", "families")
#: Text that an attacker writes: never the only ground for high confidence.
_WRITTEN_BY_ANYONE = ("commandLineExample",)


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
    if not _is_texts(seen_in):
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
            _check_calls(item, compiler) if "calls" in item or "services" in item else _check_fields(item)
        )
        readings = _read_readings(item.get("attack"), compiler.catalogue, messages)
        messages += _check_grounds(item, readings)
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
        if not _is_texts(item.get(key)) or not item[key]:
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


def _check_fields(item: dict[str, Any]) -> Iterator[str]:
    for key in _SCOPE:
        if not _is_texts(item.get(key, [])):
            yield f"{key} is no list of names, as they stand in finding types"
    conditions = item.get("when")
    if not isinstance(conditions, list) or not conditions:
        yield "when is missing: write when = [{ field = …, in = […] }, …], or calls for API calls"
        return
    for number, condition in enumerate(conditions, 1):
        for message in _check_condition(condition, first=number == 1):
            yield f"condition {number}: {message}"
    if not _is_texts(item.get("show", [])) or not all(map(_FIELD.fullmatch, item.get("show", []))):
        yield "show is no list of fields"


def _check_condition(condition: object, *, first: bool) -> Iterator[str]:
    if not isinstance(condition, dict):
        yield "is no table: write { field = …, in = […] }"
        return
    paths = _paths(condition.get("field"))
    if not paths or not all(map(_FIELD.fullmatch, paths)):
        yield f"field is {condition.get('field')!r}: expected a dotted path, [] after a list, or several"
    kinds = condition.keys() - {"field"}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        yield f"says {', '.join(sorted(kinds)) or 'nothing'}: expected exactly one of {', '.join(KINDS)}"
        return
    kind = kinds.pop()
    operand = condition[kind]
    if kind == "present":
        good = operand is True or (operand is False and not first)
    elif kind == "above":
        good = isinstance(operand, (int, float)) and not isinstance(operand, bool)
    elif kind == "in":
        good = isinstance(operand, list) and bool(operand) and all(isinstance(x, (str, int)) for x in operand)
    else:
        good = _is_texts(operand) and bool(operand) and all(operand)
    if good and kind == "words":
        good = all(words_of(word) == {word} for word in operand)
    if not good:
        yield f"{kind} = {operand!r} cannot be: see mapping/evidence/README.md"


def _read_readings(value: object, catalogue: Catalogue, messages: list[str]) -> list[list[Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        messages.append("attack is missing: write attack = [{ tactic, technique, confidence }, …]")
        return []
    readings: list[list[Any]] = []
    for number, entry in enumerate(value, 1):
        confidence = entry.get("confidence")
        if confidence not in CONFIDENCES:
            messages.append(
                f"reading {number}: confidence is {confidence!r}: expected {', '.join(CONFIDENCES)}"
            )
        pair, faults = read_pair({key: item for key, item in entry.items() if key != "confidence"}, catalogue)
        messages += [f"reading {number}: {fault}" for fault in faults]
        if pair is None:
            continue
        if pair.technique is None:
            messages.append(f"reading {number}: names no technique; evidence shows one")
        row = [pair.tactic, pair.technique, confidence, pair.former, pair.former_tactic]
        while len(row) > 3 and row[-1] is None:
            row.pop()
        if any(other[:2] == row[:2] for other in readings):
            messages.append(f"reading {number}: {pair.tactic} {pair.technique} is listed twice")
        readings.append(row)
    return readings


def _check_grounds(item: dict[str, Any], readings: list[list[Any]]) -> Iterator[str]:
    conditions = item.get("when")
    if not isinstance(conditions, list) or not any(reading[2] == "high" for reading in readings):
        return
    grounds = [
        path
        for condition in conditions
        if isinstance(condition, dict) and condition.get("present") is not False
        for path in _paths(condition.get("field"))
    ]
    if grounds and all(path.endswith(_WRITTEN_BY_ANYONE) for path in grounds):
        yield "a command line alone is no ground for high confidence: anybody can write it"


def _compile_rule(item: dict[str, Any], file: str, readings: list[list[Any]], compiler: _Compiler) -> None:
    number = len(compiler.rules)
    scope = [item.get(key, []) for key in _SCOPE]
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
        for path in _paths(item["when"][0]["field"]):
            _plant(split_path(path), conditions[0][1:], number, compiler.tree)


def _compile_condition(condition: dict[str, Any], compiler: _Compiler) -> list[Any]:
    kind = next(key for key in condition if key != "field")
    operand = condition[kind]
    if kind == "in":
        operand = [key_of(value) for value in operand]
    return [[_field(path, compiler) for path in _paths(condition["field"])], kind, operand]


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


def _paths(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) and _is_texts(value) else []


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _read_purposes(data: dict[str, Any], compiler: _Compiler) -> None:
    place = f"evidence/{PURPOSES}"
    families = data.get("caller_families", [])
    if _is_texts(families):
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
