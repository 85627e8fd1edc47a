"""Write the report of a period: what was observed in ATT&CK, and what changed since the period before."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from enricher.cli.observed import add_observed_arguments, add_period_arguments, period_of, write_page
from enricher.cli.saved_findings import Rejected, read_file
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.pages.observed import Period
from enricher.pages.report import Comparison, report_page

#: Length of the period, in days, if its first day is not stated.
DAYS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--html", metavar="FILE", type=Path, required=True, help="page to write")
    add_observed_arguments(parser, purpose="report", required=True)
    add_period_arguments(parser)
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the report; report each rejected input on stderr.

    The period ends today in UTC unless --until is given, and has 30 days unless --since is given. Returns 1
    if an input or an override was rejected, 2 if a file could not be read, else 0.
    """
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    period = with_limits(period_of(arguments), datetime.now(UTC).date())
    comparison = Comparison.of(mapping, release, period, with_samples=arguments.samples)
    for item in (item for name in arguments.observed for item in read_file(name)):
        if isinstance(item, Rejected):
            code = max(code, report(item))
        else:
            comparison.add(item)
    write_page(arguments.html, report_page(comparison))
    now = comparison.now
    print(
        f"{arguments.html}: {period.since} to {period.until}, {now.total.findings} findings, "
        f"{comparison.before.total.findings} in the period before, {now.outside} in neither"
    )
    return code


def with_limits(period: Period, today: date) -> Period:
    """Return the period with both limits: by default it ends today and has DAYS days."""
    until = period.until or today
    since = period.since or until - timedelta(days=DAYS - 1)
    return Period(since, max(since, until))
