"""A fake SQS standard queue with dead-letter queue: visibility, receive counts, redrive, delay, no order.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

# ruff: noqa: N803 - the argument names are those of the API

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.clock import Clock
from tests.fault_injection.injector import FaultInjector, client_error

URL, DEAD_LETTER_URL = "https://sqs.example.com/111122223333/q", "https://sqs.example.com/111122223333/dlq"
REDRIVEN = "maximum receives exceeded"


@dataclass(slots=True)
class Message:
    """One message. visible_at: when it can be received (again); handle: of the last receive."""

    id: str
    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""
    first_receive: float = 0.0
    deleted: bool = False
    resend: str = ""


@dataclass(slots=True)
class Queue:
    """The queue, which is also the function's SQS client. Times in seconds; dead_letters: (body, reason)."""

    injector: FaultInjector
    visibility: float
    max_receives: int
    delay: float = 0.0
    dead_letters: list[tuple[str, str]] = field(default_factory=list)
    _by_handle: dict[str, Message] = field(default_factory=dict)
    _heap: list[tuple[float, float, str]] = field(default_factory=list)
    _messages: dict[str, Message] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """Return the simulated clock."""
        return self.injector.clock

    def send(self, body: str, at: float, resend: str = "") -> None:
        """Send a message at the time `at`; it becomes visible after the queue's delay."""
        message = Message(f"m{len(self._messages)}", body, at + self.delay, resend=resend)
        self._messages[message.id] = message
        self._set_visible(message, message.visible_at)

    def _set_visible(self, message: Message, at: float) -> None:
        message.visible_at = at
        # The random number shuffles messages that become visible together: a standard queue is unordered.
        heapq.heappush(self._heap, (at, self.injector.random.random(), message.id))

    def next_visible(self) -> float | None:
        """Return when the next message becomes visible, or became so; None once the queue is empty."""
        while self._heap:
            at, _, key = self._heap[0]
            message = self._messages[key]
            if not message.deleted and at == message.visible_at:
                return at
            heapq.heappop(self._heap)
        return None

    def receive(self, max_messages: int, window: float = 0.0) -> list[dict[str, Any]]:
        """Wait for the next message; return at most `max_messages` records, [] once the queue is empty.

        window: batching window in seconds.
        """
        records: list[dict[str, Any]] = []
        while len(records) < max_messages and (at := self.next_visible()) is not None:
            if at > self.clock.now + window and records:
                break
            message = self._messages[heapq.heappop(self._heap)[2]]
            self.clock.now = max(self.clock.now, at)
            if message.receives == self.max_receives:
                self._dead_letter(message, REDRIVEN)
                continue
            records.append(self._receive_one(message))
        return records

    def _receive_one(self, message: Message) -> dict[str, Any]:
        message.receives += 1
        message.first_receive = message.first_receive or self.clock.now
        message.handle = f"{message.id}/{message.receives}"
        self._by_handle[message.handle] = message
        self._set_visible(message, self.clock.now + self.visibility)
        return {
            "messageId": message.id,
            "receiptHandle": message.handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "ApproximateFirstReceiveTimestamp": str(int(message.first_receive * 1000)),
            },
            "messageAttributes": {"resend": {"stringValue": message.resend}} if message.resend else {},
        }

    def receive_again(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Receive messages in flight a second time, as a standard queue occasionally delivers them."""
        messages = [self._messages[record["messageId"]] for record in records]
        return [self._receive_one(message) for message in messages if not message.deleted]

    def delete(self, handle: str) -> None:
        """Delete a message, as Lambda does with records that the function did not report as failed."""
        self._by_handle[handle].deleted = True

    def _dead_letter(self, message: Message, reason: str) -> None:
        message.deleted = True
        self.dead_letters.append((message.body, reason))

    def body_of(self, message_id: str) -> str:
        """Return the body of a message."""
        return self._messages[message_id].body

    @property
    def remaining(self) -> list[str]:
        """Return the bodies of messages that are neither deleted nor dead-lettered."""
        return [message.body for message in self._messages.values() if not message.deleted]

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        """Fake the operation."""
        assert QueueUrl == URL
        assert 0 <= VisibilityTimeout <= 43_200

        def change() -> None:
            message = self._by_handle[ReceiptHandle]
            if message.deleted:
                raise client_error("ChangeMessageVisibility", "InvalidParameterValue")
            self._set_visible(message, self.clock.now + VisibilityTimeout)

        self.injector.call("ChangeMessageVisibility", change, 10.0, "RequestThrottled")

    def send_message(
        self, *, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]
    ) -> dict[str, Any]:
        """Fake the operation, for the dead-letter queue."""
        assert QueueUrl == DEAD_LETTER_URL
        reason = MessageAttributes["reason"]["StringValue"]

        def send() -> dict[str, Any]:
            self.dead_letters.append((MessageBody, reason))
            return {"MessageId": f"d{len(self.dead_letters)}"}

        return self.injector.call("SendMessage", send, 10.0, "RequestThrottled")
