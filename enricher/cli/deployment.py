"""What the commands that work on a deployed stack share: their options, and how they report errors."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enricher.operations.stack import DEFAULT_STACK

if TYPE_CHECKING:
    from enricher.operations.aws import Aws

#: Exit code where the command could not do its work at all: no credentials, no stack, access denied.
FAILED = 2


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the stack and the identity."""
    parser.add_argument(
        "--stack",
        default=DEFAULT_STACK,
        metavar="NAME",
        help="the CloudFormation stack (default: %(default)s)",
    )
    parser.add_argument("--region", metavar="REGION", help="Region of the stack (default: your profile's)")
    parser.add_argument("--profile", metavar="NAME", help="AWS profile (default: AWS_PROFILE)")


def add_sending_arguments(parser: argparse.ArgumentParser, *, rate: int, dry_run: str) -> None:
    """Add the options of a command that puts messages on the routes' queues.

    rate: the default of --rate; dry_run: what --dry-run does.
    """
    parser.add_argument(
        "--resend",
        nargs="?",
        const="",
        metavar="ID",
        help="deliver also what was delivered before; with the ID that an interrupted run printed, continue "
        "that run",
    )
    parser.add_argument(
        "--rate", type=positive, default=rate, help="messages a second (default: %(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help=dry_run)


def positive(text: str) -> int:
    """Return a whole number from 1, for argparse."""
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return number


def run_id(given: str | None, command: str) -> str:
    """Return the id of a resend: the one given, a new one for an empty text, "" for None."""
    if given is None:
        return ""
    return given or f"{command}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def with_aws(arguments: argparse.Namespace, work: Callable[[Aws], int]) -> int:
    """Run a command with a session of AWS; report an error of AWS in one line and return 2."""
    try:
        import boto3  # noqa: F401 - what follows needs it

        from enricher.operations.aws import Aws, OperationFailed, explained
    except ModuleNotFoundError as error:
        if error.name not in ("boto3", "botocore"):
            raise
        print(f"enricher: {arguments.command} needs boto3: pip install boto3", file=sys.stderr)
        return FAILED
    try:
        with explained():
            return work(Aws.open(arguments.profile, arguments.region))
    except OperationFailed as error:
        print(f"enricher: {error}", file=sys.stderr)
        return FAILED
