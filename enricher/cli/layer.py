"""Write an ATT&CK Navigator layer, format 4.5.

https://github.com/mitre-attack/attack-navigator/blob/master/layers/spec/v4.5/layerformat.md
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import Release, parent_id
from enricher.authoring.authored_entries import read_authored
from enricher.authoring.loader import ROOT
from enricher.cli.saved_findings import Rejected, read_file
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.enrichment.attack_block import Attack, attack_block
from enricher.enrichment.enrich import enrich, entries_of
from enricher.enrichment.tag import Entry
from enricher.finding.safe_text import single_line
from enricher.mapping.model import AttackMapping
from enricher.mapping.records import read_pair

#: Score gradient, lowest to highest; the lowest is also for techniques that only evidence rules give.
COLOURS = ("#fde9c9", "#f28c28", "#a61c00")
#: Lowest `maxValue` of the gradient: mitreattack-python cannot read lower ones, and with them two findings
#: would already be dark red.
MIN_MAX_VALUE = 10
#: Characters of a comment line.
_MAX_LINE = 200


@dataclass(slots=True)
class Cell:
    """One (technique, tactic) pair of the layer: the count of each finding type, and the evidence rules."""

    types: Counter[str] = field(default_factory=Counter)
    rules: list[str] = field(default_factory=list)


Cells = dict[tuple[str, str], Cell]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--observed",
        metavar="FILE",
        nargs="+",
        help="show the observed findings in these files instead of the mapping's coverage",
    )
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the layer as JSON; report each rejected input on stderr.

    Returns 1 if an input or an override was rejected, 2 if a file could not be read, else 0.
    """
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    if arguments.observed:
        cells, rejections = observed_cells(arguments.observed, mapping, release)
        for rejected in rejections:
            code = max(code, report(rejected))
    else:
        cells = mapping_cells(mapping, release)
    print(
        json.dumps(
            layer_of(cells, mapping, release, observed=bool(arguments.observed)), ensure_ascii=False, indent=1
        )
    )
    return code


def mapping_cells(mapping: AttackMapping, release: str | None) -> Cells:
    """Return every (technique, tactic) pair of the records and rules, with its finding types and rules."""
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


def observed_cells(
    files: Iterable[str], mapping: AttackMapping, release: str | None
) -> tuple[Cells, list[Rejected]]:
    """Count the techniques of saved findings; return the cells and the rejected inputs.

    Sample findings and further copies of a finding (same ARN) are not counted.
    """
    cells: Cells = {}
    rejections: list[Rejected] = []
    seen: set[str] = set()
    for item in (item for name in files for item in read_file(name)):
        if isinstance(item, Rejected):
            rejections.append(item)
            continue
        enriched = enrich(item, mapping, release)
        if enriched.alert["sample"] or (item.arn and item.arn in seen):
            continue
        seen.add(item.arn)
        for key in _pairs(enriched.attack):
            cells.setdefault(key, Cell()).types[item.type] += 1
    return cells, rejections


def _pairs(attack: Attack) -> list[tuple[str, str]]:
    return [(row["id"], row["tactic"]["id"]) for row in attack["techniques"]]


def layer_of(cells: Cells, mapping: AttackMapping, version: str | None, *, observed: bool) -> dict[str, Any]:
    """Return the layer as a JSON object: scored cells, and the expanded parents of scored sub-techniques."""
    release = mapping.catalogue.release(version)
    counted = "findings" if observed else "finding types"
    return {
        "name": f"GuardDuty: {'observed findings' if observed else 'coverage'}",
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
            "maxValue": max([MIN_MAX_VALUE, *(cell.types.total() for cell in cells.values())]),
        },
        "legendItems": [
            {
                "label": f"fewest {counted}" + ("" if observed else ", or evidence rules only"),
                "color": COLOURS[0],
            },
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
    parents = {(parent, tactic) for technique, tactic in cells if (parent := parent_id(technique))}
    order = list(release.tactics)
    objects = []
    for technique, tactic in sorted(cells.keys() | parents, key=lambda key: (order.index(key[1]), key[0])):
        item: dict[str, Any] = {"techniqueID": technique, "tactic": shortname(release.tactics[tactic].name)}
        if cell := cells.get((technique, tactic)):
            item |= {"score": cell.types.total(), "comment": _comment(cell)}
        if (technique, tactic) in parents:
            item["showSubtechniques"] = True
        objects.append(item)
    return objects


def shortname(name: str) -> str:
    """Return a tactic's name in the Navigator's form, such as command-and-control."""
    return name.lower().replace(" ", "-")


def _comment(cell: Cell) -> str:
    lines = [
        single_line(name, _MAX_LINE) + (f" ({count})" if count > 1 else "")
        for name, count in sorted(cell.types.items(), key=lambda item: (-item[1], item[0]))
    ]
    if cell.rules:
        lines.append(f"evidence: {', '.join(cell.rules)}")
    return "\n".join(lines)
