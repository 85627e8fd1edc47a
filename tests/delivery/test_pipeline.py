"""Test a route: each record fails on its own, no error is swallowed, no delivered record is retried."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from enricher.delivery.pipeline import Route, Undelivered
from enricher.destinations.base import Delivery, Failure, Remedy, TimeLeft
from enricher.finding.event import MalformedEvent
from enricher.mapping.model import AttackMapping
from enricher.settings import Settings
from tests import examples

INVALID = "{not json"


@dataclass
class FakeDestination:
    """A destination that records deliveries; it returns the configured failures or raises the error."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    error: Exception | None = None
    delivered: list[str] = field(default_factory=list)

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Deliver all but the configured failures."""
        if self.error:
            raise self.error
        self.delivered += [delivery.id for delivery in batch if delivery.id not in self.failures]
        return {delivery.id: self.failures[delivery.id] for delivery in batch if delivery.id in self.failures}


@dataclass
class FakeQueue:
    """A source queue that records its calls or raises the configured error."""

    error: Exception | None = None
    delayed: list[tuple[str, int]] = field(default_factory=list)
    dead_lettered: list[tuple[str, str]] = field(default_factory=list)

    def delay_retry(self, record: Mapping[str, Any], seconds: int) -> None:
        """Record a ChangeMessageVisibility call."""
        if self.error:
            raise self.error
        self.delayed.append((record["messageId"], seconds))

    def move_to_dead_letter_queue(self, record: Mapping[str, Any], reason: str) -> None:
        """Record a SendMessage call to the dead-letter queue."""
        if self.error:
            raise self.error
        self.dead_lettered.append((record["messageId"], reason))


def route(mapping: AttackMapping, destination: FakeDestination, queue: FakeQueue | None = None) -> Route:
    """Return a route with fake parts but a real logger and real metrics."""
    metrics = Metrics(namespace="test", service="test")
    metrics.clear_metrics()
    return Route(mapping, None, destination, queue, Logger(service="test"), metrics)  # type: ignore[arg-type]


def record(key: str, body: str | None = None, receives: int = 1) -> dict[str, Any]:
    """Return an SQS record; by default its body is an example event."""
    return {
        "messageId": key,
        "receiptHandle": f"handle-{key}",
        "body": examples.text_of("ec2-portscan") if body is None else body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 900.0


@pytest.mark.parametrize("place", range(10))
def test_one_invalid_message_in_ten_fails_alone(mapping: AttackMapping, place: int) -> None:
    """Of ten messages with one invalid, exactly that one must fail and nine be delivered."""
    target = FakeDestination()
    keys = [str(number) for number in range(10)]
    records = [record(key, INVALID if key == str(place) else None) for key in keys]
    assert [str(place)] == route(mapping, target).run(records, plenty)
    assert [key for key in keys if key != str(place)] == target.delivered


def test_failed_record_is_returned_for_retry(mapping: AttackMapping) -> None:
    """The records that the destination reports as failed must be returned for retry, and no others."""
    target = FakeDestination({"b": Failure("throttled")})
    assert ["b"] == route(mapping, target).run([record(key) for key in "abc"], plenty)


def test_raising_destination_returns_the_batch(mapping: AttackMapping) -> None:
    """When the destination raises, the whole batch must be returned for retry."""
    target = FakeDestination(error=RuntimeError("bug"))
    assert ["a", "b"] == route(mapping, target).run([record(key) for key in "ab"], plenty)


def test_wait_delays_the_retry(mapping: AttackMapping) -> None:
    """A failure with a wait must change the visibility timeout and still be returned for retry."""
    queue = FakeQueue()
    target = FakeDestination({"a": Failure("not found yet", wait=120)})
    assert ["a"] == route(mapping, target, queue).run([record("a")], plenty)
    assert [("a", 120)] == queue.delayed


def test_dead_letter_remedy_moves_the_message_with_its_reason(mapping: AttackMapping) -> None:
    """A failure that is not retryable must go to the dead-letter queue at once, with its reason."""
    queue = FakeQueue()
    target = FakeDestination({"a": Failure("InvalidInput: x", Remedy.DEAD_LETTER)})
    assert [] == route(mapping, target, queue).run([record("a")], plenty)
    assert [("a", "InvalidInput: x")] == queue.dead_lettered


def test_dead_letter_without_a_queue_is_returned(mapping: AttackMapping) -> None:
    """Without the queue settings the record must be returned; the redrive policy dead-letters it later."""
    target = FakeDestination({"a": Failure("InvalidInput: x", Remedy.DEAD_LETTER)})
    assert ["a"] == route(mapping, target).run([record("a")], plenty)


@pytest.mark.parametrize("failure", [Failure("x", Remedy.DEAD_LETTER), Failure("x", wait=60)])
def test_failing_remedy_returns_the_record(mapping: AttackMapping, failure: Failure) -> None:
    """When the remedy itself fails, the record must be returned for retry, not lost."""
    queue = FakeQueue(error=RuntimeError("no permission"))
    assert ["a"] == route(mapping, FakeDestination({"a": failure}), queue).run([record("a")], plenty)


def test_discarded_record_is_acknowledged(mapping: AttackMapping) -> None:
    """A discarded record must be acknowledged."""
    target = FakeDestination({"a": Failure("not found", Remedy.DISCARD)})
    assert [] == route(mapping, target).run([record("a")], plenty)


def test_attempt_is_the_receive_count(mapping: AttackMapping) -> None:
    """The attempt of a delivery must be the receive count of its message."""
    seen: list[int] = []

    class RecordingAttempts(FakeDestination):
        def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
            seen.extend(delivery.attempt for delivery in batch)
            return {}

    route(mapping, RecordingAttempts()).run([record("a", receives=4)], plenty)
    assert [4] == seen


def test_record_without_a_receive_count_is_a_first_attempt(mapping: AttackMapping) -> None:
    """A record that was not made by SQS, as in a test of the console, must be delivered."""
    destination = FakeDestination()
    bare = {key: value for key, value in record("m1").items() if key != "attributes"}
    assert [] == route(mapping, destination).run([bare], plenty)
    assert ["m1"] == destination.delivered


def test_single_event_is_delivered(mapping: AttackMapping) -> None:
    """A single EventBridge event must be delivered under its own id."""
    target, event = FakeDestination(), examples.event("ec2-portscan")
    route(mapping, target).run_one(event, plenty)
    assert [event["id"]] == target.delivered


def test_event_is_read_without_the_reader_of_wrappers(
    mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event must not cost the import of what unwraps messages, also if it lacks detail-type."""
    monkeypatch.delitem(sys.modules, "enricher.finding.envelopes", raising=False)
    target, event = FakeDestination(), examples.event("ec2-portscan")
    del event["detail-type"]
    route(mapping, target).run_one(event, plenty)
    assert [event["id"]] == target.delivered
    assert "enricher.finding.envelopes" not in sys.modules


def notification(message: str) -> dict[str, Any]:
    """Return an SNS notification of a message, as a subscribed queue receives it."""
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:t", "Message": message}


@pytest.mark.parametrize("wrap", [json.dumps, lambda it: json.dumps(it["detail"])], ids=["event", "finding"])
def test_notification_in_a_queue_is_unwrapped(mapping: AttackMapping, wrap: Any) -> None:
    """A finding that reaches the queue through SNS must be delivered, with or without its event."""
    target, body = FakeDestination(), wrap(examples.event("ec2-portscan"))
    assert [] == route(mapping, target).run([record("a", json.dumps(notification(body)))], plenty)
    assert ["a"] == target.delivered


def test_notification_that_invokes_the_function_is_unwrapped(mapping: AttackMapping) -> None:
    """A finding with which SNS invokes the function must be delivered."""
    target, text = FakeDestination(), examples.text_of("ec2-portscan")
    route(mapping, target).run_one({"EventSource": "aws:sns", "Sns": notification(text)}, plenty)
    assert 1 == len(target.delivered)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (notification("hello"), "not JSON"),
        (notification('{"type": "Notification"}'), "expected a finding type"),
        ({"Type": "Notification", "Message": 3}, "expected a finding type"),
        ({"Records": []}, "holds 0 findings"),
        ({"type": "Notification"}, "expected a finding type"),
    ],
)
def test_message_that_wraps_no_finding_is_rejected(mapping: AttackMapping, body: Any, reason: str) -> None:
    """No message may be taken for a finding of the type Notification."""
    with pytest.raises(MalformedEvent, match=reason):
        route(mapping, FakeDestination()).run_one(body, plenty)


@pytest.mark.parametrize("kind", ["Notification", "", "any text"])
def test_event_of_guardduty_is_delivered_whatever_its_type(mapping: AttackMapping, kind: str) -> None:
    """An event of GuardDuty is delivered whatever its type says: a finding must never be dropped."""
    target, event = FakeDestination(), examples.event("ec2-portscan", type=kind)
    route(mapping, target).run_one(event, plenty)
    assert [event["id"]] == target.delivered


def test_failed_single_event_raises(mapping: AttackMapping) -> None:
    """A single event that was not delivered must raise, so that Lambda retries the invocation."""
    event = examples.event("ec2-portscan")
    with pytest.raises(Undelivered, match="throttled"):
        route(mapping, FakeDestination({event["id"]: Failure("throttled")})).run_one(event, plenty)


@pytest.mark.parametrize("event", [None, [], {}, {"detail": 3}, {"Records": "x"}])
def test_invalid_single_event_raises(mapping: AttackMapping, event: object) -> None:
    """An invalid single event must raise, so that it ends in the function's dead-letter queue."""
    with pytest.raises(MalformedEvent):
        route(mapping, FakeDestination()).run_one(event, plenty)


def metrics_of(target: Route) -> dict[str, list[float]]:
    """Return the recorded metrics: name -> values."""
    return {name: list(metric["Value"]) for name, metric in target.metrics.provider.metric_set.items()}


def test_each_record_is_counted_once(mapping: AttackMapping) -> None:
    """Forwarded, mapped, unmapped, invalid, failed and discarded records must each be counted once."""
    target = route(
        mapping,
        FakeDestination({"late": Failure("x"), "gone": Failure("x", Remedy.DISCARD)}),
    )
    unknown = json.dumps({"detail": {"type": "Nothing"}})
    target.run(
        [record("a"), record("b", unknown), record("p", INVALID), record("late"), record("gone")], plenty
    )
    counted = {name: sum(values) for name, values in metrics_of(target).items() if name != "FindingAge"}
    assert {
        "Forwarded": 2,
        "Mapped": 1,
        "Unmapped": 1,
        "UnknownFindingType": 1,
        "InvalidMessage": 1,
        "Failed": 1,
        "Discarded": 1,
    } == counted


def test_unknown_finding_type_is_named_in_the_log(mapping: AttackMapping) -> None:
    """A delivered finding of an unknown type must be named; one of a known type or alias must not."""
    log = io.StringIO()
    target = replace(route(mapping, FakeDestination()), logger=Logger(service="unknown", stream=log))
    bodies = [
        examples.text_of(name) for name in ("awkward-unknown-type", "awkward-alias-type", "ec2-portscan")
    ]
    target.run([record(str(number), body) for number, body in enumerate(bodies)], plenty)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [json.loads(bodies[0])["detail"]["type"]] == [
        line["finding_type"] for line in lines if line["message"] == "unknown finding type"
    ]


@pytest.mark.parametrize(
    ("failure", "level"),
    [
        (Failure("archived in GuardDuty", Remedy.SKIP), "INFO"),
        (Failure("not found yet", wait=60), "INFO"),
        (Failure("throttled"), "WARNING"),
        (Failure("not found", Remedy.DISCARD), "WARNING"),
        (Failure("rejected", Remedy.DEAD_LETTER), "ERROR"),
    ],
)
def test_level_of_the_log_is_that_of_the_remedy(mapping: AttackMapping, failure: Failure, level: str) -> None:
    """What is expected must be logged as information, what is retried or lost as more."""
    log = io.StringIO()
    target = replace(
        route(mapping, FakeDestination({"m1": failure}), FakeQueue()),
        logger=Logger(service=f"level {failure.reason}", stream=log),
    )
    target.run([record("m1")], plenty)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [level] == [line["level"] for line in lines if line["message"] == "not forwarded"]


def test_route_has_the_parts_of_its_settings(mapping: AttackMapping) -> None:
    """Destination, queues, deduplication and ATT&CK version must be those of the settings."""
    settings = Settings(
        topic_arn="arn:aws:sns:eu-west-1:111122223333:siem",
        queue_url="https://sqs.eu-west-1.amazonaws.com/111122223333/siem",
        dead_letter_queue_url="https://sqs.eu-west-1.amazonaws.com/111122223333/siem-dlq",
        deduplication_table="deduplication",
        updates="first",
        attack_version="18.1",
    )
    logger, metrics = Logger(service="parts"), Metrics(namespace="test", service="test")
    made: Any = Route.build(settings, mapping, logger, metrics)
    assert (mapping, "18.1", logger, metrics) == (
        made.mapping, made.attack_version, made.logger, made.metrics
    )  # fmt: skip
    assert (None, None) == (made.overrides, made.account_names)
    named: Any = Route.build(settings._replace(account_names=True), mapping, logger, metrics)
    assert logger is named.account_names.logger
    assert (settings.queue_url, settings.dead_letter_queue_url) == (
        made.queue.url,
        made.queue.dead_letter_url,
    )
    assert (settings.topic_arn, "first") == (made.destination.destination.topic_arn, made.destination.mode)
    assert (logger, metrics) == (made.destination.logger, made.destination.metrics)
    plain: Any = Route.build(
        settings._replace(deduplication_table="", attack_version=""), mapping, logger, metrics
    )
    assert (settings.topic_arn, None) == (plain.destination.topic_arn, plain.attack_version)


@pytest.mark.parametrize(
    ("updated", "ages"),
    [
        ("2026-01-01T00:00:00.000Z", 1),
        ("2025-02-25 20:40:06.721", 1),
        ("2999-01-01T00:00:00Z", 1),
        ("yesterday", 0),
    ],
)
def test_finding_age_is_measured_if_updated_at_is_valid(
    mapping: AttackMapping, updated: str, ages: int
) -> None:
    """FindingAge must be recorded for every valid updatedAt, never be negative, and never raise."""
    target = route(mapping, FakeDestination())
    target.run([record("a", json.dumps(examples.event("ec2-portscan", updatedAt=updated)))], plenty)
    found = metrics_of(target).get("FindingAge", [])
    assert (ages, True) == (len(found), all(age >= 0 for age in found))


@pytest.mark.parametrize(
    ("updated", "age"),
    [
        ("2026-01-01T00:00:00Z", 90.5),
        ("2026-01-01T00:01:30Z", 0.5),
        ("2026-01-01T00:01:31Z", 0.0),
        ("2999-01-01T00:00:00Z", 0.0),
    ],
)
def test_finding_age_is_the_time_since_updated_at(
    mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch, updated: str, age: float
) -> None:
    """FindingAge must be the seconds from updatedAt to the delivery, 0 for a time in the future."""
    now = datetime(2026, 1, 1, 0, 1, 30, 500_000, tzinfo=UTC).timestamp()
    monkeypatch.setattr("enricher.delivery.pipeline.time", SimpleNamespace(time=lambda: now))
    target = route(mapping, FakeDestination())
    target.run([record("a", json.dumps(examples.event("ec2-portscan", updatedAt=updated)))], plenty)
    assert [age] == metrics_of(target)["FindingAge"]


def test_logs_hold_no_finding_content(mapping: AttackMapping) -> None:
    """Logs must contain ARN, type and techniques, and nothing that an attacker or a customer wrote."""
    marker = "sensitive-marker"
    event = examples.event("ec2-portscan", description=marker, title=marker)
    event["detail"]["resource"]["instanceDetails"]["tags"] = [{"key": marker, "value": marker}]
    log = io.StringIO()
    target = replace(
        route(mapping, FakeDestination({"b": Failure("throttled")})),
        logger=Logger(service="test-log", stream=log),
    )
    target.run([record(key, json.dumps(event)) for key in "ab"], plenty)
    assert [event["detail"]["arn"]] * 2 == [
        json.loads(line)["finding_arn"] for line in log.getvalue().splitlines()
    ]
    assert marker not in log.getvalue()
