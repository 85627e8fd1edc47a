#!/usr/bin/env bash
# moto 5.2.5, CloudFormation.
# Expected: a stack with a resource of a type that moto does not have fails, or is not CREATE_COMPLETE.
# Seen: CREATE_COMPLETE, and the topic has no subscription: AWS::SNS::Subscription is skipped with a warning in the log.
# For us: make readers subscribes as the template says, instead of trusting the stack (tests/readers/snippets.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[cloudformation]==5.2.5' boto3==1.44.5
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=eu-west-1
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PY'
import json

import boto3
from moto import mock_aws

template = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "siem"}},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            },
        },
    }
}
with mock_aws():
    stacks = boto3.client("cloudformation")
    stacks.create_stack(StackName="siem", TemplateBody=json.dumps(template))
    status = stacks.describe_stacks(StackName="siem")["Stacks"][0]["StackStatus"]
    sns = boto3.client("sns")
    topic = sns.list_topics()["Topics"][0]["TopicArn"]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
print("stack:", status, "subscriptions:", len(subscriptions))
raise SystemExit((status, len(subscriptions)) != ("CREATE_COMPLETE", 0))
PY
