"""Send, receive and delete messages of SQS in batches, and tell each message that was not confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enricher.destinations.batching import batch_by_size
from enricher.finding.safe_text import single_line
from enricher.operations.aws import confirmed
from enricher.settings import RESEND_ATTRIBUTE

#: Entries of a batch: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_BATCH = 10
#: Bytes of the bodies of one batch; a larger message is sent alone. SQS takes 1,048,576 in total, older
#: endpoints 262,144.
MAX_BATCH_BYTES = 250_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send. body: JSON text; resend: id of a resend, "" for none."""

    body: str
    resend: str = ""


def send(sqs: Any, url: str, messages: Sequence[Message]) -> dict[int, str]:
    """Send messages in as many batches as needed; return the reason of each that was not sent, by position.

    What the answer does not confirm with a MessageId counts as not sent.
    """
    failures: dict[int, str] = {}
    batches = batch_by_size(
        range(len(messages)), MAX_BATCH, MAX_BATCH_BYTES, lambda number: _size(messages[number])
    )
    for batch in batches:
        entries = [_entry(number, messages[number]) for number in batch]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        sent = {row["Id"] for row in answer.get("Successful", []) if row.get("MessageId")}
        reasons = {row["Id"]: _reason(row) for row in answer.get("Failed", [])}
        for number in batch:
            if str(number) not in sent:
                failures[number] = reasons.get(str(number), "not confirmed by SQS: check proxy and endpoint")
    return failures


def _size(message: Message) -> int:
    return len(message.body.encode("utf-8", "surrogatepass"))


def _entry(number: int, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(number), "MessageBody": message.body}
    if message.resend:
        value = {"DataType": "String", "StringValue": message.resend}
        entry["MessageAttributes"] = {RESEND_ATTRIBUTE: value}
    return entry


def _reason(row: Mapping[str, Any]) -> str:
    return single_line(f"{row.get('Code', '')}: {row.get('Message', '')}", 300)


def receive(sqs: Any, url: str, visibility: int, wait: int) -> list[dict[str, Any]]:
    """Return up to ten messages of a queue with attributes; [] if none appears within `wait` seconds."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=MAX_BATCH,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["SentTimestamp"],
        VisibilityTimeout=visibility,
        WaitTimeSeconds=wait,
    )
    return list(answer.get("Messages", []))


def delete(sqs: Any, url: str, received: Iterable[Mapping[str, Any]]) -> int:
    """Delete up to ten received messages; return the number that SQS did not confirm."""
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(received)
    ]
    if not entries:
        return 0
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return len(entries) - len(answer.get("Successful", []))


def attribute(message: Mapping[str, Any], name: str) -> str:
    """Return a message attribute of a received message, "" if it has none."""
    return str(message.get("MessageAttributes", {}).get(name, {}).get("StringValue", ""))


@dataclass(frozen=True, slots=True)
class Depth:
    """The approximate number of messages in a queue: visible, received by somebody and not deleted."""

    visible: int
    hidden: int


def depth(sqs: Any, url: str) -> tuple[Depth, Mapping[str, Any]]:
    """Return the depth of a queue, with the answer's headers."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    counts = confirmed(answer, "Attributes")
    return Depth(int(counts[names[0]]), int(counts[names[1]])), answer["ResponseMetadata"]["HTTPHeaders"]
