"""Say what the mapping holds for a finding type, and why."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from difflib import get_close_matches
from typing import Any

from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.enrich import attack_block, entries_of
from enricher.grammar import read_type
from enricher.mapping import Mapping, Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("type", metavar="TYPE", help="finding type, such as Recon:EC2/Portscan")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain one finding type; an unknown type is explained from its name, with near misses, and gives 1."""
    mapping = load_mapping(arguments)
    record = mapping.record_for(arguments.type)
    entries = entries_of(record) if record else read_type(arguments.type, mapping)
    attack = attack_block(entries, record, mapping, chosen_release(arguments, mapping))
    if arguments.json:
        print(json.dumps({"type": arguments.type, "known": record is not None, "attack": attack}, ensure_ascii=False))
        return 0
    for line in explain_lines(arguments.type, record, attack, mapping):
        print(line)
    if record is None:
        near = get_close_matches(arguments.type, [*mapping.records, *mapping.aliases], n=3, cutoff=0.6)
        print(f"enricher: {arguments.type} is not known{_suggest(near)}", file=sys.stderr)
        return 1
    return 0


def _suggest(near: list[str]) -> str:
    return f"; did you mean {' or '.join(near)}?" if near else ""


def explain_lines(
    finding_type: str, record: Record | None, attack: dict[str, Any], mapping: Mapping
) -> list[str]:
    """Write the explanation for a terminal, one string a line."""
    lines = [finding_type]
    if record and record.type != finding_type:
        lines.append(f"  another spelling of {record.type}")
    if record and record.retired:
        successor = f", now {record.successor}" if record.successor else ""
        lines.append(f"  retired by AWS on {record.retired}{successor}")
    if not attack["techniques"]:
        lines.append("  no technique" + "".join(f", tactic {row['name']}" for row in attack["tactics"]))
    else:
        named = {row["tactic"]["id"] for row in attack["techniques"]}
        alone = (row for row in attack["tactics"] if row["id"] not in named)
        lines += [f"  {row['name']} ({row['id']}) · the tactic alone, no technique" for row in alone]
    for row in attack["techniques"]:
        parent = f"{row['parent']['name']}: " if row["parent"] else ""
        lines.append(f"  {row['tactic']['name']} ({row['tactic']['id']}) · {parent}{row['name']} ({row['id']})")
        lines.append(f"    {row['confidence']} confidence, from {row['source']}, {row['url']}")
        for key, word in (("formerly", "formerly"), ("since", "since")):
            if key in row:
                other = row[key]
                lines.append(f"    {word} in {other['version']}: {other['tactic']['name']} · {other['name']} ({other['id']})")
    if record:
        lines += _wrapped("why", record.rationale)
        lines += _wrapped("but", record.caveats)
        lines += [f"  see      {url}" for url in record.references]
        lines.append(f"  record   mapping/{record.file}.toml, lineage {record.lineage}, reviewed {record.reviewed}")
    lines.append(f"  release  mapping {mapping.version}, ATT&CK {attack['version']}")
    return lines


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=f"  {label:<9}", subsequent_indent=" " * 11) if text else []
