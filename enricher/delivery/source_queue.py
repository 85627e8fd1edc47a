"""Act on the queue that a record came from: postpone its next receive, or set it aside with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enricher.destinations.timeouts import Patience
from enricher.finding.safe_text import single_line

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from enricher.settings import Settings

#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
LONGEST_WAIT = 43_200

#: Short, as it comes after the delivery, and the queue itself deals with what is not postponed or set aside.
PATIENCE = Patience(connect=1, read=1)


@dataclass(frozen=True, slots=True)
class SourceQueue:
    """Hold the queue's address and that of its dead-letter queue."""

    client: SQSClient
    url: str
    dead_letter_url: str

    def postpone(self, record: Mapping[str, Any], seconds: int) -> None:
        """Let a record's message come again after `seconds` (0 to 43,200)."""
        self.client.change_message_visibility(
            QueueUrl=self.url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=min(max(seconds, 0), LONGEST_WAIT),
        )

    def set_aside(self, record: Mapping[str, Any], reason: str) -> None:
        """Copy a record's message to the dead-letter queue, with the reason as the attribute `reason`."""
        self.client.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=record["body"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": single_line(reason, 1000)}},
        )


def build(settings: Settings) -> SourceQueue | None:
    """Make the queue's client; None where the function was not told its queues."""
    if not (settings.queue_url and settings.dead_letter_queue_url):
        return None
    import boto3

    client = boto3.client("sqs", config=PATIENCE.config())
    return SourceQueue(client, settings.queue_url, settings.dead_letter_queue_url)
