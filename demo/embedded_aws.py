"""Embed an AWS (moto) that has what template.yaml deploys, and play Lambda's poller.

The rule's pattern and the queue's redrive are read from template.yaml, so the demo shows what is deployed.
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

#: What subscribers of a team might ask for: name -> (filter policy, scope).
SUBSCRIBERS: dict[str, tuple[dict[str, Any], str]] = {
    "siem": ({}, "MessageAttributes"),
    "pager (severity_label HIGH or CRITICAL)": (
        {"severity_label": ["HIGH", "CRITICAL"]},
        "MessageAttributes",
    ),
    "identity team (techniques T1078 or T1098)": ({"techniques": ["T1078", "T1098"]}, "MessageAttributes"),
    "impact desk (tactics Impact)": ({"tactics": ["Impact"]}, "MessageAttributes"),
    "legacy rules (techniques T1562)": ({"techniques": ["T1562"]}, "MessageAttributes"),
    "seen in the finding itself (body: attack.techniques.source evidence)": (
        {"attack": {"techniques": {"source": ["evidence", "guardduty"]}}},
        "MessageBody",
    ),
}


class EmbeddedAws:
    """Hold the embedded AWS: rule, queue, dead-letter queue, topic, subscribed queues, function."""

    def __init__(self) -> None:
        self.invocations = 0
        self._output = io.StringIO()
        self._mock = mock_aws()
        self._environment = patch.dict(os.environ)

    def __enter__(self) -> Self:
        """Create everything and start the function."""
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
        """Take everything down."""
        self._mock.stop()
        self._environment.stop()

    def _deploy(self) -> None:
        pattern, receives = read_template()
        self.dead_letter_queue = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._arn(self.dead_letter_queue), "maxReceiveCount": receives}
        self.queue = self.sqs.create_queue(
            QueueName="siem", Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
        )["QueueUrl"]
        self.events.put_rule(Name="findings", EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule="findings", Targets=[{"Id": "siem", "Arn": self._arn(self.queue)}])
        self.topic = self.sns.create_topic(Name="enriched")["TopicArn"]
        self.subscribers = {}
        for place, (name, (policy, scope)) in enumerate(SUBSCRIBERS.items()):
            url = self.sqs.create_queue(QueueName=f"subscriber-{place}")["QueueUrl"]
            options = {"RawMessageDelivery": "true"}
            if policy:
                options |= {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope}
            self.sns.subscribe(
                TopicArn=self.topic, Protocol="sqs", Endpoint=self._arn(url), Attributes=options
            )
            self.subscribers[name] = url

    def _create_table(self) -> str:
        boto3.client("dynamodb").create_table(
            TableName="repeats",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return "repeats"

    def _arn(self, url: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]

    def _start_function(self) -> ModuleType:
        from enricher.authoring.loader import bundle_of, read_mapping
        from enricher.mapping import model as mapping

        os.environ.update(
            REPEATS_TABLE=self._create_table(),
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
        """Put an event on the bus; tell whether the rule took it."""
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
        """Put a message straight into the function's queue."""
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def run_lambda(self) -> bool:
        """Poll once as Lambda does: invoke with up to ten messages, delete what did not fail.

        Give False if none came.
        """
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"])
        messages = answer.get("Messages", [])
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
        """Take what arrived, by subscriber; one that got nothing is left out."""
        out: dict[str, dict[str, Any]] = {}
        for name, url in self.subscribers.items():
            answer = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            for message in answer.get("Messages", []):
                out[name] = dict(message)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return out

    def dead_letters(self) -> list[tuple[str, str]]:
        """Give what is in the dead-letter queue: body and reason of each message."""
        answer = self.sqs.receive_message(
            QueueUrl=self.dead_letter_queue, MaxNumberOfMessages=10, MessageAttributeNames=["reason"]
        )
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
            for message in answer.get("Messages", [])
        ]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.getvalue().splitlines() if line.startswith("{")]

    def metrics(self) -> dict[str, float]:
        """Sum the counts in the function's embedded metrics."""
        total: Counter[str] = Counter()
        for line in self._lines():
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in directive["Metrics"]:
                    if metric["Unit"] == "Count":
                        total[metric["Name"]] += sum(line[metric["Name"]])
        return dict(total)


class _Context:
    """Play the Lambda context, of which the handler uses the request id and the time left."""

    aws_request_id = "demo"
    function_name = "demo"
    memory_limit_in_mb = 256
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:demo"

    def get_remaining_time_in_millis(self) -> int:
        """Give a whole minute."""
        return 60_000
