"""Write the ATT&CK matrix of the mapping as a page and as a picture, with observed findings on request."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.cli.observed import (
    add_observed_arguments,
    add_period_arguments,
    period_of,
    read_observed,
    write_page,
)
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.pages.matrix import matrix_page
from enricher.pages.picture import matrix_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--html", metavar="FILE", type=Path, help="page to write: one file, works offline")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="picture to write, for a README or slides")
    add_observed_arguments(parser, purpose="show on the page also what was observed")
    add_period_arguments(parser)
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the files; report each rejected input on stderr.

    Returns 1 if an input or an override was rejected, 2 if nothing is to be written or a file could not be
    read, else 0.
    """
    if not arguments.html and not arguments.svg:
        print("enricher: nothing to write: state --html FILE or --svg FILE", file=sys.stderr)
        return 2
    mapping, code = load_mapping(arguments)
    release, period, observed = chosen_release(arguments, mapping), period_of(arguments), None
    if arguments.observed:
        observed, rejected = read_observed(arguments, mapping, release, period)
        code = max(code, rejected)
    for path, build in ((arguments.html, matrix_page), (arguments.svg, matrix_picture)):
        if path:
            text = build(mapping, release, observed)
            write_page(path, text)
            print(f"{path}: {len(text.encode('utf-8', 'replace')) / 1000:.0f} kB")
    return code
