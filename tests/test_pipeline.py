"""Test the whole way in an embedded AWS: the template's rule, queue, handler, topic, subscribed queues."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from enricher.cli.demo import POISON
from enricher.cli.embedded_aws import EmbeddedAws
from tests import examples


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """Give the embedded AWS, deployed."""
    with EmbeddedAws() as embedded:
        yield embedded


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


def test_poison_ends_in_the_dead_letter_queue(aws: EmbeddedAws) -> None:
    """A message that is no finding must end in the dead-letter queue, unchanged, with the reason."""
    aws.put_message(POISON)
    while aws.run_lambda():
        pass
    reason = "not JSON: Unterminated string starting at (line 1, column 48)"
    assert ([(POISON, reason)], {}) == (aws.dead_letters(), aws.received())


def test_large_finding_arrives_slimmed(aws: EmbeddedAws) -> None:
    """300 kB of signals must arrive as valid JSON under the topic's limit, saying what was left out."""
    event = examples.event("attack-sequence-compromised-credentials")
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
    aws.put_event(examples.event(name))
    aws.run_lambda()
    assert subscriber in aws.received()
