"""The options of the commands that show observed findings, and the reading of their files."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from enricher.cli.saved_findings import Rejected, read_file
from enricher.cli.source import report
from enricher.mapping.model import AttackMapping
from enricher.pages.observed import Observed, Period


def add_observed_arguments(parser: argparse.ArgumentParser, *, purpose: str, required: bool = False) -> None:
    """Add the options that choose the findings; purpose: what is shown of them."""
    parser.add_argument(
        "--observed",
        metavar="FILE",
        nargs="+",
        required=required,
        help=f"{purpose} of the findings in these files: events as delivered or enriched, findings, "
        "GetFindings responses, NDJSON, S3 exports, gzip; - for stdin",
    )
    parser.add_argument("--samples", action="store_true", help="count sample findings, too")


def add_period_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that limit the findings to a period, by the day each was last seen."""
    for name, meaning in (("--since", "first"), ("--until", "last")):
        parser.add_argument(name, metavar="DATE", type=day, help=f"{meaning} day of the period, in UTC")


def period_of(arguments: argparse.Namespace) -> Period:
    """Return the period that the options choose; exit with 2 if it ends before it begins."""
    if arguments.since and arguments.until and arguments.since > arguments.until:
        print(f"enricher: --since {arguments.since} is after --until {arguments.until}", file=sys.stderr)
        raise SystemExit(2)
    return Period(arguments.since, arguments.until)


def day(text: str) -> date:
    """Parse a date for argparse, which reports the ValueError as a usage error."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: expected YYYY-MM-DD") from None


def read_observed(
    arguments: argparse.Namespace, mapping: AttackMapping, release: str | None, period: Period
) -> tuple[Observed, int]:
    """Read the findings one by one; return what was observed and the exit code.

    Each rejected input is reported on stderr; the code is then 1, or 2 if a file could not be read.
    """
    observed = Observed(mapping, release, period, with_samples=arguments.samples)
    code = 0
    for item in (item for name in arguments.observed for item in read_file(name)):
        if isinstance(item, Rejected):
            code = max(code, report(item))
        else:
            observed.add(item)
    return observed, code


def write_page(path: Path, text: str) -> None:
    """Write a page; a lone surrogate in a finding's text is written as a question mark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
