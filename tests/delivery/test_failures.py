"""Check what a batch makes of trouble that is not the destination's: records, reports, remedies, time."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger, Metrics
from botocore.stub import Stubber

from enricher.delivery.pipeline import Route
from enricher.delivery.source_queue import PATIENCE, SourceQueue, build
from enricher.destinations.base import Failure, Parcel, Remedy, TimeLeft
from enricher.destinations.sns import SnsDestination
from enricher.enrichment.enrich import enrich
from enricher.formats import load_format
from enricher.settings import InvalidSettings, Settings, read_settings
from tests import examples
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.plant import Witness

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/siem"


@dataclass
class Target:
    """Take everything but what is told to fail."""

    failures: dict[str, Failure] = field(default_factory=dict)
    delivered: list[Parcel] = field(default_factory=list)

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Play a destination."""
        del time_left
        self.delivered += batch
        return self.failures


@dataclass
class Aside:
    """Record what is postponed and set aside."""

    did: list[tuple[str, str, object]] = field(default_factory=list)

    def postpone(self, record: Mapping[str, Any], seconds: int) -> None:
        """Play ChangeMessageVisibility."""
        self.did.append(("postpone", record["messageId"], seconds))

    def set_aside(self, record: Mapping[str, Any], reason: str) -> None:
        """Play SendMessage."""
        self.did.append(("set aside", record["messageId"], reason))


def record(key: str, body: str | None = None, **attributes: str) -> dict[str, Any]:
    """Make an SQS record."""
    text = examples.text_of("ec2-portscan") if body is None else body
    return {"messageId": key, "receiptHandle": f"handle {key}", "body": text, "attributes": attributes}


def route(target: Any, queue: Any = None, witness: Any = None) -> Route:
    """Make a route of fakes."""
    witness = witness or Witness()
    return Route(small_mapping(), None, target, queue, witness, witness)


def plenty() -> float:
    """Give enough time for anything."""
    return 50.0


def test_poison_is_given_back_once_then_set_aside_with_its_reason() -> None:
    """What is no finding must be a failed record first, and be set aside when it comes again."""
    aside = Aside()
    assert ["a"] == route(Target(), aside).run([record("a", "not JSON"), record("b")], plenty)
    assert [] == aside.did
    again = record("a", "not JSON", ApproximateReceiveCount="2")
    assert [] == route(Target(), aside).run([again, record("b")], plenty)
    assert [("set aside", "a", "not JSON: Expecting value (line 1, column 1)")] == aside.did


def test_record_that_breaks_the_code_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that the code itself trips over must come again, and the others be delivered."""

    def trip(finding: Any, *rest: Any) -> Any:
        if finding.type == "trip":
            raise KeyError("bug")
        return enrich(finding, *rest)

    monkeypatch.setattr("enricher.delivery.pipeline.enrich", trip)
    target = Target()
    bad = json.dumps(examples.event("ec2-portscan", type="trip"))
    failed = route(target, Aside(), _Silent()).run([record("a", bad), record("b"), record("c")], plenty)
    assert (["a"], ["b", "c"]) == (failed, [parcel.id for parcel in target.delivered])


class _Silent(Witness):
    def exception(self, message: str, extra: dict[str, Any] | None = None) -> None:
        """Take it quietly: the test is about what follows."""
        del message, extra


def test_report_that_fails_does_not_repeat_a_delivery() -> None:
    """When logs or metrics break after the delivery, the records must be acknowledged all the same."""

    class Broken(_Silent):
        def add_metric(self, name: str, unit: object, value: float) -> None:
            raise ValueError("bug")

    target = Target()
    assert [] == route(target, None, Broken()).run([record("a"), record("b")], plenty)
    assert 2 == len(target.delivered)


def test_unknown_id_in_an_answer_is_ignored() -> None:
    """An answer that names a record which is not in the batch must stand for the others."""
    target = Target({"stranger": Failure("x"), "a": Failure("y")})
    assert ["a"] == route(target).run([record("a"), record("b")], plenty)


@pytest.mark.parametrize("failure", [Failure("x", Remedy.DEAD_LETTER), Failure("x", wait=60)])
def test_remedy_waits_for_the_next_time_when_time_is_short(failure: Failure) -> None:
    """With less time left than a call to the queue can take, the record must be returned without one."""
    aside = Aside()
    failed = route(Target({"a": failure}), aside).run([record("a")], lambda: PATIENCE.seconds - 0.1)
    assert (["a"], []) == (failed, aside.did)


@pytest.mark.parametrize("remedy", [Remedy.LET_GO, Remedy.SKIP])
def test_what_is_let_go_is_acknowledged(remedy: Remedy) -> None:
    """What needs no delivery must be acknowledged and cost no call to the queue."""
    aside = Aside()
    assert [] == route(Target({"a": Failure("x", remedy)}), aside).run([record("a")], plenty)
    assert [] == aside.did


@pytest.mark.parametrize(
    ("failure", "metric"),
    [
        (Failure("x"), "Failed"),
        (Failure("x", Remedy.DEAD_LETTER), "Failed"),
        (Failure("x", Remedy.LET_GO), "LetGo"),
        (Failure("x", Remedy.SKIP), "Skipped"),
        (Failure("x", Remedy.SKIP, metric="Suppressed"), "Suppressed"),
        (Failure("x", wait=60, metric="NotYetThere"), "NotYetThere"),
    ],
)
def test_each_fate_has_its_metric(failure: Failure, metric: str) -> None:
    """Each fate of a record must be counted under one name, that of the destination where it gives one."""
    witness = Witness()
    route(Target({"a": failure}), Aside(), witness).run([record("a")], plenty)
    assert {metric: 1} == dict(witness.counted)


def test_destination_learns_how_long_a_message_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds since the first receive must reach the destination, endless where unknown."""
    monkeypatch.setattr("enricher.delivery.pipeline.time.time", lambda: 1000.0)
    target = Target()
    first = record("a", ApproximateReceiveCount="3", ApproximateFirstReceiveTimestamp="400000")
    route(target).run([first, record("b")], plenty)
    assert [(3, 600.0), (1, float("inf"))] == [(parcel.attempt, parcel.waited) for parcel in target.delivered]


def test_format_that_breaks_sets_aside_its_own_finding_only() -> None:
    """A format that trips over one finding must not hold back the others of the batch."""

    def render(enriched: Any, limit: int) -> str:
        if enriched.finding.type == "trip":
            return load_format("no such format")(enriched, limit)
        return load_format("guardduty")(enriched, limit)

    client = boto3.client("sns", region_name="eu-west-1")
    sns = SnsDestination(client, "arn:aws:sns:eu-west-1:111122223333:t", render, 262_144, 22.0)
    aside = Aside()
    bad = json.dumps(examples.event("ec2-portscan", type="trip"))
    with Stubber(client) as stub:
        stub.add_response("publish_batch", {"Successful": [], "Failed": []})
        assert [] == route(sns, aside).run([record("a", bad), record("b")], plenty)
    ((remedy, key, reason),) = aside.did
    assert ("set aside", "a", "KeyError at enricher.formats") == (remedy, key, str(reason).partition(":")[0])


def test_queue_calls_are_what_sqs_expects() -> None:
    """Postponing must keep to the longest visibility, setting aside keep the body and the reason."""
    client = boto3.client("sqs", region_name="eu-west-1")
    queue = SourceQueue(client, QUEUE_URL, f"{QUEUE_URL}-dead")
    with Stubber(client) as stub:
        visible = {"QueueUrl": QUEUE_URL, "ReceiptHandle": "handle a"}
        stub.add_response("change_message_visibility", {}, {**visible, "VisibilityTimeout": 60})
        stub.add_response("change_message_visibility", {}, {**visible, "VisibilityTimeout": 43_200})
        reason = {"reason": {"DataType": "String", "StringValue": "no good"}}
        sent = {"QueueUrl": f"{QUEUE_URL}-dead", "MessageBody": "body", "MessageAttributes": reason}
        stub.add_response("send_message", {}, sent)
        queue.postpone(record("a"), 60)
        queue.postpone(record("a"), 50_000)
        queue.set_aside(record("a", "body"), "no\ngood")
        stub.assert_no_pending_responses()


def test_calls_to_the_queue_are_bounded() -> None:
    """The queue's client must give up within the time that is reserved for a call."""
    queue = build(Settings(queue_url=QUEUE_URL, dead_letter_queue_url=f"{QUEUE_URL}-dead"))
    assert queue is not None
    config: Any = queue.client.meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) + attempts - 1 <= PATIENCE.seconds


@pytest.mark.parametrize("environment", [{"ACCOUNT_ID": "111122223333"}, {"QUEUE_URL": QUEUE_URL}])
def test_account_is_given_or_the_queues(environment: dict[str, str]) -> None:
    """Import must learn the function's account from its setting, or from the queue's address."""
    settings = read_settings({"DESTINATION": "security-hub-import", **environment})
    assert "111122223333" == settings.account_id


@pytest.mark.parametrize("environment", [{}, {"ACCOUNT_ID": "12"}, {"QUEUE_URL": "https://example.com/q"}])
def test_import_without_an_account_is_refused(environment: dict[str, str]) -> None:
    """Import must not start without knowing which findings are its own, and say which setting tells it."""
    with pytest.raises(InvalidSettings, match="ACCOUNT_ID"):
        read_settings({"DESTINATION": "security-hub-import", **environment})


def test_real_logger_and_metrics_take_every_fate() -> None:
    """Powertools' own logger and metrics must take what is reported of each fate."""
    metrics = Metrics(namespace="test", service="test")
    fates = {remedy.value: Failure("x", remedy) for remedy in Remedy}
    real = Route(small_mapping(), None, Target(fates), None, Logger(service="test"), metrics)
    returned = real.run([record(key) for key in fates], plenty)
    assert ["retry", "dead-letter"] == returned
    metrics.clear_metrics()


@pytest.mark.parametrize("place", ["record", "destination", "report"])
def test_no_error_quotes_the_finding_in_the_log(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks, the log must name the error and the line, and nothing that the error says."""
    marker = "sensitive-marker"

    def trip(*_: Any, **__: Any) -> Any:
        raise KeyError(marker)

    target, log = Target(), io.StringIO()
    if place == "record":
        monkeypatch.setattr("enricher.delivery.pipeline.enrich", trip)
    elif place == "destination":
        monkeypatch.setattr(target, "deliver", trip)
    else:
        monkeypatch.setattr(Route, "_report", trip)
    logger = Logger(service=f"trouble-{place}", stream=log)
    metrics = Metrics(namespace="test", service="test")
    Route(small_mapping(), None, target, None, logger, metrics).run([record("a")], plenty)
    assert "KeyError" in log.getvalue()
    assert marker not in log.getvalue()


def test_record_that_breaks_the_code_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that the code trips over must be counted as failed, as an alarm may watch for that."""

    def trip(*_: Any) -> Any:
        raise KeyError("bug")

    monkeypatch.setattr("enricher.delivery.pipeline.enrich", trip)
    witness = Witness()
    assert ["a"] == route(Target(), witness=witness).run([record("a")], plenty)
    assert 1 == witness.counted["Failed"]
