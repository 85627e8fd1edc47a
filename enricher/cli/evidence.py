"""Write, or check, docs/evidence.md: what in a finding leads to which technique, made from the rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from enricher.authoring.loader import ROOT, read_mapping
from enricher.authoring.rule_docs import calls_by_rule, grounds_of, rules_of, scope_of
from enricher.enrichment.evidence import Rule
from enricher.mapping.model import Mapping

PAGE = ROOT.parent / "docs" / "evidence.md"
_INTRODUCTION = """# Evidence: what a finding itself shows

Made by `python3 -m enricher evidence` from the rules in `mapping/evidence/`; edit those.

A finding type says what GuardDuty looks for; the finding says what happened. Each rule below leads from a
field and its value to a technique. An entry that came about so has the source `evidence` and names the fields
that decided, as dotted paths under `detail`; `[n]` is the n-th item of a list, counted from 0. A value longer
than 256 characters is cut and is then the beginning of the real one.

* Where a rule has several readings, the finding's own meaning chooses: the one that sharpens the record of
  its type, then one of a tactic that its purpose names, then the first.
* A refused call, a call that an AWS service made on somebody's behalf, and a reading of another tactic than
  the finding's purpose means each lower the confidence by one step. Of calls the rationale says so.
* Entries are ordered surest first, then what fits the finding's meaning, then the call the finding is about;
  five at most. However sure, what has another aim than the purpose names does not lead what is usual for it.
* A command line is text that anybody may write: alone it never gives high confidence.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing, give 1 if the page is not current"
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="page to write (default: docs/evidence.md)")


def run(arguments: argparse.Namespace) -> int:
    """Bring the page up to date, or give 1 if it is not."""
    text = evidence_page(read_mapping())
    if arguments.check:
        current = arguments.output.is_file() and arguments.output.read_text(encoding="utf-8") == text
        if not current:
            print(f"enricher: {arguments.output}: not current: run enricher evidence", file=sys.stderr)
        return 0 if current else 1
    arguments.output.write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {len(text.splitlines())} lines")
    return 0


def evidence_page(mapping: Mapping) -> str:
    """Write the page: one table for each file of rules, and the purposes."""
    return "\n".join([_INTRODUCTION, *_rule_tables(mapping), *_purpose_table(mapping)]) + "\n"


def _rule_tables(mapping: Mapping) -> Iterator[str]:
    of_calls = calls_by_rule(mapping)
    file = ""
    for rule in rules_of(mapping):
        if rule.file != file:
            yield from [""] if file else []
            file = rule.file
            heads = ("API calls", "Service") if rule.id in of_calls else ("If", "In findings of")
            yield f"## {file}\n\n| Rule | {heads[0]} | {heads[1]} | Technique, confidence | Why |"
            yield "|---|---|---|---|---|"
        if services := of_calls.get(rule.id):
            calls = dict.fromkeys(call for names in services.values() for call in names)
            grounds, limits = ", ".join(f"`{call}`" for call in calls), ", ".join(services)
        else:
            grounds, limits = grounds_of(rule, mapping), scope_of(rule) or "any"
        cells = (f"`{rule.id}`", grounds, limits, "<br>".join(_readings(rule, mapping)), rule.rationale)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _readings(rule: Rule, mapping: Mapping) -> Iterator[str]:
    names = mapping.catalogue.pinned
    for tactic, technique, confidence, *_ in rule.readings:
        yield f"{names.tactics[tactic].name}: {technique} {names.techniques[technique].name}, {confidence}"


def _purpose_table(mapping: Mapping) -> Iterator[str]:
    yield (
        "## Threat purposes\n\n"
        "What the first word of a finding type says of the aim; without a record the first tactic stands.\n\n"
        "| Purpose | Tactics |\n|---|---|"
    )
    for purpose, tactics in mapping.evidence.get("purposes", {}).items():
        names = ", ".join(mapping.catalogue.pinned.tactics[key].name for key in tactics)
        yield f"| {purpose} | {names or 'none: no aim'} |"
