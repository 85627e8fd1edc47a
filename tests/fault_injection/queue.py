"""Play an SQS standard queue and its dead-letter queue: visibility, receive counts, redrive, delay, no order.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

# ruff: noqa: N803 - the names of the arguments are the service's

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.clock import Clock
from tests.fault_injection.weather import Weather, client_error

URL, DEAD_LETTER_URL = "https://sqs.example.com/111122223333/q", "https://sqs.example.com/111122223333/dlq"
REDRIVEN = "received too often"


@dataclass(slots=True)
class Message:
    """Hold one message. visible_at: when it can be received (again); handle: what the last receive gave."""

    id: str
    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""
    first_receive: float = 0.0
    gone: bool = False


@dataclass(slots=True)
class Queue:
    """Hold the messages, and be the SQS client that the function uses. Times in seconds."""

    weather: Weather
    visibility: float
    most_receives: int
    delay: float = 0.0
    dead: list[tuple[str, str]] = field(default_factory=list)
    _by_handle: dict[str, Message] = field(default_factory=dict)
    _heap: list[tuple[float, float, str]] = field(default_factory=list)
    _messages: dict[str, Message] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """Give the clock."""
        return self.weather.clock

    def send(self, body: str, at: float) -> None:
        """Put a message, visible from `at` and the queue's delay on."""
        message = Message(f"m{len(self._messages)}", body, at + self.delay)
        self._messages[message.id] = message
        self._show(message, message.visible_at)

    def _show(self, message: Message, at: float) -> None:
        message.visible_at = at
        # The second member shuffles what becomes visible at the same time: a standard queue keeps no order.
        heapq.heappush(self._heap, (at, self.weather.random.random(), message.id))

    def receive(self, most: int, window: float = 0.0) -> list[dict[str, Any]]:
        """Wait for the next message and give up to `most` records; [] once nothing is left."""
        records: list[dict[str, Any]] = []
        while self._heap and len(records) < most:
            at, _, key = self._heap[0]
            message = self._messages[key]
            if message.gone or at != message.visible_at:
                heapq.heappop(self._heap)
                continue
            if at > self.clock.now + window and records:
                break
            heapq.heappop(self._heap)
            self.clock.now = max(self.clock.now, at)
            if message.receives == self.most_receives:
                self._bury(message, REDRIVEN)
                continue
            records.append(self._hand_out(message))
        return records

    def _hand_out(self, message: Message) -> dict[str, Any]:
        message.receives += 1
        message.first_receive = message.first_receive or self.clock.now
        message.handle = f"{message.id}/{message.receives}"
        self._by_handle[message.handle] = message
        self._show(message, self.clock.now + self.visibility)
        return {
            "messageId": message.id,
            "receiptHandle": message.handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "ApproximateFirstReceiveTimestamp": str(int(message.first_receive * 1000)),
            },
        }

    def copies(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Deliver messages that are in flight a second time, as a standard queue now and then does."""
        messages = [self._messages[record["messageId"]] for record in records]
        return [self._hand_out(message) for message in messages if not message.gone]

    def delete(self, handle: str) -> None:
        """Delete a message, as Lambda does with what the function did not name as failed."""
        self._by_handle[handle].gone = True

    def _bury(self, message: Message, reason: str) -> None:
        message.gone = True
        self.dead.append((message.body, reason))

    def body_of(self, message_id: str) -> str:
        """Give the body of a message."""
        return self._messages[message_id].body

    @property
    def left(self) -> list[str]:
        """Give the bodies that are neither deleted nor dead."""
        return [message.body for message in self._messages.values() if not message.gone]

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        """Play the operation."""
        assert QueueUrl == URL
        assert 0 <= VisibilityTimeout <= 43_200

        def change() -> None:
            message = self._by_handle[ReceiptHandle]
            if message.gone:
                raise client_error("ChangeMessageVisibility", "InvalidParameterValue")
            self._show(message, self.clock.now + VisibilityTimeout)

        self.weather.call("ChangeMessageVisibility", change, 5.0, "RequestThrottled")

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]) -> None:
        """Play the operation, to the dead-letter queue."""
        assert QueueUrl == DEAD_LETTER_URL
        reason = MessageAttributes["reason"]["StringValue"]
        self.weather.call(
            "SendMessage", lambda: self.dead.append((MessageBody, reason)), 5.0, "RequestThrottled"
        )
