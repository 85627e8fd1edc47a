"""Put past findings, from GuardDuty or its S3 export, on the queues of a stack's routes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enricher.cli.deployment import (
    add_sending_arguments,
    add_stack_arguments,
    positive,
    run_id,
    with_aws,
)
from enricher.cli.progress import advancing
from enricher.finding.safe_text import single_line
from enricher.operations.stack import MINIMUM_SEVERITIES, ROUTES

if TYPE_CHECKING:
    from enricher.operations.aws import Aws
    from enricher.operations.backfill import Backfill, Filters, Page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--route",
        action="append",
        choices=ROUTES,
        default=[],
        help="route to bring the findings to; repeatable (default: siem)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--regions", nargs="+", metavar="REGION", help="read every detector of these (default: the stack's)"
    )
    source.add_argument(
        "--s3", metavar="s3://BUCKET/PREFIX", help="read GuardDuty's export (JSON Lines, gzip) instead"
    )
    parser.add_argument(
        "--days", type=positive, default=90, help="last updated within this many days (default: %(default)s)"
    )
    parser.add_argument(
        "--minimum-severity", choices=MINIMUM_SEVERITIES, default="ALL", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--type", action="append", default=[], metavar="TYPE", help="finding type; repeatable"
    )
    parser.add_argument(
        "--archived", choices=("exclude", "include", "only"), default="exclude", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        type=Path,
        help="save the progress in FILE; a later run continues from there",
    )
    add_sending_arguments(parser, rate=10, dry_run="count the findings by type and send nothing")


def run(arguments: argparse.Namespace) -> int:
    """Bring the findings in; return 1 if something was not a finding, 2 if the command could not continue."""
    if arguments.s3 is not None and not arguments.s3.startswith("s3://"):
        print(f"enricher: --s3 is {arguments.s3!r}: expected s3://BUCKET/PREFIX", file=sys.stderr)
        return 2
    return with_aws(arguments, lambda aws: _backfill(arguments, aws))


@dataclass(slots=True)
class _State:
    """How far a run is, in a file: the choice of findings, the id of the resend, the position by source."""

    path: Path | None
    choice: dict[str, Any]
    resend: str
    done: dict[str, str]

    def note(self, page: Page) -> None:
        """Note that a page is on the queues."""
        if page.position:
            self.done[page.source] = page.position
            self.save()

    def save(self) -> None:
        """Write the file anew, so that an interruption leaves the old one or the new one."""
        if self.path:
            new = self.path.with_name(f"{self.path.name}.new")
            saved = {"choice": self.choice, "resend": self.resend, "done": self.done}
            new.write_text(json.dumps(saved, indent=1), encoding="utf-8")
            os.replace(new, self.path)  # noqa: PTH105 - atomic, as Path.replace is


def _read_state(arguments: argparse.Namespace) -> _State:
    """Return the state of an earlier run, or a new one; raise OperationFailed if it chose other findings."""
    from enricher.operations.aws import OperationFailed

    path: Path | None = arguments.state
    names = ("stack", "region", "route", "regions", "s3", "days", "minimum_severity", "type", "archived")
    choice: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    choice["until"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if path is None or not path.exists():
        return _State(path, choice, run_id(arguments.resend, "backfill"), {})
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        state = _State(path, dict(saved["choice"]), str(saved["resend"]), dict(saved["done"]))
        datetime.fromisoformat(state.choice["until"])
    except (ValueError, KeyError, TypeError) as error:
        raise OperationFailed(f"--state: {path}: not the state of a backfill ({error}): delete it") from None
    if {**choice, "until": state.choice["until"]} != state.choice:
        raise OperationFailed(f"--state: {path} is of a run with other options: use those, or another file")
    return state


def _backfill(arguments: argparse.Namespace, aws: Aws) -> int:
    from enricher.operations.aws import OperationFailed, Pace
    from enricher.operations.backfill import Backfill, Filters, days_before
    from enricher.operations.stack import read_stack

    stack = read_stack(aws, arguments.stack)
    routes = [stack.route(name) for name in arguments.route or ["siem"]]
    if off := [route.name for route in routes if not route.is_on]:
        raise OperationFailed(f"the route {off[0]} is off: nothing reads its queue; switch it on first")
    state = _read_state(arguments)
    until = datetime.fromisoformat(state.choice["until"])
    filters = Filters(
        since=days_before(arguments.days, until),
        until=until,
        minimum_severity=MINIMUM_SEVERITIES[arguments.minimum_severity],
        types=tuple(arguments.type),
        archived=arguments.archived,
    )
    pages = _pages(arguments, aws, filters, state.done)
    if arguments.dry_run:
        return _count(pages)
    queues = [route.queue_url for route in routes]
    return _send(Backfill(aws.client("sqs"), queues, Pace(arguments.rate), state.resend), pages, state)


def _pages(arguments: argparse.Namespace, aws: Aws, filters: Filters, done: dict[str, str]) -> Iterator[Page]:
    from enricher.operations.backfill import from_guardduty, from_s3

    if arguments.s3:
        yield from from_s3(aws, arguments.s3, filters, done)
    for region in (arguments.regions or [aws.region]) if not arguments.s3 else []:
        yield from from_guardduty(aws, region, filters, done)


def _count(pages: Iterator[Page]) -> int:
    types: Counter[str] = Counter()
    rejected = 0
    with advancing("findings read", None) as advance:
        for page in pages:
            types.update(single_line(finding.type, 100) for finding in page.findings)
            rejected += _report(page.rejected)
            advance(len(page.findings))
    for name, number in types.most_common():
        print(f"{number:8,} {name}")
    print(f"{types.total():8,} findings")
    return 1 if rejected else 0


def _send(work: Backfill, pages: Iterator[Page], state: _State) -> int:
    rejected = 0
    # Before the first message, which carries the id of the resend.
    state.save()
    try:
        with advancing("findings sent", None) as advance:
            for page in pages:
                before = work.sent
                work.put(page)
                state.note(page)
                advance(work.sent - before)
                rejected += _report(work.rejected)
                work.rejected.clear()
    except BaseException:
        again = "with the same --state" if state.path else "again: what was delivered is suppressed"
        resend = f" and --resend {state.resend}" if state.resend and not state.path else ""
        print(f"{work.sent:,} findings sent; not finished: run it {again}{resend}", file=sys.stderr)
        raise
    print(f"{work.sent:,} findings sent")
    return 1 if rejected else 0


def _report(rejected: list[str] | Any) -> int:
    for line in rejected:
        print(f"enricher: rejected: {single_line(line, 400)}", file=sys.stderr)
    return len(rejected)
