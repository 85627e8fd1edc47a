"""Test the whole way in an embedded AWS: the template's rule, queue, handler, topic, subscribed queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from demo.embedded_aws import EmbeddedAws
from demo.tour import POISON
from tests import examples


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """Give the embedded AWS, deployed."""
    with EmbeddedAws() as embedded:
        yield embedded


def another(name: str) -> dict[str, Any]:
    """Give an example event under an ARN of its own, as the table remembers those that were forwarded."""
    event = examples.event(name)
    event["detail"]["arn"] += f"-{next(_NUMBERS)}"
    return event


_NUMBERS = count()


@pytest.mark.parametrize("name", examples.names())
def test_every_finding_arrives(aws: EmbeddedAws, name: str) -> None:
    """Every example finding must reach the subscribed queue with its detail as it went in."""
    event = examples.event(name)
    assert aws.put_event(event)
    aws.run_lambda()
    body = json.loads(aws.received()["siem"]["Body"])
    assert event["detail"] == body["detail"]
    assert {"attack", "alert"} < body.keys()


def test_other_guardduty_events_are_left_alone(aws: EmbeddedAws) -> None:
    """A malware scan result, which is no finding, must not be taken by the rule."""
    assert not aws.put_event(examples.event(examples.NOT_A_FINDING))


def test_repeats_are_held_back(aws: EmbeddedAws) -> None:
    """The same event once more must reach nobody; with a higher severity it must arrive."""
    event = another("ec2-portscan")
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


def test_poison_ends_in_the_dead_letter_queue(aws: EmbeddedAws) -> None:
    """A message that is no finding must end in the dead-letter queue, unchanged, with the reason."""
    aws.put_message(POISON)
    while aws.run_lambda():
        pass
    reason = "not JSON: Unterminated string starting at (line 1, column 48)"
    assert ([(POISON, reason)], {}) == (aws.dead_letters(), aws.received())


def test_large_finding_arrives_slimmed(aws: EmbeddedAws) -> None:
    """300 kB of signals must arrive as valid JSON under the topic's limit, saying what was left out."""
    event = another("attack-sequence-compromised-credentials")
    sequence = event["detail"]["service"]["detection"]["sequence"]
    sequence["signals"] += [{"uid": str(place), "description": "é" * 1000} for place in range(150)]
    aws.put_message(json.dumps(event))
    aws.run_lambda()
    message = aws.received()["siem"]["Body"]
    assert len(message.encode("utf-8")) <= 262_144
    assert ["detail.service.detection.sequence.signals"] == json.loads(message)["slimmed"]["removed"]


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
def test_filter_policies_choose(aws: EmbeddedAws, name: str, subscriber: str) -> None:
    """A subscriber with a filter policy must get what it asked for."""
    aws.put_event(another(name))
    aws.run_lambda()
    assert subscriber in aws.received()
