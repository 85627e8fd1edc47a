"""The least function that publishes findings: the baseline of init and of the first invocation.

With PARSE_ROOTS set, init also parses the root certificates, as the enricher's does.
"""

import os
import ssl
from typing import Any

import boto3

client = boto3.client("sns")
if os.environ.get("PARSE_ROOTS"):
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(os.environ["AWS_CA_BUNDLE"])


def handle(event: dict[str, Any], _: object) -> None:
    """Publish each record's body as it came."""
    for record in event["Records"]:
        client.publish(TopicArn=os.environ["TOPIC_ARN"], Message=record["body"])
