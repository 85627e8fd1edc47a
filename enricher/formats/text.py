"""Render a finding as the plain text mail of an analyst on call: how bad, what, who, where, why."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.context import read_scene
from enricher.finding.event import Finding
from enricher.finding.safe_text import defang, plain
from enricher.formats.base import TooLarge
from enricher.formats.summary import Rows, full_name, minor_rows, other_names, scene_rows

WIDTH = 78
_LABEL = 10
_INDENT = "  "
_TYPE = re.compile(r"[A-Z]\w*:[A-Z]\w*/[A-Z][\w.!&]*", re.ASCII)
#: Techniques that are explained; the others are named.
_EXPLAINED = 2
#: What is given up, in this order, when the text exceeds the limit. Headline, link and ids are never.
_SLIMMING_ORDER = ("detail", "scene", "attack", "happened")


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Give the mail, about forty lines at most and at most `limit` UTF-8 bytes.

    Above the limit whole parts are left out in a fixed order, and a line names them. Raise TooLarge if the
    headline, the link and the ids alone are larger than that. Links of the finding's are never clickable.
    """
    scene = read_scene(enriched.finding)
    parts = {
        "headline": _headline(enriched),
        "happened": _happened(enriched.finding),
        "scene": _row_lines(scene_rows(enriched.finding, scene)),
        "attack": _attack_lines(enriched),
        "link": ["OPEN IN THE CONSOLE", enriched.alert["console"]],
        "detail": _row_lines(minor_rows(scene)),
        "ids": _id_lines(enriched),
    }
    text = _join(parts)
    for place in range(len(_SLIMMING_ORDER)):
        if len(text.encode("utf-8")) <= limit:
            return text
        removed = _SLIMMING_ORDER[: place + 1]
        left = {name: lines for name, lines in parts.items() if name not in removed}
        text = _join({**left, "slimmed": [f"Left out for size: {', '.join(removed)}. See the console."]})
    if len(text.encode("utf-8")) <= limit:
        return text
    raise TooLarge(f"{len(text.encode('utf-8'))} bytes without what can be left out: the limit is {limit}")


def _join(parts: Mapping[str, list[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in parts.values() if lines) + "\n"


def _headline(enriched: EnrichedFinding) -> list[str]:
    severity, what, *rest = enriched.alert["headline"].split(" · ")
    # From the catalogue, or a type of GuardDuty's: a name like C&CActivity.B stays as one searches for it.
    first = plain if _TYPE.fullmatch(enriched.finding.type) else defang
    lines = [f"{plain(severity)} | {first(what)}", *(defang(part) for part in rest)]
    if enriched.alert["sample"]:
        lines[:0] = ["*** SAMPLE FINDING - made by GuardDuty to try things out, nothing happened ***", ""]
    if enriched.finding.flag("service.archived"):
        lines.append("Archived in GuardDuty.")
    return lines


def _happened(finding: Finding) -> list[str]:
    title, description = defang(finding.text("title"), 200), defang(finding.text("description"), 320)
    lines = _wrapped(title, _INDENT)
    if description and description != title:
        lines += _wrapped(description, _INDENT)
    return ["WHAT HAPPENED", *lines] if lines else []


def _attack_lines(enriched: EnrichedFinding) -> list[str]:
    attack = enriched.attack
    lines = [f"ATT&CK {attack['version']}"]
    told: set[str] = set()
    for place, row in enumerate(attack["techniques"]):
        lines.append(f"{full_name(row)} | {row['tactic']['name']} | {row['confidence']} confidence")
        if place < _EXPLAINED:
            lines += _explained(row, told)
    if not attack["techniques"]:
        names = ", ".join(f"{tactic['name']} ({tactic['id']})" for tactic in attack["tactics"])
        lines.append(f"{names}: no technique can be told from this finding." if names else _UNMAPPED)
    lines += [f"ATLAS {row['id']} {row['name']}" for row in attack.get("atlas", ())]
    return lines


_UNMAPPED = "No tactic or technique: the mapping has nothing to say about this type."


def _explained(row: Mapping[str, Any], told: set[str]) -> Iterator[str]:
    if row["rationale"] not in told:
        told.add(row["rationale"])
        yield from _wrapped(plain(row["rationale"], 600), "    ")
    for shown in row["evidence"][:3]:
        yield f"    seen: {plain(shown['field'])} = {defang(str(shown['value']), 120)}"
    yield from (f"    {line}" for line in other_names(row))


def _id_lines(enriched: EnrichedFinding) -> list[str]:
    finding = enriched.finding
    severity = finding.number("severity")
    score = f", severity {severity:g}" if severity is not None else ""
    rows = (
        ("Type", f"{plain(finding.type)}{score}"),
        ("Account", plain(f"{finding.account} {finding.region}")),
        ("Finding", plain(finding.arn or finding.text("id"), 512)),
    )
    return [f"{label:<{_LABEL}}{value}" for label, value in rows if value]


def _row_lines(rows: Rows) -> list[str]:
    lines: list[str] = []
    for label, value in rows:
        first, *more = _wrapped(defang(value, 160), " " * _LABEL) or [""]
        lines += [f"{label:<{_LABEL}}{first.lstrip()}", *more]
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
