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
from enricher.mapping.problems import InvalidMapping, Problem


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
    root = arguments.root
    try:
        mapping = read_mapping(root)
    except InvalidMapping as error:
        later = "; the examples of rules and the tense of their texts are checked once these are fixed"
        return _report([*error.problems, *check_wording(root)], root, later)
    problems = [*check_examples(root, mapping), *check_rule_names(root, mapping)]
    problems += [*check_tense(root), *check_wording(root)]
    if problems:
        return _report(problems, root)
    release = mapping.catalogue.pinned.version
    print(f"mapping {mapping.version}, ATT&CK {release}: {len(mapping.records)} records, no problems")
    return 0


def _report(problems: list[Problem], root: Path, later: str = "") -> int:
    """Print every problem by file and line, and their number; return 1."""
    print(InvalidMapping(problems, shown_path(root)), file=sys.stderr)
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}{later}", file=sys.stderr)
    return 1
