"""A deployed stack for the commands: its queues in moto, and an answer for DescribeStacks.

moto's CloudFormation needs packages that the project does not have, so the answer is made here, from the
outputs of template.yaml: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.examples import event
from tests.template.stack import template

REGION, NAME = "eu-west-1", "guardduty-attack-enricher"
_Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack in moto.

    sqs: a client of the tests' own; calls: every call of a client, in order; faults: an error or an answer
    for the next calls of an operation; after: what happens in AWS after a call of an operation.
    """

    sqs: Any
    outputs: dict[str, str]
    parameters: dict[str, str]
    calls: list[_Call]
    faults: dict[str, list[Any]]
    after: dict[str, Callable[[], None]]

    def put(self, queue: str, body: object, **attributes: str) -> None:
        """Send a message to the queue of an output name, with message attributes."""
        self.sqs.send_message(
            QueueUrl=self.outputs[queue],
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                key: {"DataType": "String", "StringValue": text} for key, text in attributes.items()
            },
        )

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Take every visible message off a queue."""
        found: list[dict[str, Any]] = []
        while rows := self.sqs.receive_message(
            QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += rows
            for row in rows:
                self.sqs.delete_message(QueueUrl=self.outputs[queue], ReceiptHandle=row["ReceiptHandle"])
        return found

    def named(self, operation: str) -> list[dict[str, Any]]:
        """Return the arguments of each call of an operation by the command."""
        return [arguments for name, arguments in self.calls if name == operation]

    def show_hidden(self, queue: str) -> None:
        """Let the visibility timeouts of a queue end."""
        from moto.sqs.models import sqs_backends

        store = sqs_backends["123456789012"][REGION].queues[self.outputs[queue].rsplit("/", 1)[1]]
        for message in store._messages:
            message.visible_at = 0


def output_names() -> set[str]:
    """Return the names of the template's outputs."""
    return set(template()["Outputs"])


@contextmanager
def deployed(**parameters: str) -> Iterator[Deployed]:
    """Yield a stack with every route on, whose calls can be watched and made to fail."""
    with mock_aws():
        outputs = dict.fromkeys(output_names(), "unused")
        sqs, sns = boto3.client("sqs", region_name=REGION), boto3.client("sns", region_name=REGION)
        for name in (name for name in outputs if name.endswith("QueueUrl")):
            outputs[name] = sqs.create_queue(QueueName=name.removesuffix("Url"))["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=outputs[name], AttributeNames=["QueueArn"])
            outputs[name.removesuffix("Url") + "Arn"] = arn["Attributes"]["QueueArn"]
        for name in ("SiemTopicArn", "NotificationTopicArn"):
            outputs[name] = sns.create_topic(Name=name)["TopicArn"]
        defaults = {"SiemRoute": "on", "SecurityHubRoute": "annotate", "NotificationRoute": "text"}
        stack = Deployed(sqs, outputs, {**defaults, **parameters}, [], {}, {})
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            stack.calls.append((operation, arguments))
            planned = stack.faults.get(operation)
            fault = planned.pop(0) if planned else None
            if isinstance(fault, BaseException) and not isinstance(fault, AfterwardsInterrupted):
                raise fault
            if isinstance(fault, dict):
                return fault
            answer = (
                _describe(stack, arguments)
                if operation == "DescribeStacks"
                else real(client, operation, arguments)
            )
            if operation in stack.after:
                stack.after[operation]()
            if isinstance(fault, AfterwardsInterrupted):
                raise KeyboardInterrupt
            return answer

        with patch.object(BaseClient, "_make_api_call", call):
            yield stack


class AfterwardsInterrupted(BaseException):
    """A fault: the call is carried out, and then the process is interrupted."""


def refused(code: str, operation: str = "DescribeStacks", message: str = "refused") -> ClientError:
    """Return the error of a call that AWS refuses."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def _describe(stack: Deployed, arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments["StackName"] != NAME:
        raise refused("ValidationError", message=f"Stack with id {arguments['StackName']} does not exist")
    row = {
        "StackName": NAME,
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [
            {"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()
        ],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()
        ],
    }  # fmt: skip
    return {"Stacks": [row]}


def finding(number: int) -> dict[str, Any]:
    """Return an event that differs from the others by its finding's id."""
    made = json.loads(json.dumps(event("ec2-portscan")))
    made["detail"]["id"] = f"{number:032x}"
    return dict(made)
