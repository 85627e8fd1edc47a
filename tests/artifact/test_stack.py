"""Test the released template and zip together: a stack of them carries an event from rule to topic.

moto creates the stack. It has no queue policies, topic policies, alarms, dashboards and saved queries, and
enforces no permissions; tests/template tests those on the template itself.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from build_tools.release import plain_template, write_zip
from tests.artifact.deployment import batch, client, drain
from tests.artifact.runtime import LambdaRuntime
from tests.examples import event
from tests.template.stack import ALL_ON

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse .* not supported by moto:UserWarning")

NAMES = {"Siem": "siem", "SecurityHub": "security-hub", "Notification": "notification"}


@dataclass(frozen=True, slots=True)
class Created:
    """A stack in moto: its outputs, and the physical IDs of its resources by logical ID."""

    endpoint: str
    outputs: dict[str, str]
    resources: dict[str, str]

    def configuration(self, logical_id: str) -> dict[str, Any]:
        """Return a function's configuration."""
        functions = client("lambda", self.endpoint)
        found: dict[str, Any] = functions.get_function_configuration(FunctionName=self.resources[logical_id])
        return found


@pytest.fixture(scope="module")
def archive(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the zip of a release."""
    path = tmp_path_factory.mktemp("release") / "artifact.zip"
    write_zip(path, artifact)
    return path


@pytest.fixture(scope="module")
def stack(endpoint: str, archive: Path) -> Created:
    """Return a stack with all routes on, created from the plain template and the zip in S3."""
    s3, cloudformation = client("s3", endpoint), client("cloudformation", endpoint)
    s3.create_bucket(
        Bucket="release-eu-west-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="release-eu-west-1", Key="v1/artifact.zip", Body=archive.read_bytes())
    template = plain_template()
    for name, row in list(template["Resources"].items()):
        # moto would run the functions in containers; here Lambda's own runtime client runs them.
        if row["Type"] == "AWS::Lambda::EventSourceMapping":
            del template["Resources"][name]
    parameters = {"ArtifactBucketPrefix": "release", "ArtifactKey": "v1/artifact.zip", **ALL_ON}
    cloudformation.create_stack(
        StackName="stack",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    [described] = cloudformation.describe_stacks(StackName="stack")["Stacks"]
    rows = cloudformation.describe_stack_resources(StackName="stack")["StackResources"]
    return Created(
        endpoint,
        {row["OutputKey"]: row["OutputValue"] for row in described["Outputs"]},
        {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows if "PhysicalResourceId" in row},
    )


def subscribe(endpoint: str, topic: str) -> str:
    """Subscribe a new queue to a topic with raw message delivery; return its URL."""
    sqs, sns = client("sqs", endpoint), client("sns", endpoint)
    url: str = sqs.create_queue(QueueName=f"subscriber-of-{topic.rpartition(':')[2]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url


@pytest.mark.parametrize("route", ["Siem", "Notification"])
def test_event_reaches_the_topic_through_rule_queue_and_function(
    stack: Created, archive: Path, tmp_path: Path, route: str
) -> None:
    """A finding put on the bus must be on the route's queue, and published by the deployed function."""
    subscriber = subscribe(stack.endpoint, stack.outputs[f"{route}TopicArn"])
    finding = event(
        "ec2-portscan", arn=f"arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{route}"
    )
    entry = {"Source": finding["source"], "DetailType": finding["detail-type"]}
    client("events", stack.endpoint).put_events(Entries=[entry | {"Detail": json.dumps(finding["detail"])}])
    records = batch(client("sqs", stack.endpoint), stack.outputs[f"{route}QueueUrl"], [])
    bodies = [json.loads(row["body"])["detail"]["arn"] for row in records["Records"]]
    assert finding["detail"]["arn"] in bodies
    code = tmp_path / "code"
    with zipfile.ZipFile(archive) as release:
        release.extractall(code)
    configuration = stack.configuration(f"{route}Function")
    variables = configuration["Environment"]["Variables"] | {"AWS_ENDPOINT_URL": stack.endpoint}
    with LambdaRuntime(code, configuration["Handler"], variables, tmp_path) as function:
        assert {"batchItemFailures": []} == function.invoke(records)
    messages = drain(client("sqs", stack.endpoint), subscriber)
    assert any("T1046" in message["Body"] for message in messages)
    assert {"finding_type", "severity", "techniques"} <= messages[0]["MessageAttributes"].keys()


@pytest.mark.parametrize("route", NAMES)
def test_function_has_its_own_queues(stack: Created, route: str) -> None:
    """Each deployed function must have the name and the queues of its own route."""
    variables = stack.configuration(f"{route}Function")["Environment"]["Variables"]
    assert (NAMES[route], stack.outputs[f"{route}QueueUrl"], stack.outputs[f"{route}DeadLetterQueueUrl"]) == (
        variables["ROUTE"],
        variables["QUEUE_URL"],
        variables["DEAD_LETTER_QUEUE_URL"],
    )


def test_failed_messages_go_to_the_routes_dead_letter_queue(stack: Created) -> None:
    """Each route's queue must name its own dead-letter queue, after enough receives for an hour."""
    sqs = client("sqs", stack.endpoint)
    for route in NAMES:
        attributes = sqs.get_queue_attributes(
            QueueUrl=stack.outputs[f"{route}QueueUrl"], AttributeNames=["RedrivePolicy"]
        )["Attributes"]
        redrive = json.loads(attributes["RedrivePolicy"])
        assert stack.outputs[f"{route}DeadLetterQueueArn"] == redrive["deadLetterTargetArn"]
        assert int(redrive["maxReceiveCount"]) >= 10
