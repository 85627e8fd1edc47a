"""Show, finding by finding, what a SIEM receives: the real handler against an embedded AWS."""

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

EVENTS = Path(__file__).resolve().parent.parent / "events"
POISON = '{"detail-type": "GuardDuty Finding", "detail": "a finding that never was'


def main(words: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the demo; return the exit code: 0 done, 2 the call is wrong."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--events", type=Path, default=EVENTS, help="folder of EventBridge events (default: events/)"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="only the events whose name contains TEXT")
    return run(parser.parse_args(words))


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline over the events and print what came in and what went out."""
    try:
        import_module("aws_lambda_powertools")
        from demo.embedded_aws import ACCOUNT, EmbeddedAws
        from demo.security_hub import hub_lines
    except ModuleNotFoundError as error:
        print(f"enricher: the demo needs {error.name}: run `make demo`, which installs it", file=sys.stderr)
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
        show(paint, "a message that is no finding, put into the queue by hand", poison_lines(aws, paint))
        if forwarded:
            again = f"the same finding again: {forwarded[0]['detail']['type']}"
            show(paint, again, repeat_lines(aws, forwarded[0], paint))
        counted = ", ".join(f"{name} {value:g}" for name, value in sorted(aws.metrics().items()))
        invocations = aws.invocations
    if forwarded:
        show(paint, "the Security Hub route", hub_lines(forwarded, ACCOUNT))
    seconds = f"{time.monotonic() - started:.1f} s"
    total = (
        f"{len(paths)} events in, {len(forwarded)} findings forwarded, {invocations} invocations, {seconds}"
    )
    show(paint, "in total", [f"  {total}", f"  metrics: {counted}"])
    return 0


def show(paint: Paint, heading: str, lines: Iterable[str]) -> None:
    """Print a section."""
    print(paint.title(heading))
    for line in lines:
        print(line)


def show_event(aws: Any, path: Path, paint: Paint) -> dict[str, Any] | None:
    """Send one event through and print what became of it; give it if it was forwarded."""
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not aws.put_event(event):
        refusal = paint.warn("not a finding, the rule leaves it alone")
        show(paint, path.stem, [f"  {paint.dim('in ')}  {event['detail-type']}: {refusal}", ""])
        return None
    aws.run_lambda()
    show(paint, path.stem, finding_lines(event, aws.received(), paint))
    return event


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
    for place, row in enumerate(attack["techniques"]):
        parent = f"{row['parent']['name']}: " if row["parent"] else ""
        lines.append(
            f"        {row['tactic']['name']} · {paint.strong(parent + row['name'])} {row['id']}  "
            + paint.dim(f"{row['confidence']}, {row['source']}")
        )
        lines += [
            paint.dim(f"        because {item['field']} is {item['value']!r:.90}") for item in row["evidence"]
        ]
        if place == 0:
            lines += [paint.dim(line) for line in _wrap(row["rationale"], "        ")]
    if not attack["techniques"]:
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
    lines = [
        f"  {paint.dim('in ')}  {POISON}",
        f"  {paint.dim('out')}  a failed record at its first receive, set aside at receive {receives}",
    ]
    for body, reason in aws.dead_letters():
        lines.append(f"  {paint.dim('to ')}  dead-letter queue: {body}")
        lines.append(f"        reason: {paint.warn(reason)}")
    return [*lines, ""]


def repeat_lines(aws: Any, event: Mapping[str, Any], paint: Paint) -> list[str]:
    """Put a finding that was forwarded again as it recurs, and write what of it the SIEM hears."""
    detail = event["detail"]
    service = detail["service"] | {"count": 99}
    cases = {
        "the very same event, delivered twice": detail,
        "it recurs: a higher count, a later time": detail
        | {"service": service, "updatedAt": "2026-12-30T00:00:00.000Z"},
        "it recurs with a higher severity": detail
        | {"service": service, "updatedAt": "2026-12-31T00:00:00.000Z", "severity": 9.5},
    }
    lines = []
    for name, changed in cases.items():
        aws.put_event({**event, "detail": changed})
        aws.run_lambda()
        told = paint.strong("forwarded") if "siem" in aws.received() else paint.dim("held back, nothing new")
        lines.append(f"  {name}: {told}")
    return [*lines, ""]


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
