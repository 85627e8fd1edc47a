"""Write an ATT&CK Navigator layer, format 4.5.

https://github.com/mitre-attack/attack-navigator/blob/master/layers/spec/v4.5/layerformat.md
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import Release, parent_id
from enricher.authoring.authored_entries import read_authored
from enricher.authoring.loader import ROOT
from enricher.cli.saved_findings import Refusal, read_file
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.enrichment.enrich import attack_block, enrich, entries_of
from enricher.enrichment.tag import Entry
from enricher.finding.safe_text import single_line
from enricher.mapping.model import Mapping as AttackMapping
from enricher.mapping.records import read_pair

#: From one finding type to the most; the palest is also for what evidence alone shows.
COLOURS = ("#fde9c9", "#f28c28", "#a61c00")
#: A gradient that ends lower cannot be read by mitreattack-python, and would paint two findings dark red.
LEAST_MAXIMUM = 10
_LINE = 200


@dataclass(slots=True)
class Cell:
    """Gather what stands behind one (technique, tactic) pair: how often each finding type, which rules."""

    types: Counter[str] = field(default_factory=Counter)
    rules: list[str] = field(default_factory=list)


Cells = dict[tuple[str, str], Cell]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--fired", metavar="FILE", nargs="+", help="show what these saved findings are, not the mapping"
    )
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the layer; name each refused input on stderr.

    Give 1 if something was refused, 2 if a file could not be read.
    """
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    if arguments.fired:
        cells, refusals = fired_cells(arguments.fired, mapping, release)
        for refusal in refusals:
            code = max(code, report(refusal))
    else:
        cells = mapping_cells(mapping, release)
    print(
        json.dumps(
            layer_of(cells, mapping, release, fired=bool(arguments.fired)), ensure_ascii=False, indent=1
        )
    )
    return code


def mapping_cells(mapping: AttackMapping, release: str | None) -> Cells:
    """Gather every pair of the records and the evidence rules, with the finding types and rules behind it."""
    cells: Cells = {}
    for finding_type, record in mapping.records.items():
        name = f"{finding_type} (retired)" if record.is_retired else finding_type
        for key in _pairs(attack_block(entries_of(record), record, mapping, release)):
            cells.setdefault(key, Cell()).types[name] += 1
    for rule, entry in _rule_entries(mapping):
        for key in _pairs(attack_block([entry], None, mapping, release)):
            rules = cells.setdefault(key, Cell()).rules
            if rule not in rules:
                rules.append(rule)
    return cells


def _rule_entries(mapping: AttackMapping) -> Iterator[tuple[str, Entry]]:
    for item in read_authored(ROOT / "evidence"):
        entry = {key: value for key, value in item.entry.items() if key != "confidence"}
        pair, _ = read_pair(entry, mapping.catalogue)
        if pair:
            yield item.subject, Entry(pair, "low", "evidence", "")


def fired_cells(
    files: Iterable[str], mapping: AttackMapping, release: str | None
) -> tuple[Cells, list[Refusal]]:
    """Gather what saved findings are tagged with; samples and a finding seen before do not count."""
    cells: Cells = {}
    refusals: list[Refusal] = []
    seen: set[str] = set()
    for item in (item for name in files for item in read_file(name)):
        if isinstance(item, Refusal):
            refusals.append(item)
            continue
        enriched = enrich(item, mapping, release)
        if enriched.alert["sample"] or (item.arn and item.arn in seen):
            continue
        seen.add(item.arn)
        for key in _pairs(enriched.attack):
            cells.setdefault(key, Cell()).types[item.type] += 1
    return cells, refusals


def _pairs(attack: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(row["id"], row["tactic"]["id"]) for row in attack["techniques"]]


def layer_of(cells: Cells, mapping: AttackMapping, version: str | None, *, fired: bool) -> dict[str, Any]:
    """Write the layer: a score for each cell, and the parents without one, unfolded, that hold them."""
    release = mapping.catalogue.release(version)
    counted = "findings" if fired else "finding types"
    return {
        "name": f"GuardDuty: {'what fired' if fired else 'what it can show'}",
        "versions": {"attack": release.version.partition(".")[0], "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": f"Score: number of {counted}. Mapping {mapping.version}, ATT&CK {release.version}.",
        "sorting": 3,
        "layout": {
            "layout": "side",
            "aggregateFunction": "sum",
            "showID": True,
            "showName": True,
            "showAggregateScores": False,
            "countUnscored": False,
            "expandedSubtechniques": "annotated",
        },
        "hideDisabled": False,
        "techniques": _technique_objects(cells, release),
        "gradient": {
            "colors": list(COLOURS),
            "minValue": 0,
            "maxValue": max([LEAST_MAXIMUM, *(cell.types.total() for cell in cells.values())]),
        },
        "legendItems": [
            {"label": f"fewest {counted}" + ("" if fired else ", or evidence alone"), "color": COLOURS[0]},
            {"label": f"most {counted}", "color": COLOURS[-1]},
        ],
        "metadata": [
            {"name": "mapping", "value": mapping.version},
            {"name": "ATT&CK", "value": release.version},
        ],
        "selectTechniquesAcrossTactics": False,
        "selectSubtechniquesWithParent": False,
    }


def _technique_objects(cells: Cells, release: Release) -> list[dict[str, Any]]:
    holders = {(parent, tactic) for technique, tactic in cells if (parent := parent_id(technique))}
    order = list(release.tactics)
    objects = []
    for technique, tactic in sorted(cells.keys() | holders, key=lambda key: (order.index(key[1]), key[0])):
        item: dict[str, Any] = {"techniqueID": technique, "tactic": shortname(release.tactics[tactic].name)}
        if cell := cells.get((technique, tactic)):
            item |= {"score": cell.types.total(), "comment": _comment(cell)}
        if (technique, tactic) in holders:
            item["showSubtechniques"] = True
        objects.append(item)
    return objects


def shortname(name: str) -> str:
    """Give the tactic's name as the Navigator wants it: command-and-control."""
    return name.lower().replace(" ", "-")


def _comment(cell: Cell) -> str:
    lines = [
        single_line(name, _LINE) + (f" ({count})" if count > 1 else "")
        for name, count in sorted(cell.types.items(), key=lambda item: (-item[1], item[0]))
    ]
    if cell.rules:
        lines.append(f"evidence: {', '.join(cell.rules)}")
    return "\n".join(lines)
