"""Check the mapping and report every problem."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring.loader import ROOT, read_mapping
from enricher.cli.source import load_mapping
from enricher.mapping.problems import InvalidMapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="mapping folder (default: the bundled one)"
    )
    parser.add_argument(
        "--overrides",
        metavar="FILE",
        help="check a TOML file of overrides instead, as for MAPPING_OVERRIDES",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was checked and return 0, or print every problem on stderr and return 1."""
    if arguments.overrides:
        return _check_overrides(arguments)
    try:
        mapping = read_mapping(arguments.root)
    except InvalidMapping as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        print(f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}", file=sys.stderr)
        return 1
    release = mapping.catalogue.pinned.version
    print(f"mapping {mapping.version}, ATT&CK {release}: {len(mapping.records)} records, no problems")
    return 0


def _check_overrides(arguments: argparse.Namespace) -> int:
    """Check a file of overrides against the mapping; each problem is on stderr."""
    mapping, code = load_mapping(arguments)
    count = sum(record.is_override for record in mapping.records.values())
    problems = "the others are ignored" if code else "no problems"
    print(f"{arguments.overrides}: {count} valid override{'' if count == 1 else 's'}, {problems}")
    return code
