"""Show, finding by finding, what a SIEM receives: the real handler against an embedded AWS."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

EVENTS = Path(__file__).resolve().parent.parent.parent / "events"
POISON = '{"detail-type": "GuardDuty Finding", "detail": "a finding that never was'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--events", type=Path, default=EVENTS, help="folder of EventBridge events (default: events/)"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="only the events whose name contains TEXT")


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline over the events and print what came in and what went out."""
    try:
        from enricher.cli.embedded_aws import EmbeddedAws
    except ModuleNotFoundError as error:
        print(f"enricher: the demo needs {error.name}: run `make demo`, which installs it", file=sys.stderr)
        return 2
    paint = Paint(color=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    started = time.monotonic()
    paths = sorted(path for path in arguments.events.glob("*.json") if arguments.only in path.stem)
    with EmbeddedAws() as aws:
        print(
            paint.dim(
                "EventBridge rule → SQS queue → enricher.handler.handle → SNS topic → the SIEM's queue\n"
            )
        )
        forwarded = 0
        for path in paths:
            event = json.loads(path.read_text(encoding="utf-8"))
            taken = aws.put_event(event)
            print(paint.title(path.stem))
            if not taken:
                refusal = paint.warn("not a finding, the rule leaves it alone")
                print(f"  {paint.dim('in ')}  {event['detail-type']}: {refusal}\n")
                continue
            aws.run_lambda()
            for line in finding_lines(event, aws.received(), paint):
                print(line)
            forwarded += 1
        print(paint.title("a message that is no finding, put into the queue by hand"))
        for line in poison_lines(aws, paint):
            print(line)
        print(paint.title("in total"))
        seconds = time.monotonic() - started
        print(
            f"  {len(paths)} events in, {forwarded} findings forwarded, "
            f"{aws.invocations} invocations, {seconds:.1f} s"
        )
        print(f"  metrics: {', '.join(f'{name} {value:g}' for name, value in sorted(aws.metrics().items()))}")
    return 0


def finding_lines(event: Mapping[str, Any], copies: Mapping[str, dict[str, Any]], paint: Paint) -> list[str]:
    """Write what came in, what it was tagged with and why, and who got it."""
    detail, message = event["detail"], copies["siem"]
    body = json.loads(message["Body"])
    attack, alert = body["attack"], body["alert"]
    lines = [
        f"  {paint.dim('in ')}  {detail['type']}  severity {detail['severity']}  "
        f"account {detail['accountId']}  {detail['region']}",
        *_wrap(detail["title"], "        "),
        f"  {paint.dim('out')}  {paint.alert(alert['headline'], alert['severity'])}",
    ]
    for row in attack["techniques"]:
        parent = f"{row['parent']['name']}: " if row["parent"] else ""
        lines.append(
            f"        {row['tactic']['name']} · {paint.strong(parent + row['name'])} {row['id']}  "
            + paint.dim(f"{row['confidence']}, {row['source']}")
        )
        lines += [
            paint.dim(f"        because {item['field']} is {item['value']!r:.90}") for item in row["evidence"]
        ]
    if attack["techniques"]:
        lines += [paint.dim(line) for line in _wrap(attack["techniques"][0]["rationale"], "        ")]
    else:
        tactics = ", ".join(row["name"] for row in attack["tactics"]) or "none"
        lines.append(f"        no technique ({attack['status']}), tactic: {tactics}")
    lines += [f"        MITRE ATLAS: {row['name']} {row['id']}" for row in attack.get("atlas", [])]
    size = len(message["Body"].encode("utf-8"))
    others = [name for name in copies if name != "siem"]
    lines.append(
        f"  {paint.dim('to ')}  siem: {size:,} bytes, {len(message['MessageAttributes'])} attributes"
        + "".join(f"; {paint.strong(name)}" for name in others)
    )
    return [*lines, ""]


def poison_lines(aws: Any, paint: Paint) -> list[str]:
    """Put a malformed message into the queue and write how it ends in the dead-letter queue."""
    aws.put_message(POISON)
    receives = 0
    while aws.run_lambda():
        receives += 1
    letters = aws.dead_letters()
    reason = aws.last_refusal()
    return [
        f"  {paint.dim('in ')}  {POISON}",
        f"  {paint.dim('out')}  refused {receives} times: {paint.warn(reason)}",
        f"  {paint.dim('to ')}  dead-letter queue: {len(letters)} message, unchanged: {letters == [POISON]}",
        "",
    ]


def _wrap(text: str, indent: str) -> list[str]:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(plain, 100, initial_indent=indent, subsequent_indent=indent)


class Paint:
    """Colour text on a terminal, and leave it plain in a pipe."""

    _LEVELS: ClassVar = {"LOW": "36", "MEDIUM": "33", "HIGH": "31;1", "CRITICAL": "37;41;1"}

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def _wear(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def title(self, text: str) -> str:
        """Give a heading."""
        return self._wear(f"── {text} ".ljust(100, "─"), "1")

    def dim(self, text: str) -> str:
        """Give side information."""
        return self._wear(text, "2")

    def strong(self, text: str) -> str:
        """Give what the eye should find."""
        return self._wear(text, "1")

    def warn(self, text: str) -> str:
        """Give what did not go through."""
        return self._wear(text, "33")

    def alert(self, text: str, severity: str) -> str:
        """Give a headline in the colour of its severity."""
        return self._wear(text, self._LEVELS.get(severity, "0"))
