"""Write, or check, what the example events become: the contract of the output, readable and reviewed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enricher.authoring.loader import ROOT, read_mapping
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding, MalformedEvent
from enricher.mapping.model import Mapping

EVENTS = ROOT.parent / "events"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing, name each file that is not current"
    )
    parser.add_argument("--events", type=Path, default=EVENTS, help="folder of the example events")


def run(arguments: argparse.Namespace) -> int:
    """Bring the golden files up to date, or give 1 if one is not, 2 if there are no events."""
    wanted = dict(golden_files(arguments.events, read_mapping()))
    if not wanted:
        print(f"enricher: {arguments.events}: holds no event (*.json)", file=sys.stderr)
        return 2
    present = {
        path
        for folder in {path.parent for path in wanted}
        for path in folder.glob("*")
        if path.name != "README.md"
    }
    stale = [path for path, text in wanted.items() if path not in present or path.read_text("utf-8") != text]
    surplus = sorted(present - wanted.keys())
    for path in [*stale, *surplus] if arguments.check else []:
        print(
            f"enricher: {path}: not current: run enricher golden and review the difference", file=sys.stderr
        )
    if arguments.check:
        return 1 if stale or surplus else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in surplus:
        path.unlink()
    print(f"{len(wanted)} golden files, {len(stale)} written, {len(surplus)} removed")
    return 0


def golden_files(events: Path, mapping: Mapping) -> Iterator[tuple[Path, str]]:
    """Give each golden file and its text.

    enriched/NAME.json for what is a finding, enriched/NAME.error.txt for what is refused, and
    enriched-FORMER/NAME.json where the former ATT&CK release (18.1) says an entry differently.
    """
    former = mapping.catalogue.former.version
    for path in sorted(events.glob("*.json")):
        try:
            finding = Finding.from_json(path.read_bytes())
        except MalformedEvent as error:
            yield events / "enriched" / f"{path.stem}.error.txt", f"{error}\n"
            continue
        yield events / "enriched" / path.name, _pretty(enrich(finding, mapping))
        before = enrich(finding, mapping, former)
        if _is_different(before):
            yield events / f"enriched-{former}" / path.name, _pretty(before)


def _is_different(before: EnrichedFinding) -> bool:
    return any("since" in row for row in before.attack["techniques"])


def _pretty(enriched: EnrichedFinding) -> str:
    event: dict[str, Any] = enriched.as_event()
    return json.dumps(event, ensure_ascii=False, indent=2) + "\n"
