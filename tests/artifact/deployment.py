"""Create a route's resources in a moto server, and the environment of its function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3

from tests.template.stack import ALL_ON, Stack


@dataclass(frozen=True, slots=True)
class Deployment:
    """A route's resources and its function's environment variables.

    subscriber_url: a queue that is subscribed to the topic with raw message delivery.
    """

    environment: dict[str, str]
    endpoint: str
    queue_url: str
    dead_letter_url: str
    subscriber_url: str

    def received(self) -> list[dict[str, Any]]:
        """Receive and delete the messages of the subscribed queue."""
        return drain(client("sqs", self.endpoint), self.subscriber_url)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Receive and delete the messages of the dead-letter queue."""
        return drain(client("sqs", self.endpoint), self.dead_letter_url)


def client(service: str, endpoint: str) -> Any:
    """Return a boto3 client of the moto server."""
    return boto3.client(  # type: ignore[call-overload]  # the stubs know literal names only
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Receive and delete all messages of a queue; return them."""
    received: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        received += messages
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return received


def deploy(endpoint: str, route: str, name: str, **parameters: str) -> Deployment:
    """Create the resources in a route's environment variables, with names that begin with `name`.

    parameters: template parameters that differ from ALL_ON.
    """
    sqs, sns, dynamodb = (client(service, endpoint) for service in ("sqs", "sns", "dynamodb"))
    stack = Stack(**ALL_ON | parameters)
    queue, dead, subscriber = (
        sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in ("queue", "dead", "subscriber")
    )
    topic = sns.create_topic(Name=f"{name}-topic")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=subscriber, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    table = stack.properties("DeduplicationTable")
    dynamodb.create_table(
        TableName=f"{name}-table",
        **{key: table[key] for key in ("AttributeDefinitions", "KeySchema", "BillingMode")},
    )
    resources = {
        f"<{route}Queue>": queue,
        f"<{route}DeadLetterQueue>": dead,
        f"<{route}Topic>": topic,
        "<DeduplicationTable>": f"{name}-table",
    }
    variables: dict[str, str] = stack.function(route)["Environment"]["Variables"]
    environment = {key: resources.get(value, value) for key, value in variables.items()}
    return Deployment(environment | {"AWS_ENDPOINT_URL": endpoint}, endpoint, queue, dead, subscriber)


def batch(sqs: Any, url: str, bodies: list[str]) -> dict[str, Any]:
    """Send messages to a queue, receive them and return the event that Lambda's poller would invoke with."""
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    records: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=360
    ).get("Messages"):
        records += [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "awsRegion": "eu-west-1",
            }
            for message in messages
        ]
    return {"Records": records}
