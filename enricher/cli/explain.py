"""Show how a finding type is mapped, and why."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from difflib import get_close_matches

from enricher.authoring.rule_docs import Conditions, refinements
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.attack_object import Attack, full_name, other_release
from enricher.enrichment.finding_type import Reading
from enricher.enrichment.precedence import entries_of
from enricher.enrichment.response import benign_of
from enricher.enrichment.tag import Entry
from enricher.enrichment.unknown_type import read_type
from enricher.mapping.model import AttackMapping, Record

#: Limits of what is printed: techniques with their rules, rules per technique, values per condition.
_TECHNIQUES_SHOWN, _RULES_SHOWN, _VALUES_SHOWN = 6, 3, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("type", metavar="TYPE", help="finding type, such as Recon:EC2/Portscan")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain one finding type; return 1 if the type is unknown or an override was rejected, else 0.

    An unknown type is classified from its name, and similar known types are suggested on stderr; with --json
    it does not change the exit code.
    """
    mapping, code = load_mapping(arguments)
    record = mapping.record_for(arguments.type)
    entries = entries_of(record) if record else read_type(arguments.type, mapping)
    attack = attack_block(entries, record, mapping, chosen_release(arguments, mapping), arguments.type)
    known = record is not None
    if arguments.json:
        print(json.dumps({"type": arguments.type, "known": known, "attack": attack}, ensure_ascii=False))
    else:
        for line in explain_lines(arguments.type, record, attack, mapping):
            print(line)
    if not known:
        similar = similar_types(arguments.type, mapping)
        suggestion = f"; did you mean {' or '.join(similar)}?" if similar else ""
        print(
            f"enricher: {arguments.type or 'an empty type'} is not a known finding type{suggestion}",
            file=sys.stderr,
        )
    return code if known or arguments.json else 1


def similar_types(finding_type: str, mapping: AttackMapping) -> list[str]:
    """Return up to three known types similar to a mistyped one: those that contain it, then close matches."""
    folded = {key.casefold(): key for key in (*mapping.records, *mapping.aliases)}
    wanted = finding_type.strip().casefold()
    containing = [key for key in folded if len(wanted) > 3 and wanted in key]
    close = get_close_matches(wanted, folded, n=3, cutoff=0.7)
    return [folded[key] for key in dict.fromkeys([*containing, *close])][:3]


def explain_lines(
    finding_type: str, record: Record | None, attack: Attack, mapping: AttackMapping
) -> list[str]:
    """Return the explanation as text, one string per line."""
    lines = [finding_type]
    if record:
        lines += _status_lines(finding_type, record, mapping)
    else:
        lines.append("  no record: classified from the name of the type; its findings are still forwarded")
    if not attack["techniques"]:
        lines.append("  no technique" + "".join(f", tactic {row['name']}" for row in attack["tactics"]))
    else:
        named = {row["tactic"]["id"] for row in attack["techniques"]}
        alone = (row for row in attack["tactics"] if row["id"] not in named)
        lines += [f"  {row['name']} ({row['id']}) · tactic only, no technique" for row in alone]
    for row in attack["techniques"]:
        lines.append(f"  {row['tactic']['name']} ({row['tactic']['id']}) · {full_name(row)} ({row['id']})")
        lines.append(f"    {row['confidence']} confidence, from {row['source']}, {row['url']}")
        if other := other_release(row):
            key = "formerly" if "formerly" in row else "currently"
            names = f"{other['tactic']['name']} · {other['name']} ({other['id']})"
            lines.append(f"    {key} in {other['version']}: {names}")
    if record:
        techniques = attack["techniques"]
        lines += _wrapped("why", techniques[0]["rationale"] if techniques else record.rationale)
        lines += _wrapped("caveats", record.caveats)
        lines += _advice_lines(record, mapping)
        lines += [f"  see      {url}" for url in record.references]
    lines += _evidence_lines(finding_type, record, mapping, attack["version"])
    if record:
        lines.append(f"  record   {_origin(record)}")
    lines.append(f"  release  mapping {mapping.version}, ATT&CK {attack['version']}")
    return lines


def _advice_lines(record: Record, mapping: AttackMapping) -> list[str]:
    """Return what an alert of the type says: check, what is benign, what differs by direction and rule."""
    response = mapping.responses.get(record.response)
    if response is None:
        return []
    benign, for_target = (benign_of(record, response, is_target=it) for it in (False, True))
    lines = [*_wrapped("check", response.check), *_wrapped("benign", benign and f"if {benign}")]
    if response.target or for_target != benign:
        check = response.target or response.check
        lines += _wrapped("target", f"where the resource is the target: {check} Benign if {for_target}")
    for rule in record.rules:
        group = mapping.responses.get(rule.response, response)
        lines += _wrapped("rule", f"{rule.name}: {group.check} Benign if {benign_of(record, group, rule)}")
    return lines + _wrapped("shows", ", ".join(f"{label} ({path})" for label, path in record.shows))


def _evidence_lines(
    finding_type: str, record: Record | None, mapping: AttackMapping, release: str
) -> list[str]:
    found = refinements(finding_type, record, mapping)
    conditions = Conditions(mapping, most=_VALUES_SHOWN)
    lines = ["  evidence can refine this to (all rules: docs/evidence.md):"] if found else []
    for reading, rules in found[:_TECHNIQUES_SHOWN]:
        lines.append(f"    {_name_of(reading, mapping, release)}, up to {reading.confidence} confidence, if")
        for rule in rules[:_RULES_SHOWN]:
            text = conditions.of(rule)
            lines += textwrap.wrap(text, 100, initial_indent="      ", subsequent_indent=" " * 8)
        if (more := len(rules) - _RULES_SHOWN) > 0:
            lines.append(f"      or one of {more} more rules" if more > 1 else "      or one more rule")
    if rest := [_name_of(reading, mapping, release) for reading, _ in found[_TECHNIQUES_SHOWN:]]:
        text = f"by other fields or API calls also: {'; '.join(dict.fromkeys(rest))}"
        lines += textwrap.wrap(text, 100, initial_indent="    ", subsequent_indent=" " * 6)
    return lines


def _name_of(reading: Reading, mapping: AttackMapping, release: str) -> str:
    """Return the tactic and technique of a rule's reading as named in an ATT&CK release."""
    entry = Entry(reading.pair, reading.confidence, "evidence", "")
    attack = attack_block([entry], None, mapping, release)
    parts = [f"{row['tactic']['name']} · {row['name']} ({row['id']})" for row in attack["techniques"]]
    return ", ".join(parts or [row["name"] for row in attack["tactics"]])


def _status_lines(finding_type: str, record: Record, mapping: AttackMapping) -> list[str]:
    lines = []
    if finding_type in mapping.aliases:
        lines.append(f"  alias of {record.type}")
    elif finding_type != record.type:
        lines.append(f"  matched as {record.type}")
    if record.is_retired:
        day = f" on {record.retired}" if record.retired else ""
        successor = f"; GuardDuty now sends {record.successor}" if record.successor else ""
        lines.append(f"  retired by AWS{day}, kept for archived findings and existing rules{successor}")
    return lines


def _origin(record: Record) -> str:
    if record.is_override:
        return f"your override, {record.file}"
    return f"mapping/{record.file}.toml, provenance {record.provenance}, reviewed {record.reviewed}"


def _wrapped(label: str, text: str) -> list[str]:
    return (
        textwrap.wrap(text, 100, initial_indent=f"  {label:<9}", subsequent_indent=" " * 11) if text else []
    )
