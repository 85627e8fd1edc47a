#!/usr/bin/env bash
# moto 5.2.5, SNS subscription filter policies on an attribute of type String.Array.
# Expected: each element of the array is matched as a text of its own, as Amazon SNS documents, by every operator:
# {"techniques": [{"prefix": "T1078"}]} delivers a message with ["T1046", "T1078.004"].
# Seen: equality, anything-but and equals-ignore-case read the elements; prefix and suffix never match an array, and
# the message is dropped without a trace. The same operators match an attribute of type String.
# For us: tests of subscriptions use equality for arrays; every message lists technique, parent and former IDs.
# Exits 0 while this is so, 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[sns,sqs]==5.2.5' boto3==1.44.5
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=eu-west-1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import sys

import boto3
from moto import mock_aws

ARRAY = {"DataType": "String.Array", "StringValue": '["T1046", "T1078.004"]'}
TEXT = {"DataType": "String", "StringValue": "T1078.004"}
RULES = {
    "equality": "T1078.004",
    "anything-but": {"anything-but": ["T1046"]},
    "prefix": {"prefix": "T1078"},
    "suffix": {"suffix": ".004"},
    "equals-ignore-case": {"equals-ignore-case": "t1078.004"},
}


@mock_aws
def delivered(rule: object, attribute: dict[str, str]) -> bool:
    """Return whether a subscription with this rule receives a message with this attribute."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="findings")["TopicArn"]
    queue = sqs.create_queue(QueueName="findings")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"techniques": [rule]})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": policy})
    sns.publish(TopicArn=topic, Message="a finding", MessageAttributes={"techniques": attribute})
    return "Messages" in sqs.receive_message(QueueUrl=queue)


seen = {name: (delivered(rule, TEXT), delivered(rule, ARRAY)) for name, rule in RULES.items()}
for name, (text, array) in seen.items():
    print(f"{name:20} String: {'delivered' if text else 'dropped':10} String.Array: {'delivered' if array else 'dropped'}")
expected = {name: (True, name not in ("prefix", "suffix")) for name in RULES}
sys.exit(seen != expected)
PYTHON
