"""Prove that a deployed stack works: make sample findings and wait for the enriched ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from enricher.cli.deployment import FAILED, add_stack_arguments, positive, run_id, with_aws
from enricher.cli.saved_findings import Rejected, read_file

if TYPE_CHECKING:
    from enricher.finding.event import Finding
    from enricher.operations.aws import Aws
    from enricher.operations.stack import Stack

#: Exit codes: everything expected arrived; something did not; inconclusive.
ARRIVED, NOT_ARRIVED, INCONCLUSIVE = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "Exit codes: 0 every expected finding arrived, 1 one did not, 2 the command could not run, "
        "3 inconclusive."
    )
    add_stack_arguments(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--type",
        action="append",
        default=[],
        metavar="TYPE",
        help="finding type to make a sample of; repeatable (default: two that have no finding yet)",
    )
    source.add_argument(
        "--event",
        metavar="FILE",
        help="put this finding on the routes' queues instead; the rule is not tested",
    )
    parser.add_argument(
        "--wait", type=positive, default=900, metavar="SECONDS", help="longest wait (default: %(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be made and expected")


def run(arguments: argparse.Namespace) -> int:
    """Verify the stack; return 0 if every expected finding arrived, 1 if not, 3 if inconclusive."""
    finding = None
    if arguments.event:
        found = list(read_file(arguments.event))
        if len(found) != 1 or isinstance(found[0], Rejected):
            reason = found[0] if found and isinstance(found[0], Rejected) else arguments.event
            print(f"enricher: --event: {reason}: expected a file with one finding", file=sys.stderr)
            return FAILED
        finding = found[0]
    return with_aws(arguments, lambda aws: _verify(arguments, aws, finding))


def _verify(arguments: argparse.Namespace, aws: Aws, event: Finding | None) -> int:
    from enricher.operations.stack import read_stack
    from enricher.operations.verify import put_event

    stack = read_stack(aws, arguments.stack)
    if event is None:
        return _verify_samples(arguments, aws, stack)
    print("the event goes to the routes' queues: GuardDuty and the rule are not tested")

    def make() -> list[Finding]:
        put_event(aws.client("sqs"), stack, event, run_id("", "verify"))
        return [event]

    if arguments.dry_run:
        return _print_expected(aws, stack, [event], own_event=True)
    return _watch(arguments, aws, stack, make, own_event=True)


def _verify_samples(arguments: argparse.Namespace, aws: Aws, stack: Stack) -> int:
    from enricher.operations import verify
    from enricher.operations.detectors import the_detector

    if stack.parameters.get("SampleFindings") == "exclude":
        print("inconclusive: SampleFindings is exclude, so no sample arrives; use --event FILE")
        return INCONCLUSIVE
    detector, guardduty = the_detector(aws), aws.client("guardduty")
    types = list(dict.fromkeys(arguments.type)) or verify.free_types(guardduty, detector, stack)
    existing = [name for name in arguments.type if verify.has_finding(guardduty, detector, name)]
    if existing or not types:
        setting = guardduty.get_detector(DetectorId=detector).get("FindingPublishingFrequency", "")
        held = verify.FREQUENCIES.get(setting, setting or "6 hours")
        which = ", ".join(existing) or "every type that this command knows"
        print(f"{which}: a finding exists already; GuardDuty may hold an update of it back for {held}")
        if not types:
            print("inconclusive: choose a type without a finding with --type, or use --event FILE")
            return INCONCLUSIVE
    print(f"samples in detector {detector}: {', '.join(types)}", flush=True)
    if arguments.dry_run:
        return ARRIVED

    def make() -> list[Finding]:
        return verify.make_samples(guardduty, detector, types)

    try:
        code = _watch(arguments, aws, stack, make, own_event=False)
    finally:
        if new := [name for name in types if name not in existing]:
            _archive(guardduty, detector, new)
    if code == NOT_ARRIVED and existing:
        print("inconclusive: a sample that existed already may still be delayed by GuardDuty")
        return INCONCLUSIVE
    return code


def _archive(guardduty: object, detector: str, types: Sequence[str]) -> None:
    """Archive the samples; samples that stay do not change the result of the verification."""
    from enricher.operations.aws import OperationFailed, explained
    from enricher.operations.verify import archive

    try:
        with explained():
            print(f"archived {archive(guardduty, detector, types)} samples")
    except OperationFailed as error:
        print(f"enricher: the samples are not archived, archive them yourself: {error}", file=sys.stderr)


def _print_expected(aws: Aws, stack: Stack, findings: Sequence[Finding], *, own_event: bool) -> int:
    from enricher.operations.verify import expectations

    expected, impossible = expectations(stack, findings, aws.account(), own_event=own_event)
    for line in impossible:
        print(line)
    for item in expected:
        print(f"{item.route.name}: {item.finding.type} expected")
    return ARRIVED if expected else INCONCLUSIVE


def _watch(
    arguments: argparse.Namespace,
    aws: Aws,
    stack: Stack,
    make: Callable[[], list[Finding]],
    *,
    own_event: bool,
) -> int:
    """Make the findings, then print what arrives, and what does not with where to look."""
    from enricher.operations import verify
    from enricher.operations.temporary_queue import subscribed

    account, sqs = aws.account(), aws.client("sqs")
    topics = [route.topic_arn for route in verify.routes_on(stack) if route.topic_arn]
    with subscribed(aws, stack.name, topics) as url:
        expected, impossible = verify.expectations(stack, make(), account, own_event=own_event)
        print("\n".join(impossible), end="\n" * bool(impossible))
        if not expected:
            print("inconclusive: no route can deliver it")
            return INCONCLUSIVE
        print(f"waiting up to {arguments.wait} s for {len(expected)} deliveries", flush=True)
        for item in verify.Watch(aws, url, expected).wait(arguments.wait):
            seen = f", {item.seen}" if item.seen else ""
            print(
                f"{item.route.name}: {item.finding.type} arrived after {item.arrived:.0f} s{seen}", flush=True
            )
    missing = [item for item in expected if item.arrived is None]
    for item in missing:
        print(f"{item.route.name}: {item.finding.type} did not arrive within {arguments.wait} s")
    for route in {item.route.name: item.route for item in missing}.values():
        for line in verify.where_to_look(sqs, stack, route):
            print(f"  {route.name}: {line}")
    return NOT_ARRIVED if missing else ARRIVED
