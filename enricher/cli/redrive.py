"""Move the findings of a stack's dead-letter queues back to the queues of their routes."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING

from enricher.cli.deployment import add_sending_arguments, add_stack_arguments, run_id, with_aws
from enricher.cli.progress import advancing
from enricher.operations.stack import EVENTBRIDGE, ROUTES

if TYPE_CHECKING:
    from enricher.operations.aws import Aws
    from enricher.operations.redrive import Redrive, Source, Tally


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--queue",
        action="append",
        choices=(*ROUTES, EVENTBRIDGE),
        default=[],
        help="redrive the dead-letter queue of this route, or EventBridge's; repeatable (default: all four)",
    )
    add_sending_arguments(parser, rate=50, dry_run="show what is in the queues and move nothing")


def run(arguments: argparse.Namespace) -> int:
    """Redrive the queues; return 1 if a message stays in one of them, 2 if the command could not run."""
    return with_aws(arguments, lambda aws: _redrive(arguments, aws))


def _redrive(arguments: argparse.Namespace, aws: Aws) -> int:
    from enricher.operations.aws import Pace
    from enricher.operations.redrive import Redrive, preview, sources
    from enricher.operations.stack import read_stack

    chosen = sources(read_stack(aws, arguments.stack), arguments.queue)
    sqs, code, resend = aws.client("sqs"), 0, run_id(arguments.resend, "redrive")
    work = Redrive(sqs, Pace(arguments.rate), resend)
    if resend and not arguments.dry_run:
        print(f"resend: {resend}", file=sys.stderr)
    for source in chosen:
        if arguments.dry_run:
            found, reasons = preview(sqs, source)
            print(f"{source.name}: about {found.visible:,} messages, {found.hidden:,} more hidden")
            _print_reasons(reasons, "of the first few: ")
        else:
            code = max(code, _redrive_one(work, source))
    return code


def _redrive_one(work: Redrive, source: Source) -> int:
    steps = work.run(source)
    tally, done = next(steps), 0
    try:
        with advancing(f"{source.name}: messages moved", tally.found.visible) as advance:
            for _ in steps:
                advance(tally.moved - done)
                done = tally.moved
    except BaseException:
        _print_tally(source, tally)
        print(f"{source.name}: not finished; run the command again, nothing is lost", file=sys.stderr)
        if work.resend:
            print(f"continue with --resend {work.resend}, so that nothing is sent twice", file=sys.stderr)
        raise
    _print_tally(source, tally)
    return 0 if tally.is_complete else 1


def _print_tally(source: Source, tally: Tally) -> None:
    print(f"{source.name}: {tally.moved:,} moved", flush=True)
    _print_reasons(tally.kept, "kept: ")
    if tally.undeleted:
        print(f"  {tally.undeleted:,} copied but not deleted: they will be copied again")
    if tally.later:
        print(f"  {tally.later:,} arrived while this ran, and stay: they failed again, or are new")
    if tally.found.hidden:
        print(f"  {tally.found.hidden:,} are hidden by another receiver: run again in two minutes")


def _print_reasons(reasons: Counter[str], label: str) -> None:
    for reason, number in reasons.most_common():
        print(f"  {label}{number:,} x {reason}")
