"""Test a route: every record answered for on its own, nothing swallowed, nothing failed once delivered."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping as ReadMapping
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from enricher.delivery.pipeline import Route, Undelivered
from enricher.destinations.base import Failure, Parcel, Remedy, TimeLeft
from enricher.finding.event import MalformedEvent
from enricher.mapping.model import Mapping
from tests import examples

POISON = "{not json"


@dataclass
class FakeDestination:
    """Record what is delivered; fail the parcels it was told to fail, or break."""

    failures: ReadMapping[str, Failure] = field(default_factory=dict)
    error: Exception | None = None
    delivered: list[str] = field(default_factory=list)

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> ReadMapping[str, Failure]:
        """Play a destination."""
        if self.error:
            raise self.error
        self.delivered += [parcel.id for parcel in batch if parcel.id not in self.failures]
        return {parcel.id: self.failures[parcel.id] for parcel in batch if parcel.id in self.failures}


@dataclass
class FakeQueue:
    """Record what is postponed and set aside; break if told so."""

    error: Exception | None = None
    postponed: list[tuple[str, int]] = field(default_factory=list)
    aside: list[tuple[str, str]] = field(default_factory=list)

    def postpone(self, record: ReadMapping[str, Any], seconds: int) -> None:
        """Play ChangeMessageVisibility."""
        if self.error:
            raise self.error
        self.postponed.append((record["messageId"], seconds))

    def set_aside(self, record: ReadMapping[str, Any], reason: str) -> None:
        """Play SendMessage to the dead-letter queue."""
        if self.error:
            raise self.error
        self.aside.append((record["messageId"], reason))


def route(mapping: Mapping, destination: FakeDestination, queue: FakeQueue | None = None) -> Route:
    """Make a route of fakes, with real logs and metrics."""
    metrics = Metrics(namespace="test", service="test")
    metrics.clear_metrics()
    return Route(mapping, None, destination, queue, Logger(service="test"), metrics)  # type: ignore[arg-type]


def record(key: str, body: str | None = None, receives: int = 1) -> dict[str, Any]:
    """Make an SQS record; the body is an example event unless told otherwise."""
    return {
        "messageId": key,
        "receiptHandle": f"handle-{key}",
        "body": examples.text_of("ec2-portscan") if body is None else body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }


def plenty() -> float:
    """Give all the time in the world."""
    return 900.0


@pytest.mark.parametrize("place", range(10))
def test_one_poison_in_ten_fails_alone(mapping: Mapping, place: int) -> None:
    """Ten messages of which one is poison must give exactly that one failed record, nine deliveries."""
    target = FakeDestination()
    keys = [str(number) for number in range(10)]
    records = [record(key, POISON if key == str(place) else None) for key in keys]
    assert [str(place)] == route(mapping, target).run(records, plenty)
    assert [key for key in keys if key != str(place)] == target.delivered


def test_failure_is_returned_to_the_queue(mapping: Mapping) -> None:
    """What the destination names as failed must be returned, and nothing else."""
    target = FakeDestination({"b": Failure("throttled")})
    assert ["b"] == route(mapping, target).run([record(key) for key in "abc"], plenty)


def test_broken_destination_returns_everything(mapping: Mapping) -> None:
    """A destination that raises must cost a redelivery of the batch, never a finding."""
    target = FakeDestination(error=RuntimeError("bug"))
    assert ["a", "b"] == route(mapping, target).run([record(key) for key in "ab"], plenty)


def test_wait_postpones_the_message(mapping: Mapping) -> None:
    """A failure with a wait must raise the message's visibility and still be returned."""
    queue = FakeQueue()
    target = FakeDestination({"a": Failure("not there yet", wait=120)})
    assert ["a"] == route(mapping, target, queue).run([record("a")], plenty)
    assert [("a", 120)] == queue.postponed


def test_dead_letter_goes_aside_with_its_reason(mapping: Mapping) -> None:
    """What no retry can help must go to the dead-letter queue at once, with its reason."""
    queue = FakeQueue()
    target = FakeDestination({"a": Failure("InvalidInput: x", Remedy.DEAD_LETTER)})
    assert [] == route(mapping, target, queue).run([record("a")], plenty)
    assert [("a", "InvalidInput: x")] == queue.aside


def test_dead_letter_without_a_queue_is_returned(mapping: Mapping) -> None:
    """A function that was not told its queues must return the record: redrive sets it aside later."""
    target = FakeDestination({"a": Failure("InvalidInput: x", Remedy.DEAD_LETTER)})
    assert ["a"] == route(mapping, target).run([record("a")], plenty)


@pytest.mark.parametrize("failure", [Failure("x", Remedy.DEAD_LETTER), Failure("x", wait=60)])
def test_failing_remedy_returns_the_record(mapping: Mapping, failure: Failure) -> None:
    """When the remedy itself fails, the record must be returned to the queue, not lost."""
    queue = FakeQueue(error=RuntimeError("no permission"))
    assert ["a"] == route(mapping, FakeDestination({"a": failure}), queue).run([record("a")], plenty)


def test_let_go_is_acknowledged(mapping: Mapping) -> None:
    """What the destination has no place for must be acknowledged."""
    target = FakeDestination({"a": Failure("never appeared", Remedy.LET_GO)})
    assert [] == route(mapping, target).run([record("a")], plenty)


def test_attempt_is_the_receive_count(mapping: Mapping) -> None:
    """The destination must see how often the message was received."""
    seen: list[int] = []

    class Watching(FakeDestination):
        def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> ReadMapping[str, Failure]:
            seen.extend(parcel.attempt for parcel in batch)
            return {}

    route(mapping, Watching()).run([record("a", receives=4)], plenty)
    assert [4] == seen


def test_bare_event_is_delivered(mapping: Mapping) -> None:
    """A bare EventBridge event must be delivered under its own id."""
    target, event = FakeDestination(), examples.event("ec2-portscan")
    route(mapping, target).run_one(event, plenty)
    assert [event["id"]] == target.delivered


def test_bare_event_that_failed_raises(mapping: Mapping) -> None:
    """A bare event that was not delivered must raise, so that Lambda retries it."""
    event = examples.event("ec2-portscan")
    with pytest.raises(Undelivered, match="throttled"):
        route(mapping, FakeDestination({event["id"]: Failure("throttled")})).run_one(event, plenty)


@pytest.mark.parametrize("event", [None, [], {}, {"detail": 3}, {"Records": "x"}])
def test_bare_event_that_is_no_finding_raises(mapping: Mapping, event: object) -> None:
    """What is no finding must raise, so that it ends in the function's dead-letter queue."""
    with pytest.raises(MalformedEvent):
        route(mapping, FakeDestination()).run_one(event, plenty)


def metrics_of(target: Route) -> dict[str, list[float]]:
    """Give what was counted: name -> values."""
    return {name: list(metric["Value"]) for name, metric in target.metrics.provider.metric_set.items()}


def test_everything_is_counted(mapping: Mapping) -> None:
    """Forwarded, mapped, unmapped, refused, failed and let go must each be counted once per record."""
    target = route(
        mapping,
        FakeDestination({"late": Failure("x"), "gone": Failure("x", Remedy.LET_GO)}),
    )
    unknown = json.dumps({"detail": {"type": "Nothing"}})
    target.run(
        [record("a"), record("b", unknown), record("p", POISON), record("late"), record("gone")], plenty
    )
    counted = {name: sum(values) for name, values in metrics_of(target).items() if name != "FindingAge"}
    assert {"Forwarded": 2, "Mapped": 1, "Unmapped": 1, "Refused": 1, "Failed": 1, "LetGo": 1} == counted


@pytest.mark.parametrize(
    ("updated", "ages"),
    [
        ("2026-01-01T00:00:00.000Z", 1),
        ("2025-02-25 20:40:06.721", 1),
        ("2999-01-01T00:00:00Z", 1),
        ("yesterday", 0),
    ],
)
def test_age_is_measured_where_it_can_be(mapping: Mapping, updated: str, ages: int) -> None:
    """The age at delivery must be counted for every readable time, never negative, and never raise."""
    target = route(mapping, FakeDestination())
    target.run([record("a", json.dumps(examples.event("ec2-portscan", updatedAt=updated)))], plenty)
    found = metrics_of(target).get("FindingAge", [])
    assert (ages, True) == (len(found), all(age >= 0 for age in found))


def test_logs_hold_no_finding_content(mapping: Mapping) -> None:
    """Logs must name ARN, type and techniques, and nothing that an attacker or a customer wrote."""
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
