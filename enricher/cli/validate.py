"""Check the mapping, or a file of overrides, and report every problem."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring.kept_choices import check_rule_names
from enricher.authoring.loader import ROOT, read_mapping, shown_path
from enricher.authoring.rule_examples import check_examples
from enricher.authoring.tense import check_tense
from enricher.authoring.wording import check_wording
from enricher.cli.source import load_mapping
from enricher.mapping.problems import InvalidMapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="mapping folder (default: the bundled one)"
    )
    parser.add_argument(
        "--overrides", metavar="FILE", help="check this file instead, as the function reads MAPPING_OVERRIDES"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was checked and return 0, or print every problem on stderr and return 1."""
    if arguments.overrides:
        _, code = load_mapping(arguments)
        if not code:
            print(f"overrides {Path(arguments.overrides).name}: no problems")
        return code
    try:
        mapping = read_mapping(arguments.root)
        root = arguments.root
        problems = [*check_examples(root, mapping), *check_rule_names(root, mapping)]
        problems += [*check_tense(root), *check_wording(root)]
        if problems:
            raise InvalidMapping(problems, shown_path(arguments.root))
    except InvalidMapping as error:
        print(error, file=sys.stderr)
        print(f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}", file=sys.stderr)
        return 1
    release = mapping.catalogue.pinned.version
    print(f"mapping {mapping.version}, ATT&CK {release}: {len(mapping.records)} records, no problems")
    return 0
