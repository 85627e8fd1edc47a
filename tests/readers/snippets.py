"""Lint the snippets of siem/cloudformation, and create in moto those that it can: an alert must arrive."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import cfnlint.decode
from moto import mock_aws

from enricher.authoring.loader import read_mapping
from enricher.destinations.base import Delivery
from enricher.destinations.sns import SnsDestination
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from tests import examples
from tests.readers.outcome import Outcome, named
from tests.readers.sigma_rules import SIEM

#: Parameters, without TopicArn, of the snippets that moto can create; it has no Firehose in CloudFormation.
PARAMETERS = {
    "queue": {"ReaderArn": "arn:aws:iam::111122223333:role/siem", "MinimumSeverity": "HIGH"},
    "https": {"Endpoint": "https://siem.example.com/guardduty"},
}


def check_snippets() -> Iterator[Outcome]:
    """Each snippet must pass cfn-lint; moto must create those it can, and the queue must receive."""
    paths = sorted((SIEM / "cloudformation").glob("*.yaml"))
    assert PARAMETERS.keys() == {path.stem for path in paths if not path.stem.startswith("firehose-")}
    lint = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([str(lint), *map(str, paths)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    yield Outcome(named("cfn-lint", "cfn-lint"), "siem/cloudformation", "no finding")
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    os.environ |= {"AWS_DEFAULT_REGION": "eu-west-1"}
    logging.getLogger("moto").setLevel(logging.ERROR)  # it warns of each resource that it skips
    for name in PARAMETERS:
        with mock_aws(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _create(SIEM / "cloudformation" / f"{name}.yaml")
    moto = named("moto", "moto")
    yield Outcome(
        moto,
        "siem/cloudformation: queue, https (not Firehose)",
        "created; moto has no SNS subscription in CloudFormation",
    )
    yield Outcome(moto, "siem/cloudformation/queue.yaml, MinimumSeverity=HIGH", "8.9 arrived, 6.9 did not")


def _create(path: Path) -> None:
    """Create a topic and the snippet's stack; check its subscription and the delivery to a queue."""
    sns, client = boto3.client("sns"), boto3.client("cloudformation")
    topic = sns.create_topic(Name="siem")["TopicArn"]
    parameters = {"TopicArn": topic, **PARAMETERS[path.stem]}
    client.create_stack(
        StackName=path.stem,
        TemplateBody=path.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    [stack] = client.describe_stacks(StackName=path.stem)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", path
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}
    if path.stem == "queue":
        # moto has no AWS::SNS::Subscription in CloudFormation: subscribe as the resource says.
        template = cfnlint.decode.decode(str(path))[0]
        subscription = resolve(template["Resources"]["Subscription"]["Properties"], parameters, template)
        sns.subscribe(
            TopicArn=topic,
            Protocol=subscription["Protocol"],
            Endpoint=outputs["QueueArn"],
            Attributes={
                "RawMessageDelivery": json.dumps(subscription["RawMessageDelivery"]),
                "FilterPolicy": json.dumps(subscription["FilterPolicy"]),
            },
        )
        _deliver(topic, outputs["QueueUrl"])


def resolve(value: Any, parameters: dict[str, str], template: dict[str, Any]) -> Any:
    """Return a value of a template with its conditions and parameters resolved; other functions stay."""
    if isinstance(value, list):
        return [resolve(item, parameters, template) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        name, yes, no = value["Fn::If"]
        left, right = resolve(template["Conditions"][name]["Fn::Equals"], parameters, template)
        return resolve(yes if left == right else no, parameters, template)
    if "Ref" in value:
        return parameters.get(value["Ref"], value)
    return {key: resolve(item, parameters, template) for key, item in value.items()}


def _deliver(topic: str, queue: str) -> None:
    mapping = read_mapping()
    findings = [
        enrich(Finding.from_event(examples.event("ec2-portscan", severity=severity)), mapping)
        for severity in (8.9, 6.9)
    ]
    destination = SnsDestination(boto3.client("sns"), topic, load_format("finding"), 262_144, 1.0)
    deliveries = [Delivery(str(place), finding, 1, 0) for place, finding in enumerate(findings)]
    assert destination.deliver(deliveries, lambda: 60.0) == {}
    received = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    [body] = [json.loads(message["Body"]) for message in received["Messages"]]
    assert (body["severity"], body["attack"]) == (8.9, findings[0].attack)
