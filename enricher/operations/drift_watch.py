"""The drift watch, a Lambda function: notify operations of finding types that AWS announces and we lack.

It is subscribed to GuardDuty's announcements topic of its Region. A finding of such a type is delivered all
the same, tagged from its name and evidence; this is the time to upgrade, or to write an override.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from enricher.mapping.announced_types import types_in, without_record
from enricher.mapping.model import AttackMapping

#: The most types that one notification lists: 100 types of 100 characters are far below the limit of SNS.
MOST_LISTED = 100

_mapping = AttackMapping.load()
_topic = os.environ["OPERATIONS_TOPIC_ARN"]
_sns = boto3.client("sns")
logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "guardduty-attack-enricher"))


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Read the announcements of an SNS event; return {"missing": the types without a record}.

    Raises what SNS raises, so that Lambda retries the announcement.
    """
    announced = [name for record in event["Records"] for name in types_in(record["Sns"]["Message"])]
    types = list(dict.fromkeys(announced))
    missing = without_record(types, _mapping)
    logger.info("announcement read", extra={"types": types[:MOST_LISTED], "missing": missing[:MOST_LISTED]})
    if missing:
        _sns.publish(
            TopicArn=_topic,
            Subject="GuardDuty announces finding types without an ATT&CK mapping",
            Message=notification(missing, _mapping.version),
        )
    return {"missing": missing}


def notification(missing: Sequence[str], version: str) -> str:
    """Return the text for operations. version: that of the bundled mapping."""
    listed = [f"  {name}" for name in missing[:MOST_LISTED]]
    if len(missing) > MOST_LISTED:
        listed.append(f"  and {len(missing) - MOST_LISTED} more")
    return "\n".join(
        [
            f"GuardDuty announces finding types that the ATT&CK mapping {version} does not have:",
            *listed,
            "",
            "Findings of these types are delivered, tagged from their name and evidence.",
            "Upgrade the enricher, or write an override: docs/operations.md, Drift watch.",
        ]
    )
