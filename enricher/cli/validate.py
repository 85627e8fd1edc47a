"""Check the mapping."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring.loader import ROOT, read_mapping
from enricher.mapping.problems import InvalidMapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="mapping folder (default: the bundled one)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was checked, or every fault on stderr and give 1."""
    try:
        mapping = read_mapping(arguments.root)
    except InvalidMapping as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        print(f"{len(error.faults)} fault{'s' if len(error.faults) > 1 else ''}", file=sys.stderr)
        return 1
    release = mapping.catalogue.pinned.version
    print(f"mapping {mapping.version}, ATT&CK {release}: {len(mapping.records)} records, no fault")
    return 0
