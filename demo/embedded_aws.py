"""Emulate the resources of template.yaml with moto, and Lambda's SQS poller.

The rule's event pattern and the queue's redrive policy are read from template.yaml, so that the demo matches
the deployment.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self
from unittest.mock import patch

import boto3
from moto import mock_aws

from demo.template import read_template

ACCOUNT, REGION = "111122223333", "eu-west-1"

#: Example subscriptions of a team: name -> (filter policy, filter policy scope).
SUBSCRIBERS: dict[str, tuple[dict[str, Any], str]] = {
    "siem": ({}, "MessageAttributes"),
    "pager (severity_label HIGH or CRITICAL)": (
        {"severity_label": ["HIGH", "CRITICAL"]},
        "MessageAttributes",
    ),
    "identity team (techniques T1078 or T1098)": ({"techniques": ["T1078", "T1098"]}, "MessageAttributes"),
    "impact desk (tactics Impact)": ({"tactics": ["Impact"]}, "MessageAttributes"),
    "legacy rules (techniques T1562)": ({"techniques": ["T1562"]}, "MessageAttributes"),
    "evidence in the finding (body: attack.techniques.source evidence or guardduty)": (
        {"attack": {"techniques": {"source": ["evidence", "guardduty"]}}},
        "MessageBody",
    ),
}


class EmbeddedAws:
    """The emulated AWS: rule, queue, dead-letter queue, topic, subscribed queues and function.

    A context manager that creates the resources and stops the emulation.
    """

    def __init__(self) -> None:
        self.invocations = 0
        self._output = io.StringIO()
        self._mock = mock_aws()
        self._environment = patch.dict(os.environ)

    def __enter__(self) -> Self:
        """Create the resources and import the function."""
        self._environment.start()
        os.environ.update(
            AWS_ACCESS_KEY_ID="demo", AWS_SECRET_ACCESS_KEY="demo", AWS_SESSION_TOKEN="demo",  # noqa: S106 - moto's
            AWS_DEFAULT_REGION=REGION, MOTO_ACCOUNT_ID=ACCOUNT,
        )  # fmt: skip
        self._mock.start()
        self.sqs = boto3.client("sqs")
        self.sns = boto3.client("sns")
        self.events: Any = boto3.client("events")
        self._deploy()
        self._handler = self._start_function()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop the emulation and restore the environment."""
        self._mock.stop()
        self._environment.stop()

    def _deploy(self) -> None:
        pattern, max_receive_count = read_template()
        self.dead_letter_queue = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        redrive = {
            "deadLetterTargetArn": self._arn(self.dead_letter_queue),
            "maxReceiveCount": max_receive_count,
        }
        self.queue = self.sqs.create_queue(
            QueueName="siem", Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
        )["QueueUrl"]
        self.events.put_rule(Name="findings", EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule="findings", Targets=[{"Id": "siem", "Arn": self._arn(self.queue)}])
        self.topic = self.sns.create_topic(Name="enriched")["TopicArn"]
        self.subscribers = {}
        for number, (name, (policy, scope)) in enumerate(SUBSCRIBERS.items()):
            url = self.sqs.create_queue(QueueName=f"subscriber-{number}")["QueueUrl"]
            options = {"RawMessageDelivery": "true"}
            if policy:
                options |= {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope}
            self.sns.subscribe(
                TopicArn=self.topic, Protocol="sqs", Endpoint=self._arn(url), Attributes=options
            )
            self.subscribers[name] = url

    def _create_table(self) -> str:
        boto3.client("dynamodb").create_table(
            TableName="deduplication",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return "deduplication"

    def _arn(self, url: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]

    def _start_function(self) -> ModuleType:
        from enricher.authoring.bundle import bundle_of
        from enricher.authoring.loader import read_mapping
        from enricher.mapping import model as mapping

        os.environ.update(
            DEDUPLICATION_TABLE=self._create_table(),
            TOPIC_ARN=self.topic,
            QUEUE_URL=self.queue,
            DEAD_LETTER_QUEUE_URL=self.dead_letter_queue,
            POWERTOOLS_METRICS_NAMESPACE="Demo",
            POWERTOOLS_SERVICE_NAME="demo",
        )
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(self._output):
            mapping.BUNDLE = Path(folder) / "bundle.json"
            mapping.BUNDLE.write_text(json.dumps(bundle_of(read_mapping())), encoding="utf-8")
            from enricher import handler

        return handler

    def put_event(self, event: dict[str, Any]) -> bool:
        """Put an event on the event bus; return whether the rule matched it."""
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        self.events.put_events(Entries=[entry])
        waiting = self.sqs.get_queue_attributes(
            QueueUrl=self.queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return waiting["Attributes"]["ApproximateNumberOfMessages"] != "0"

    def put_message(self, body: str) -> None:
        """Send a message directly to the function's queue."""
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def run_lambda(self) -> bool:
        """Poll once as Lambda does: invoke with up to ten messages and delete those that did not fail.

        Returns False if there was no message.
        """
        response = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        messages = response.get("Messages", [])
        if not messages:
            return False
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
            }
            for message in messages
        ]
        with contextlib.redirect_stdout(self._output):
            result = self._handler.handle({"Records": records}, _Context())
        self.invocations += 1
        failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return True

    def received(self) -> dict[str, dict[str, Any]]:
        """Receive and delete the message of each subscriber; those without one are left out."""
        received: dict[str, dict[str, Any]] = {}
        for name, url in self.subscribers.items():
            response = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            for message in response.get("Messages", []):
                received[name] = dict(message)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    def dead_letters(self) -> list[tuple[str, str]]:
        """Return the body and the `reason` attribute of each message in the dead-letter queue."""
        response = self.sqs.receive_message(
            QueueUrl=self.dead_letter_queue, MaxNumberOfMessages=10, MessageAttributeNames=["reason"]
        )
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
            for message in response.get("Messages", [])
        ]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.getvalue().splitlines() if line.startswith("{")]

    def metrics(self) -> dict[str, float]:
        """Return the total of each count metric that the function logged in embedded metric format."""
        total: Counter[str] = Counter()
        for line in self._lines():
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in directive["Metrics"]:
                    if metric["Unit"] == "Count":
                        total[metric["Name"]] += sum(line[metric["Name"]])
        return dict(total)


class _Context:
    """A fake Lambda context; the handler uses its request id and remaining time."""

    aws_request_id = "demo"
    function_name = "demo"
    memory_limit_in_mb = 256
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:demo"

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000
