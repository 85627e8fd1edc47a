"""Show, finding by finding, what a SIEM receives: the real handler against an emulated AWS."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from enricher.enrichment.attack_object import finding_evidence, full_name

EVENTS = Path(__file__).resolve().parent.parent / "events"
#: A truncated event, which is not JSON.
INVALID_MESSAGE = '{"detail-type": "GuardDuty Finding", "detail": "a truncated event'


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the demo; return the exit code: 0 success, 2 usage error."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--events", type=Path, default=EVENTS, help="folder of EventBridge events (default: events/)"
    )
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="run only the events whose name contains TEXT"
    )
    return run(parser.parse_args(arguments))


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline on the events and print its input and output; return the exit code."""
    try:
        import_module("aws_lambda_powertools")
        from demo.embedded_aws import ACCOUNT, EmbeddedAws
        from demo.security_hub import security_hub_lines
    except ModuleNotFoundError as error:
        print(
            f"enricher: the demo requires {error.name}: run `make demo`, which installs it", file=sys.stderr
        )
        return 2
    paint = Paint(color=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    started = time.monotonic()
    paths = sorted(path for path in arguments.events.glob("*.json") if arguments.only in path.stem)
    if not paths:
        print(
            f"enricher: {arguments.events}: no event whose name contains {arguments.only!r}", file=sys.stderr
        )
        return 2
    with EmbeddedAws() as aws:
        print(
            paint.dim(
                "EventBridge rule → SQS queue → enricher.handler.handle → SNS topic → the SIEM's queue\n"
            )
        )
        forwarded = [event for path in paths if (event := show_event(aws, path, paint))]
        show(paint, "an invalid message, sent directly to the queue", invalid_message_lines(aws, paint))
        if forwarded:
            heading = f"updates of a forwarded finding: {forwarded[0]['detail']['type']}"
            show(paint, heading, deduplication_lines(aws, forwarded[0], paint))
        metrics = ", ".join(f"{name} {value:g}" for name, value in sorted(aws.metrics().items()))
        invocations = aws.invocations
    if forwarded:
        show(paint, "the Security Hub route", security_hub_lines(forwarded, ACCOUNT))
    seconds = f"{time.monotonic() - started:.1f} s"
    total = (
        f"{len(paths)} events in, {len(forwarded)} findings forwarded, {invocations} invocations, {seconds}"
    )
    show(paint, "total", [f"  {total}", f"  metrics: {metrics}"])
    return 0


def show(paint: Paint, heading: str, lines: Iterable[str]) -> None:
    """Print a section: its heading and its lines."""
    print(paint.title(heading))
    for line in lines:
        print(line)


def show_event(aws: Any, path: Path, paint: Paint) -> dict[str, Any] | None:
    """Put one event on the bus and print the result; return the event if it was forwarded, else None."""
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not aws.put_event(event):
        reason = paint.warn("not a finding, not matched by the rule")
        show(paint, path.stem, [f"  {paint.dim('in ')}  {event['detail-type']}: {reason}", ""])
        return None
    aws.run_lambda()
    show(paint, path.stem, finding_lines(event, aws.received(), paint))
    return event


def finding_lines(event: Mapping[str, Any], copies: Mapping[str, dict[str, Any]], paint: Paint) -> list[str]:
    """Describe one finding: the input, its ATT&CK tags and why, and the subscribers that received it.

    copies: the SQS message that each subscriber received, by name; "siem" must be there.
    """
    detail, message = event["detail"], copies["siem"]
    body = json.loads(message["Body"])
    attack, alert = body["attack"], body["alert"]
    lines = [
        f"  {paint.dim('in ')}  {detail['type']}  severity {detail['severity']}  "
        f"account {detail['accountId']}  {detail['region']}",
        *_wrap(detail["title"], "        "),
        f"  {paint.dim('out')}  {paint.alert(alert['headline'], alert['severity'])}",
    ]
    for position, row in enumerate(attack["techniques"]):
        lines.append(
            f"        {row['tactic']['name']} · {paint.strong(full_name(row))} {row['id']}  "
            + paint.dim(f"{row['confidence']}, {row['source']}")
        )
        lines += [
            paint.dim(f"        because {item['field']} is {item['value']!r:.90}")
            for item in finding_evidence(row)
        ]
        if position == 0:
            lines += [paint.dim(line) for line in _wrap(row["rationale"], "        ")]
    if not attack["techniques"]:
        tactics = ", ".join(row["name"] for row in attack["tactics"]) or "none"
        lines.append(f"        no technique ({attack['status']}), tactics: {tactics}")
    lines += [f"        MITRE ATLAS: {attack['atlas']}"] if attack["atlas"] else []
    size = len(message["Body"].encode("utf-8"))
    others = [name for name in copies if name != "siem"]
    lines.append(
        f"  {paint.dim('to ')}  siem: {size:,} bytes, {len(message['MessageAttributes'])} attributes"
        + "".join(f"; {paint.strong(name)}" for name in others)
    )
    return [*lines, ""]


def invalid_message_lines(aws: Any, paint: Paint) -> list[str]:
    """Send an invalid message to the queue and describe how it reaches the dead-letter queue."""
    aws.put_message(INVALID_MESSAGE)
    receives = 0
    while aws.run_lambda():
        receives += 1
    lines = [
        f"  {paint.dim('in ')}  {INVALID_MESSAGE}",
        f"  {paint.dim('out')}  returned for retry at receive 1, "
        f"moved to the dead-letter queue at receive {receives}",
    ]
    for body, reason in aws.dead_letters():
        lines.append(f"  {paint.dim('to ')}  dead-letter queue: {body}")
        lines.append(f"        reason: {paint.warn(reason)}")
    return [*lines, ""]


def deduplication_lines(aws: Any, event: Mapping[str, Any], paint: Paint) -> list[str]:
    """Send updates of a forwarded finding and describe which of them are forwarded."""
    detail = event["detail"]
    service = detail["service"] | {"count": 99}
    cases = {
        "the same event, delivered twice": detail,
        "an update: higher count, later updatedAt": detail
        | {"service": service, "updatedAt": "2026-12-30T00:00:00.000Z"},
        "an update with a higher severity": detail
        | {"service": service, "updatedAt": "2026-12-31T00:00:00.000Z", "severity": 9.5},
    }
    lines = []
    for name, changed in cases.items():
        aws.put_event({**event, "detail": changed})
        aws.run_lambda()
        outcome = (
            paint.strong("forwarded") if "siem" in aws.received() else paint.dim("suppressed as a duplicate")
        )
        lines.append(f"  {name}: {outcome}")
    return [*lines, ""]


def _wrap(text: str, indent: str) -> list[str]:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(plain, 100, initial_indent=indent, subsequent_indent=indent)


class Paint:
    """Terminal colors; without `color` the text is returned unchanged."""

    _LEVELS: ClassVar = {"LOW": "36", "MEDIUM": "33", "HIGH": "31;1", "CRITICAL": "37;41;1"}

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def title(self, text: str) -> str:
        """Return a section heading."""
        return self._styled(f"── {text} ".ljust(100, "─"), "1")

    def dim(self, text: str) -> str:
        """Return text in a dim style."""
        return self._styled(text, "2")

    def strong(self, text: str) -> str:
        """Return emphasized text."""
        return self._styled(text, "1")

    def warn(self, text: str) -> str:
        """Return text in the warning color."""
        return self._styled(text, "33")

    def alert(self, text: str, severity: str) -> str:
        """Return a headline in the color of its severity label."""
        return self._styled(text, self._LEVELS.get(severity, "0"))
