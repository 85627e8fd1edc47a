"""The source queue of a record: delay its retry, or move it to the dead-letter queue with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from enricher.destinations.batching import require
from enricher.destinations.timeouts import Timeouts
from enricher.finding.safe_text import single_line
from enricher.settings import REASON_ATTRIBUTE, RESEND_ATTRIBUTE

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from enricher.settings import Settings

#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
MAX_VISIBILITY_TIMEOUT = 43_200

#: Short, as these calls follow the delivery; where they fail, visibility timeout and redrive policy apply.
TIMEOUTS = Timeouts(connect=1, read=1)


class SourceQueue(NamedTuple):
    """The SQS queue that a route's records come from; dead_letter_url: URL of its dead-letter queue."""

    client: SQSClient
    url: str
    dead_letter_url: str

    def delay_retry(self, record: Mapping[str, Any], seconds: int) -> None:
        """Make a record's message visible again after `seconds`, limited to 0 to 43,200."""
        self.client.change_message_visibility(
            QueueUrl=self.url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=min(max(seconds, 0), MAX_VISIBILITY_TIMEOUT),
        )

    def move_to_dead_letter_queue(self, record: Mapping[str, Any], reason: str) -> None:
        """Copy a record's message to the dead-letter queue, with the message attribute `reason`.

        The id of a resend stays, so that the message is resent when it is redriven. Raise InvalidAnswer if
        the answer does not confirm it: the record is acknowledged afterwards.
        """
        attributes = {REASON_ATTRIBUTE: single_line(reason, 1000), RESEND_ATTRIBUTE: resend_id(record)}
        answer = self.client.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=record["body"],
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
                if value
            },
        )
        require(answer, "MessageId")


def resend_id(record: Mapping[str, Any]) -> str:
    """Return the id of the resend that a record's message belongs to, "" for none."""
    attributes = record.get("messageAttributes")
    attribute = attributes.get(RESEND_ATTRIBUTE) if isinstance(attributes, dict) else None
    value = attribute.get("stringValue") if isinstance(attribute, dict) else None
    return value if isinstance(value, str) else ""


def build(settings: Settings) -> SourceQueue | None:
    """Create the queue's client; None if the settings lack QUEUE_URL or DEAD_LETTER_QUEUE_URL."""
    if not (settings.queue_url and settings.dead_letter_queue_url):
        return None
    from enricher.destinations.clients import make_client

    client = make_client("sqs", TIMEOUTS.config())
    return SourceQueue(client, settings.queue_url, settings.dead_letter_queue_url)
