"""A queue that is subscribed to a stack's topics for as long as a verification runs."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from enricher.operations.aws import Aws, confirmed, describe
from enricher.operations.queues import delete, receive

#: A queue name has at most 80 characters; 16 are the suffix.
_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a topic delivered, with its message attributes."""

    topic_arn: str
    body: str
    attributes: Mapping[str, str]


@contextmanager
def subscribed(aws: Aws, stack: str, topics: Sequence[str]) -> Iterator[str]:
    """Create a queue, subscribe it to the topics, yield its URL, and remove both again."""
    if not topics:
        yield ""
        return
    sqs, sns = aws.client("sqs"), aws.client("sns")
    name = f"{stack[:_NAME_LIMIT]}-verify-{uuid.uuid4().hex[:8]}"
    url = str(confirmed(sqs.create_queue(QueueName=name), "QueueUrl"))
    subscriptions: list[str] = []
    try:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = confirmed(answer, "Attributes")["QueueArn"]
        policy = json.dumps(_policy(arn, topics))
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        for topic in topics:
            made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
            subscriptions.append(confirmed(made, "SubscriptionArn"))
        yield url
    finally:
        for subscription in subscriptions:
            _remove(subscription, lambda arn=subscription: sns.unsubscribe(SubscriptionArn=arn))
        _remove(url, lambda: sqs.delete_queue(QueueUrl=url))


def _policy(queue: str, topics: Sequence[str]) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(topics)}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _remove(what: str, call: Any) -> None:
    """Remove a resource; report one that stays, and continue with the others."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        call()
    except (ClientError, BotoCoreError) as error:
        reason = describe(error) if isinstance(error, ClientError) else str(error)
        sys.stderr.write(f"enricher: {what} is not removed, delete it yourself: {reason}\n")


def arrivals(sqs: Any, url: str, wait: int) -> list[Arrival]:
    """Take up to ten messages off the queue, as the topics delivered them."""
    messages = receive(sqs, url, visibility=30, wait=wait)
    delete(sqs, url, messages)
    return [arrival for message in messages if (arrival := _arrival(message["Body"]))]


def _arrival(text: str) -> Arrival | None:
    try:
        envelope = json.loads(text)
        attributes = envelope.get("MessageAttributes") or {}
        return Arrival(
            topic_arn=envelope["TopicArn"],
            body=envelope["Message"],
            attributes={name: str(row["Value"]) for name, row in attributes.items()},
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
