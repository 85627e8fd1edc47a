"""Read and validate the evidence rules under `mapping/evidence/`, and compile the valid ones.

mapping/evidence/README.md describes the rules, `enricher.enrichment.rules` the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enricher.attack.catalog import Catalogue
from enricher.authoring.files import EVIDENCE, read_toml, unknown_keys
from enricher.authoring.rule_tables import RuleTables
from enricher.authoring.rule_validation import (
    check_calls,
    check_confidence,
    check_fields,
    check_name,
    is_texts,
    read_readings,
)
from enricher.mapping.entries import invalid
from enricher.mapping.problems import Problem, Violation
from enricher.mapping.toml_source import TomlSource

PURPOSES, CALL_NAMES = "purposes.toml", "call-names.toml"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMON_KEYS = {"id", "rationale", "attack"}
_KEYS_OF_CALLS = {"services", "calls"}
_CALL_KEYS = _COMMON_KEYS | _KEYS_OF_CALLS
_NAME_KEYS = _COMMON_KEYS | {"verbs", "nouns"}
_FIELD_KEYS = _COMMON_KEYS | {"when", "show", "purposes", "resources", "families", "rules_out", "example"}


@dataclass(slots=True)
class _Reader:
    """What has been read so far. ids: rule -> its file; calls: (service, call) -> its rule."""

    catalogue: Catalogue
    problems: list[Problem]
    tables: RuleTables = field(default_factory=RuleTables)
    ids: dict[str, str] = field(default_factory=dict)
    calls: dict[tuple[str, str], str] = field(default_factory=dict)


def read_evidence(root: Path, catalogue: Catalogue, problems: list[Problem]) -> dict[str, Any]:
    """Compile the evidence rules to look-up tables; append their problems to `problems`.

    Invalid rules are left out of the tables. Returns {} if the folder does not exist.
    """
    if not root.is_dir():
        return {}
    reader = _Reader(catalogue, problems)
    for source in read_toml(root, problems, EVIDENCE):
        if source.name == f"{EVIDENCE}{PURPOSES}":
            _read_purposes(source, reader)
        else:
            _read_rules(source, reader)
    return reader.tables.as_json()


def _texts(source: TomlSource, key: str, what: str, reader: _Reader) -> list[str]:
    """Return the list of strings at the top of a file, [] if there is none; it may be a problem."""
    value = source.data.get(key, [])
    if is_texts(value):
        return value
    reader.problems.append(source.problem("", Violation(f"`{key}` must be a list of {what}", (key,))))
    return []


def _read_rules(source: TomlSource, reader: _Reader) -> None:
    file = Path(source.name).name
    known = {"rule", "common_services" if file == CALL_NAMES else "seen_in"}
    reader.problems += unknown_keys(source, known)
    if file == CALL_NAMES:
        what = "event sources as in CloudTrail"
        reader.tables.common_services = _texts(source, "common_services", what, reader)
    reader.tables.seen_in[Path(file).stem] = _texts(
        source, "seen_in", "resources as in finding types", reader
    )
    rules = source.data.get("rule", [])
    if not isinstance(rules, list):
        message = "`rule` must be an array of tables: write one [[rule]] per rule"
        reader.problems.append(source.problem("", Violation(message, ("rule",))))
        return
    for place, item in enumerate(rules):
        violations = [Violation("must be a table: write [[rule]]")]
        subject = f"rule {place + 1}"
        if isinstance(item, dict):
            violations = _read_rule(item, file, reader)
            subject = item["id"] if isinstance(item.get("id"), str) else subject
        reader.problems += [source.problem(subject, found, "rule", place) for found in violations]


def _read_rule(item: dict[str, Any], file: str, reader: _Reader) -> list[Violation]:
    """Add a rule to the tables and return []; or return what is wrong with it."""
    violations = list(_check_common(item, file, reader))
    readings = read_readings(item.get("attack"), reader.catalogue, violations)
    if file == CALL_NAMES:
        violations += check_name(item, readings)
    elif _KEYS_OF_CALLS & item.keys():
        violations += check_calls(item, reader.calls)
    else:
        violations += check_fields(item)
    violations += check_confidence(item, readings)
    if not violations:
        reader.tables.add(item, Path(file).stem, readings)
        for service in item.get("services", []):
            reader.calls |= {(service, call): item["id"] for call in item["calls"]}
    return violations


def _check_common(item: dict[str, Any], file: str, reader: _Reader) -> Iterator[Violation]:
    known = _CALL_KEYS if _KEYS_OF_CALLS & item.keys() else _FIELD_KEYS
    if file == CALL_NAMES:
        known = _NAME_KEYS
    for key in sorted(item.keys() - known):
        yield Violation(f"unknown key {key!r}: expected one of {', '.join(sorted(known))}", (key,))
    rule_id = item.get("id")
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
        yield invalid("id", "lower-case letters, digits and hyphens", rule_id)
    elif rule_id in reader.ids:
        yield Violation(f"`id` is used twice, also in {reader.ids[rule_id]}: rename one", ("id",))
    else:
        reader.ids[rule_id] = file
    rationale = item.get("rationale")
    if not isinstance(rationale, str) or not rationale.strip():
        message = "`rationale` is missing: one or two sentences, what is observed and why it maps here"
        yield Violation(message, ("rationale",))


def _read_purposes(source: TomlSource, reader: _Reader) -> None:
    families = ("caller_families", "act_families")
    reader.problems += unknown_keys(source, {*families, "purpose"})
    for key in families:
        reader.tables.families[key] = _texts(source, key, "families as in finding types", reader)
    rows = source.data.get("purpose", [])
    for place, row in enumerate(rows if isinstance(rows, list) else [rows]):
        name, tactics = (row.get("name"), row.get("tactics")) if isinstance(row, dict) else (None, None)
        subject = name if isinstance(name, str) else f"purpose {place + 1}"
        if not isinstance(name, str) or not isinstance(row.get("why"), str):
            violation = Violation("must have `name`, `tactics` and `why`")
        elif not is_texts(tactics) or not set(tactics) <= reader.catalogue.pinned.tactics.keys():
            violation = invalid("tactics", "a list of tactic ids", tactics)
        elif unknown := sorted(row.keys() - {"name", "tactics", "why"}):
            violation = Violation(f"unknown key {unknown[0]!r}: expected name, tactics, why", (unknown[0],))
        elif name in reader.tables.purposes:
            violation = Violation("is listed twice: remove one", ("name",))
        else:
            reader.tables.purposes[name] = tactics
            continue
        reader.problems.append(source.problem(subject, violation, "purpose", place))
