"""Test the pipeline end to end in moto: the template's rule, queue, handler, topic and subscribed queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from demo.embedded_aws import EmbeddedAws
from demo.tour import INVALID_MESSAGE
from tests import examples


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """Yield the emulated AWS with its resources."""
    with EmbeddedAws() as embedded:
        yield embedded


def with_new_arn(name: str) -> dict[str, Any]:
    """Return an example event with a new ARN, which the deduplication table does not contain."""
    event = examples.event(name)
    event["detail"]["arn"] += f"-{next(_NUMBERS)}"
    return event


_NUMBERS = count()


@pytest.mark.parametrize("name", examples.names())
def test_every_finding_arrives(aws: EmbeddedAws, name: str) -> None:
    """Every example finding must reach the subscribed queue with its detail unchanged."""
    event = examples.event(name)
    assert aws.put_event(event)
    aws.run_lambda()
    body = json.loads(aws.received()["siem"]["Body"])
    assert event["detail"] == body["detail"]
    assert {"attack", "alert"} < body.keys()


def test_other_guardduty_events_are_not_matched(aws: EmbeddedAws) -> None:
    """The rule must not match a malware scan result, which is not a finding."""
    assert not aws.put_event(examples.event(examples.NOT_A_FINDING))


def test_duplicate_is_suppressed_and_higher_severity_forwarded(aws: EmbeddedAws) -> None:
    """An update without a material change must be suppressed; one with a higher severity must arrive."""
    event = with_new_arn("ec2-portscan")
    arrived = []
    for severity, updated in (
        (5, "2026-10-01T00:00:00Z"),
        (5, "2026-10-02T00:00:00Z"),
        (8, "2026-10-03T00:00:00Z"),
    ):
        event["detail"] |= {"severity": severity, "updatedAt": updated}
        aws.put_event(event)
        aws.run_lambda()
        arrived.append("siem" in aws.received())
    assert [True, False, True] == arrived


def test_invalid_message_is_dead_lettered_with_the_reason(aws: EmbeddedAws) -> None:
    """A message that is not a finding must reach the dead-letter queue unchanged, with the reason."""
    aws.put_message(INVALID_MESSAGE)
    while aws.run_lambda():
        pass
    reason = "not JSON: Unterminated string starting at (line 1, column 48)"
    assert ([(INVALID_MESSAGE, reason)], {}) == (aws.dead_letters(), aws.received())


def test_large_finding_arrives_truncated(aws: EmbeddedAws) -> None:
    """300 kB of signals must arrive as valid JSON within the SNS limit, listing the removed fields."""
    event = with_new_arn("attack-sequence-compromised-credentials")
    sequence = event["detail"]["service"]["detection"]["sequence"]
    sequence["signals"] += [{"uid": str(number), "description": "é" * 1000} for number in range(150)]
    aws.put_message(json.dumps(event))
    aws.run_lambda()
    message = aws.received()["siem"]["Body"]
    assert len(message.encode("utf-8")) <= 262_144
    assert "detail.service.detection.sequence.signals" == json.loads(message)["truncated"]


@pytest.mark.parametrize(
    ("name", "subscriber"),
    [
        ("ec2-portscan", "siem"),
        ("iam-anomalous-persistence-create-access-key", "identity team (techniques T1078 or T1098)"),
        ("s3-anomalous-delete", "impact desk (tactics Impact)"),
        ("iam-cloudtrail-logging-disabled", "legacy rules (techniques T1562)"),
        ("awkward-severity-9-0", "pager (severity_label HIGH or CRITICAL)"),
    ],
)
def test_filter_policies_select_subscribers(aws: EmbeddedAws, name: str, subscriber: str) -> None:
    """A subscriber must receive the findings that match its filter policy."""
    aws.put_event(with_new_arn(name))
    aws.run_lambda()
    assert subscriber in aws.received()
