"""Tag findings from files."""

from __future__ import annotations

import argparse
import sys

from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.enrich import enrich
from enricher.formats import FORMATS, load_format
from enricher.intake import Refusal, read_file
from enricher.settings import MOST_LIMIT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="events or findings in any saved form; - for stdin")
    parser.add_argument("--format", choices=FORMATS, default="guardduty", help="output format (default: guardduty)")
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each finding enriched; name each refused input on stderr and give 1 if there was one."""
    mapping = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    render = load_format(arguments.format)
    code = 0
    for name in arguments.files:
        for item in read_file(name):
            if isinstance(item, Refusal):
                print(f"enricher: refused: {item}", file=sys.stderr)
                code = 1
            else:
                print(render(enrich(item, mapping, release), MOST_LIMIT))
    return code
