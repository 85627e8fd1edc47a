"""Test finding the findings in what a service wraps around them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.finding.envelopes import findings_in
from enricher.finding.event import MalformedEvent
from tests import examples

EVENT = examples.event("ec2-portscan")
NOTIFICATION = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": json.dumps(EVENT)}
SQS = {"messageId": "1", "receiptHandle": "h", "body": json.dumps(EVENT), "attributes": {}}


def types(value: Any) -> list[str]:
    """Return the types of the findings in a value, and the errors' texts."""
    return [
        f"{place}: {item}" if isinstance(item, MalformedEvent) else item.type
        for place, item in findings_in(value)
    ]


@pytest.mark.parametrize(
    "value",
    [
        EVENT,
        EVENT["detail"],
        examples.to_pascal(EVENT["detail"]),
        [EVENT],
        {"Findings": [EVENT["detail"]], "NextToken": ""},
        NOTIFICATION,
        NOTIFICATION | {"Message": json.dumps(EVENT["detail"])},
        {"Records": [SQS]},
        {"Messages": [{"MessageId": "1", "Body": json.dumps(NOTIFICATION)}]},
        {"Records": [SQS | {"body": json.dumps(NOTIFICATION)}]},
        {"Records": [{"EventSource": "aws:sns", "Sns": NOTIFICATION}]},
        SQS,
    ],
    ids=[
        *("event", "finding", "pascal", "list", "get-findings", "sns", "sns bare", "sqs event"),
        *("sqs dump with sns", "sqs event with sns", "sns event", "sqs record"),
    ],
)
def test_wrapped_finding_is_found(value: Any) -> None:
    """A finding must be found in every wrapper that AWS puts around it."""
    assert ["Recon:EC2/Portscan"] == types(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (NOTIFICATION | {"Message": "Your alarm"}, ": message body: not JSON: "),
        (
            NOTIFICATION | {"Message": '{"Type": "Notification"}'},
            ": type is 'Notification', expected a finding",
        ),
        ({"Type": "SubscriptionConfirmation", "Message": "You have chosen"}, ": type is 'SubscriptionConfir"),
        ({"type": "x"}, ": type is 'x', expected a finding type (Purpose:Resource/Family)"),
        ({"type": "arn:aws:iam"}, ": type is 'arn:aws:iam'"),
        ({"Records": [SQS | {"body": "{"}]}, "item 1: message body: not JSON"),
        ([1], "item 1: expected a finding (a JSON object)"),
        ({"detail-type": "Scheduled Event", "detail": {}}, ": detail-type is 'Scheduled Event'"),
    ],
)
def test_other_json_is_rejected_with_its_reason(value: Any, message: str) -> None:
    """What is not a finding must never become one, least of all one of type Notification."""
    [text] = types(value)
    assert text.startswith(message)


def test_one_bad_message_costs_only_itself() -> None:
    """Each message of a dump stands on its own."""
    assert ["Recon:EC2/Portscan", "item 2: ", "Recon:EC2/Portscan"] == [
        text[:8] if text.startswith("item") else text
        for text in types({"Records": [SQS, SQS | {"body": "no"}, SQS]})
    ]


def test_wrappers_are_opened_to_a_limit() -> None:
    """A message that wraps itself over and over must end in an error, not in recursion."""
    value: Any = EVENT
    for _ in range(40):
        value = NOTIFICATION | {"Message": json.dumps(value)[:200_000]}
    assert 1 == len(types(value))
    assert ["item 1, item 1"] == [text[:14] for text in types([[1]])]
