"""Build an ATT&CK Navigator layer, format 4.5: the coverage of the mapping, or observed findings.

https://github.com/mitre-attack/attack-navigator/blob/master/layers/spec/v4.5/layerformat.md

Limits of the readers, seen in Navigator 5.1 and mitreattack-python 6.3.1: a legend label is cut after ten
characters, a line of the hover text after about 44; scores must be integers and metadata plain rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from enricher.attack.catalog import Release, parent_id
from enricher.authoring.rule_docs import rules_of
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.precedence import entries_of
from enricher.finding.safe_text import single_line
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import Cell, Cells, Key, kinds
from enricher.pages.observed import Observed, Tally

#: Score gradient, lowest to highest.
COLORS = ("#fde9c9", "#f28c28", "#a61c00")
#: Color of a cell that rests on evidence rules alone, and of one that rests on retired types alone.
RULE_COLOR, RETIRED_COLOR = "#cfe0f5", "#dcdcdc"
#: Lowest `maxValue` of the gradient: mitreattack-python cannot read lower ones, and with them two findings
#: would already be dark red.
MIN_MAX_VALUE = 10
#: Longest legend label that the Navigator shows, and longest line of a comment.
LEGEND_LIMIT, _MAX_LINE = 10, 200
#: Values listed in a comment and in the metadata of an observed cell.
_MAX_VALUES = 20

Object = dict[str, Any]


def coverage_layer(
    cells: Cells, mapping: AttackMapping, version: str | None, *, retired: bool = False
) -> Object:
    """Return the layer of the mapping; the score of a cell is its number of finding types.

    A cell that rests on evidence rules alone has no score and another color. retired: show retired types.
    """
    release = mapping.catalogue.release(version)
    shown = {key: cell for key, cell in cells.items() if retired or cell.kind != "retired"}
    notes = _Notes(mapping, version)
    objects = {key: _coverage_object(cell, notes, retired=retired) for key, cell in shown.items()}
    counts, top = kinds(shown), max((item.get("score", 0) for item in objects.values()), default=0)
    description = (
        f"{counts['type']} of {len(shown)} technique-tactic pairs are named by an active GuardDuty finding "
        f"type; {counts['rule']} only by an evidence rule, so they are seen only if a finding shows the "
        f"evidence. Score: number of finding types. Mapping {mapping.version}, ATT&CK {release.version}."
    )
    legend = [*_legend(top, ("type", "types")), {"label": "rule only", "color": RULE_COLOR}]
    if retired:
        description += f" {counts['retired']} by retired types only."
        legend.append({"label": "retired", "color": RETIRED_COLOR})
    return _layer(_Head("coverage", description, legend, top), objects, mapping, release)


def observed_layer(observed: Observed, *, heat: str = "findings") -> Object:
    """Return the layer of observed findings; heat: "findings" or "accounts", what the score counts."""
    mapping = observed.mapping
    release = mapping.catalogue.release(observed.release)
    objects = {key: _observed_object(tally, heat) for key, tally in observed.cells.items()}
    top = max((item["score"] for item in objects.values()), default=0)
    words = ("finding", "found") if heat == "findings" else ("account", "accts")
    description = (
        f"{_observed_summary(observed)} Score: number of distinct {heat}. "
        f"Mapping {mapping.version}, ATT&CK {release.version}."
    )
    head = _Head("observed findings", description, _legend(top, words), top)
    return _layer(head, objects, mapping, release)


def _observed_summary(observed: Observed) -> str:
    total, period = observed.total, observed.period
    parts = [
        f"{total.findings} findings in {len(total.accounts)} accounts",
        f"{observed.samples} samples left out",
        f"{observed.unmapped.findings} without a technique",
    ]
    if observed.outside:
        parts.append(f"{observed.outside} outside the period")
    span = " to ".join(str(day) for day in (period.since, period.until) if day)
    text = f"{', '.join(parts)}{f' ({span})' if span else ''}."
    if observed.cells:
        return text
    return f"Nothing is colored: {_reason_for_nothing(observed)}. {text}"


def _reason_for_nothing(observed: Observed) -> str:
    if not observed.read:
        return "the files have no finding"
    if observed.total.findings:
        return "no finding has a technique"
    if observed.samples and observed.outside:
        return "every finding is a sample or outside the period"
    return "every finding is a sample" if observed.samples else "every finding is outside the period"


class _Head(NamedTuple):
    name: str
    description: str
    legend: list[Object]
    top: int


def _layer(head: _Head, objects: Mapping[Key, Object], mapping: AttackMapping, release: Release) -> Object:
    return {
        "name": f"GuardDuty: {head.name}",
        "versions": {"attack": release.version.partition(".")[0], "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": head.description,
        "sorting": 3,
        "layout": {
            "layout": "flat",
            "aggregateFunction": "sum",
            "showID": True,
            "showName": True,
            "showAggregateScores": False,
            "countUnscored": False,
            "expandedSubtechniques": "annotated",
        },
        "hideDisabled": True,
        "techniques": list(_technique_objects(objects, release)),
        "gradient": {"colors": list(COLORS), "minValue": 0, "maxValue": max(MIN_MAX_VALUE, head.top)},
        "legendItems": head.legend,
        "metadata": [
            {"name": "mapping", "value": mapping.version},
            {"name": "ATT&CK", "value": release.version},
        ],
        "selectTechniquesAcrossTactics": False,
        "selectSubtechniquesWithParent": False,
    }


def _technique_objects(objects: Mapping[Key, Object], release: Release) -> Iterable[Object]:
    """Yield every technique of the release under each of its tactics; those not shown are disabled.

    The parent of a sub-technique that is shown stays enabled, or the Navigator would hide both.
    """
    parents = {(parent, tactic) for technique, tactic in objects if (parent := parent_id(technique))}
    for tactic in release.tactics.values():
        for technique in sorted(release.techniques):
            if tactic.id not in release.techniques[technique].tactics:
                continue
            key = (technique, tactic.id)
            item: Object = {"techniqueID": technique, "tactic": shortname(tactic.name)}
            if key in objects:
                item |= objects[key]
            elif key not in parents:
                item["enabled"] = False
            if key in parents:
                item["showSubtechniques"] = True
            yield item


def shortname(name: str) -> str:
    """Return a tactic's name in the Navigator's form, such as command-and-control."""
    return name.lower().replace(" ", "-")


class _Notes:
    """The rationale of each finding type by pair, and of each rule."""

    def __init__(self, mapping: AttackMapping, version: str | None) -> None:
        self.rules = {rule.id: rule.rationale for rule in rules_of(mapping)}
        self.types: dict[str, str] = {}
        for finding_type, record in mapping.records.items():
            rows = attack_block(entries_of(record), record, mapping, version)["techniques"]
            self.types[finding_type] = rows[0]["rationale"] if rows else record.rationale


def _coverage_object(cell: Cell, notes: _Notes, *, retired: bool) -> Object:
    old = cell.retired if retired else {}
    rows = [
        {"name": name, "value": f"{confidence} confidence: {notes.types[name]}"}
        for name, confidence in (*cell.active.items(), *old.items())
    ]
    rows += [
        {"name": f"rule {rule}", "value": f"up to {confidence} confidence: {notes.rules[rule]}"}
        for rule, confidence in cell.rules.items()
    ]
    # A long type is cut in the hover text: what matters comes before it.
    lines = [single_line(name, _MAX_LINE) for name in sorted(cell.active)]
    lines += [f"retired: {single_line(name, _MAX_LINE)}" for name in sorted(old)]
    lines += [f"rule only: {', '.join(cell.rules)}"] if cell.kind == "rule" else []
    item: Object = {"comment": "\n".join(lines), "metadata": rows}
    if number := len(cell.active) + (len(old) if cell.active or not cell.rules else 0):
        item["score"] = number
    if cell.kind != "type":
        item["color"] = RULE_COLOR if cell.kind == "rule" else RETIRED_COLOR
    return item


def _observed_object(tally: Tally, heat: str) -> Object:
    lines = [f"{number}x {single_line(name, _MAX_LINE)}" for name, number in tally.types.most(_MAX_VALUES)]
    rows = [
        {"name": "first seen", "value": f"{tally.first:%Y-%m-%d %H:%M} UTC" if tally.first else "unknown"},
        {"name": "last seen", "value": f"{tally.last:%Y-%m-%d %H:%M} UTC" if tally.last else "unknown"},
        {"name": "findings", "value": str(tally.findings)},
        {"name": "occurrences", "value": str(tally.occurrences)},
        {"name": "accounts", "value": str(len(tally.accounts))},
    ]
    rows += [
        {"name": "evidence", "value": f"{number}x {text}"}
        for text, number in tally.evidence.most(_MAX_VALUES)
    ]
    score = tally.findings if heat == "findings" else len(tally.accounts)
    return {"score": score, "comment": "\n".join(lines), "metadata": rows}


def _legend(top: int, words: tuple[str, str]) -> list[Object]:
    """Return the legend of the gradient: the lowest score, and the highest one that a cell has."""
    one, many = words
    items = [{"label": f"1 {one}", "color": color_of(1, max(MIN_MAX_VALUE, top))}]
    if top > 1:
        items.append({"label": f"{_short(top)} {many}", "color": color_of(top, max(MIN_MAX_VALUE, top))})
    return items if top else []


def color_of(score: int, maximum: int) -> str:
    """Return the color that the Navigator gives a score: linear in RGB between the gradient's colors."""
    place = min(score / maximum, 1) * (len(COLORS) - 1)
    low = min(int(place), len(COLORS) - 2)
    channels = (
        round(int(a, 16) + (int(b, 16) - int(a, 16)) * (place - low))
        for a, b in (
            (COLORS[low][at : at + 2], COLORS[low + 1][at : at + 2]) for at in range(1, len(COLORS[0]), 2)
        )
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _short(number: int) -> str:
    """Return a number in at most four characters: 999, 1k, 12k, 3M; rounded down."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number // size}{unit}"
    return str(number)
