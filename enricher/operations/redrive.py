"""Move the findings of the dead-letter queues back to the queues of their routes, losing none.

A message is deleted only once SQS has confirmed its copy, so at worst an interruption leaves one in both
queues; the deduplication table suppresses the second. SQS's own redrive (StartMessageMoveTask) does not know
where the messages that the function or EventBridge put there came from, and cannot choose a queue for each.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from enricher.finding.safe_text import single_line
from enricher.operations.aws import OperationFailed, Pace
from enricher.operations.queues import Depth, Message, attribute, delete, depth, receive, send
from enricher.operations.stack import EVENTBRIDGE, ROUTES, Route, Stack
from enricher.settings import REASON_ATTRIBUTE, RESEND_ATTRIBUTE

#: Seconds that a received message is hidden from other receivers; a batch takes much less.
VISIBILITY = 120
#: Seconds of long polling: SQS then asks all of its servers, so that an empty answer means an empty queue.
POLL = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A dead-letter queue to empty. route: None for EventBridge's, whose messages name their target's ARN."""

    name: str
    url: str
    routes: Mapping[str, Route]
    route: Route | None = None

    def target(self, message: Mapping[str, Any]) -> tuple[str, str]:
        """Return the URL of the queue that a message goes back to, or "" and the reason why it stays."""
        arn = attribute(message, "TARGET_ARN")
        route = self.route or self.routes.get(arn)
        if route is None:
            return "", f"TARGET_ARN is {single_line(arn, 200) or 'missing'}: not a queue of this stack"
        if not route.is_on:
            return "", f"the route {route.name} is off: nothing reads its queue; switch it on first"
        return route.queue_url, ""


@dataclass(slots=True)
class Tally:
    """What happened to the messages of one queue.

    moved: copied and deleted; kept: left in the queue, counted by reason; undeleted: copied, but still there.
    later: arrived during the run; hidden: received by somebody else before it.
    """

    found: Depth
    moved: int = 0
    undeleted: int = 0
    later: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    @property
    def is_complete(self) -> bool:
        """Whether every message that was in the queue at the start has been moved."""
        return not (self.kept or self.undeleted or self.found.hidden)


def sources(stack: Stack, names: Sequence[str]) -> list[Source]:
    """Return the dead-letter queues of a stack, all of them or those named."""
    routes = {name: stack.route(name) for name in ROUTES}
    by_arn = {route.queue_arn: route for route in routes.values()}
    return [
        Source(name, routes[name].dead_letter_url, by_arn, routes[name])
        if name in routes
        else Source(name, stack.output("EventBridgeDeadLetterQueueUrl"), by_arn)
        for name in names or (*ROUTES, EVENTBRIDGE)
    ]


def preview(sqs: Any, source: Source) -> tuple[Depth, Counter[str]]:
    """Return the depth of a queue and the reasons of up to ten of its messages, which stay visible."""
    found, _ = depth(sqs, source.url)
    return found, Counter(reason_of(message) for message in receive(sqs, source.url, visibility=0, wait=POLL))


def reason_of(message: Mapping[str, Any]) -> str:
    """Return why a message is in a dead-letter queue, as the function or EventBridge noted it.

    A message that SQS moved after its last receive has no note: the function's log has the reason.
    """
    event_bridge = (attribute(message, name) for name in ("ERROR_CODE", "ERROR_MESSAGE"))
    noted = attribute(message, REASON_ATTRIBUTE) or ": ".join(filter(None, event_bridge))
    return single_line(noted, 300) or "no reason noted: moved by SQS after the last retry, see the logs"


@dataclass(frozen=True, slots=True)
class Redrive:
    """One run of the command.

    resend: id that lets each finding pass the deduplication once more; without it a message keeps its own.
    """

    sqs: Any
    pace: Pace
    resend: str = ""

    def run(self, source: Source) -> Iterator[Tally]:
        """Move the messages that are in a queue now; yield the same tally first, and again after each batch.

        A message that comes back while this runs has failed again: it stays.
        """
        found, headers = depth(self.sqs, source.url)
        tally, later = Tally(found), set[str]()
        start = _milliseconds(headers)
        yield tally
        while messages := receive(self.sqs, source.url, VISIBILITY, POLL):
            new = [row["MessageId"] for row in messages if _sent(row) > start]
            if len(new) == len(messages) and later.issuperset(new):
                break
            later.update(new)
            tally.later = len(later)
            self._move(source, [row for row in messages if _sent(row) <= start], tally)
            yield tally

    def _move(self, source: Source, messages: list[dict[str, Any]], tally: Tally) -> None:
        """Copy up to ten messages to their queues, then delete those whose copy is confirmed."""
        by_target: dict[str, list[dict[str, Any]]] = {}
        for message in messages:
            url, problem = source.target(message)
            if problem:
                tally.kept[problem] += 1
            else:
                by_target.setdefault(url, []).append(message)
        for url, rows in by_target.items():
            self.pace.wait(len(rows))
            copies = [Message(row["Body"], self.resend or attribute(row, RESEND_ATTRIBUTE)) for row in rows]
            failures = send(self.sqs, url, copies)
            tally.kept.update(failures.values())
            copied = [row for number, row in enumerate(rows) if number not in failures]
            undeleted = delete(self.sqs, source.url, copied)
            tally.undeleted += undeleted
            tally.moved += len(copied) - undeleted


def _sent(message: Mapping[str, Any]) -> int:
    return int(message.get("Attributes", {}).get("SentTimestamp", 0))


def _milliseconds(headers: Mapping[str, Any]) -> float:
    """Return the time of an answer, to the end of its second, by the clock that SentTimestamp is by."""
    date = headers.get("date")
    try:
        seconds = parsedate_to_datetime(date).timestamp() if date else time.time()
    except ValueError:
        raise OperationFailed(f"invalid Date header of SQS: {single_line(str(date), 100)}") from None
    return (seconds + 1) * 1000
