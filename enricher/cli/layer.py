"""Write an ATT&CK Navigator layer: the coverage of the mapping, or observed findings."""

from __future__ import annotations

import argparse
import json

from enricher.cli.observed import add_observed_arguments, add_period_arguments, period_of, read_observed
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.pages.coverage import coverage
from enricher.pages.navigator import coverage_layer, observed_layer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_observed_arguments(parser, purpose="instead of the mapping's coverage, show the techniques")
    add_period_arguments(parser)
    parser.add_argument(
        "--heat", choices=("findings", "accounts"), default="findings", help="what an observed score counts"
    )
    parser.add_argument("--retired", action="store_true", help="show retired finding types, too")
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the layer as JSON; report each rejected input on stderr.

    Returns 1 if an input or an override was rejected, 2 if a file could not be read, else 0.
    """
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    period = period_of(arguments)
    if arguments.observed:
        observed, rejected = read_observed(arguments, mapping, release, period)
        layer, code = observed_layer(observed, heat=arguments.heat), max(code, rejected)
    else:
        layer = coverage_layer(coverage(mapping, release), mapping, release, retired=arguments.retired)
    print(json.dumps(layer, ensure_ascii=False, indent=1))
    return code
