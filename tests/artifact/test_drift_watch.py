"""Test the drift watch in the built artifact, run by Lambda's runtime interface client."""

from __future__ import annotations

import json
from pathlib import Path

from tests.artifact.deployment import client, drain
from tests.artifact.runtime import LambdaRuntime
from tests.template.stack import Stack

UNKNOWN = "Impact:Quantum/Decohered"


def test_drift_watch_runs_from_the_artifact(artifact: Path, endpoint: str, tmp_path: Path) -> None:
    """With the template's handler and variables the artifact must notify operations of an unknown type."""
    sqs, sns = client("sqs", endpoint), client("sns", endpoint)
    topic = sns.create_topic(Name="drift-watch")["TopicArn"]
    url = sqs.create_queue(QueueName="drift-watch")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    function = Stack().properties("DriftWatchFunction")
    environment = {
        key: topic if value == "<OperationsTopic>" else value
        for key, value in function["Environment"]["Variables"].items()
    }
    announcement = {"type": "NEW_FINDINGS", "findingDetails": [{"findingType": UNKNOWN}]}
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(announcement)}}]}
    with LambdaRuntime(
        artifact, function["Handler"], environment | {"AWS_ENDPOINT_URL": endpoint}, tmp_path
    ) as running:
        assert {"missing": [UNKNOWN]} == running.invoke(event)
    [message] = drain(sqs, url)
    assert UNKNOWN in json.loads(message["Body"])["Message"]
