"""Write or check the golden files: the reviewed output for the example events, the contract of the format."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enricher.authoring.loader import ROOT, read_mapping
from enricher.enrichment.attack_block import other_release
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding, MalformedEvent
from enricher.mapping.model import AttackMapping
from enricher.pages.picture import matrix_picture

EVENTS = ROOT.parent / "events"
#: The picture in README; it is regenerated and checked with the golden files.
PICTURE = ROOT.parent / "docs" / "coverage.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; report each file that is out of date"
    )
    parser.add_argument("--events", type=Path, default=EVENTS, help="folder of the example events")


def run(arguments: argparse.Namespace) -> int:
    """Write the golden files, or with --check report those out of date.

    Returns 1 if --check found one, 2 if there are no events, else 0.
    """
    mapping = read_mapping()
    expected = dict(golden_files(arguments.events, mapping))
    if not expected:
        print(f"enricher: {arguments.events}: no events found (*.json)", file=sys.stderr)
        return 2
    present = {
        path
        for folder in {path.parent for path in expected}
        for path in folder.glob("*")
        if path.name != "README.md"
    }
    surplus = sorted(present - expected.keys())
    if arguments.events == EVENTS:
        expected[PICTURE] = matrix_picture(mapping)
    stale = [path for path, text in expected.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in [*stale, *surplus] if arguments.check else []:
        print(f"enricher: {path}: out of date: run enricher golden and review the diff", file=sys.stderr)
    if arguments.check:
        return 1 if stale or surplus else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(expected[path], encoding="utf-8")
    for path in surplus:
        path.unlink()
    print(f"{len(expected)} golden files, {len(stale)} written, {len(surplus)} removed")
    return 0


def golden_files(events: Path, mapping: AttackMapping) -> Iterator[tuple[Path, str]]:
    """Yield the path and text of each golden file.

    enriched/NAME.json for a finding, enriched/NAME.error.txt for a rejected event, and
    enriched-FORMER/NAME.json where an entry differs in the former ATT&CK release (18.1).
    """
    former = mapping.catalogue.former.version
    for path in sorted(events.glob("*.json")):
        try:
            finding = Finding.from_json(path.read_bytes())
        except MalformedEvent as error:
            yield events / "enriched" / f"{path.stem}.error.txt", f"{error}\n"
            continue
        yield events / "enriched" / path.name, _pretty(enrich(finding, mapping))
        in_former = enrich(finding, mapping, former)
        if _is_different(in_former):
            yield events / f"enriched-{former}" / path.name, _pretty(in_former)


def _is_different(in_former: EnrichedFinding) -> bool:
    return any(other_release(row) for row in in_former.attack["techniques"])


def _pretty(enriched: EnrichedFinding) -> str:
    event: dict[str, Any] = enriched.as_event()
    return json.dumps(event, ensure_ascii=False, indent=2) + "\n"
