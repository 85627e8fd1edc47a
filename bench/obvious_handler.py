"""The obvious function for the task, with boto3 and Powertools: look the type up, publish once per update.

It has partial batch responses, idempotency, metrics and attributes to filter on. Of what the enricher does it
lacks all that reads more of a finding than its type, and the batching of requests.
"""

import json
import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
sns = boto3.client("sns")
config = IdempotencyConfig(
    event_key_jmespath="[detail.arn, detail.updatedAt]", expires_after_seconds=90 * 86_400
)
table = DynamoDBPersistenceLayer(os.environ["DEDUPLICATION_TABLE"])
lookup = {
    row["finding_type"]: row
    for row in json.loads(Path(__file__).with_name("lookup.json").read_text(encoding="utf-8"))["rows"]
}


@idempotent_function(  # type: ignore[untyped-decorator]
    data_keyword_argument="event", config=config, persistence_store=table
)
def publish(event: dict[str, Any]) -> None:
    """Publish one enriched event."""
    detail = event["detail"]
    attack = lookup.get(detail["type"], {})
    attributes: Any = {
        "finding_type": {"DataType": "String", "StringValue": detail["type"]},
        "severity": {"DataType": "Number", "StringValue": str(detail.get("severity", 0))},
        "technique": {"DataType": "String", "StringValue": attack.get("technique_id") or "none"},
    }
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Message=json.dumps({**event, "attack": attack}),
        MessageAttributes=attributes,
    )
    logger.info("forwarded", extra={"finding": detail["arn"], "attack": attack.get("technique_id")})
    metrics.add_metric(name="Forwarded", unit=MetricUnit.Count, value=1)


def process(record: SQSRecord) -> None:
    """Publish the event of one record."""
    publish(event=json.loads(record.body))


@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> Any:
    """Publish a batch; return the records that failed."""
    config.register_lambda_context(context)
    return process_partial_response(event, process, processor, context)
