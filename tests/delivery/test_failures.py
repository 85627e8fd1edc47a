"""Test failures outside the destination: invalid records, reporting, remedies, execution time."""

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

from enricher.delivery.log_lines import log_line
from enricher.delivery.pipeline import Route
from enricher.delivery.source_queue import TIMEOUTS, SourceQueue, build
from enricher.destinations.base import Delivery, Failure, Remedy, TimeLeft
from enricher.destinations.sns import SnsDestination
from enricher.enrichment.enrich import enrich
from enricher.formats import load_format
from enricher.settings import InvalidSettings, Settings, read_settings
from tests import examples
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.simulation import RecordingTelemetry

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/siem"


@dataclass
class Target:
    """A destination that records its deliveries and returns the configured failures."""

    failures: dict[str, Failure] = field(default_factory=dict)
    delivered: list[Delivery] = field(default_factory=list)

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Record the batch; return the configured failures."""
        del time_left
        self.delivered += batch
        return self.failures


@dataclass
class RecordingQueue:
    """A source queue that records its calls."""

    calls: list[tuple[str, str, object]] = field(default_factory=list)

    def delay_retry(self, record: Mapping[str, Any], seconds: int) -> None:
        """Record a ChangeMessageVisibility call."""
        self.calls.append(("delay", record["messageId"], seconds))

    def move_to_dead_letter_queue(self, record: Mapping[str, Any], reason: str) -> None:
        """Record a SendMessage call to the dead-letter queue."""
        self.calls.append(("dead-letter", record["messageId"], reason))


def record(key: str, body: str | None = None, **attributes: str) -> dict[str, Any]:
    """Return an SQS record."""
    text = examples.text_of("ec2-portscan") if body is None else body
    return {"messageId": key, "receiptHandle": f"handle {key}", "body": text, "attributes": attributes}


def route(target: Any, queue: Any = None, telemetry: Any = None) -> Route:
    """Return a route with fake parts."""
    telemetry = telemetry or RecordingTelemetry()
    return Route(small_mapping(), None, target, queue, telemetry, telemetry)


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 50.0


def test_invalid_message_is_retried_once_then_dead_lettered() -> None:
    """An invalid message must be retried once and moved to the dead-letter queue on its second receive."""
    queue = RecordingQueue()
    assert ["a"] == route(Target(), queue).run([record("a", "not JSON"), record("b")], plenty)
    assert [] == queue.calls
    again = record("a", "not JSON", ApproximateReceiveCount="2")
    assert [] == route(Target(), queue).run([again, record("b")], plenty)
    assert [("dead-letter", "a", "not JSON: Expecting value (line 1, column 1)")] == queue.calls


def test_unexpected_error_fails_only_its_own_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that raises an unexpected error must be retried, and the others delivered."""

    def fail(finding: Any, *rest: Any) -> Any:
        if finding.type == "fail":
            raise KeyError("bug")
        return enrich(finding, *rest)

    monkeypatch.setattr("enricher.delivery.pipeline.enrich", fail)
    target = Target()
    invalid = json.dumps(examples.event("ec2-portscan", type="fail"))
    failed = route(target, RecordingQueue(), _SilentTelemetry()).run(
        [record("a", invalid), record("b"), record("c")], plenty
    )
    assert (["a"], ["b", "c"]) == (failed, [delivery.id for delivery in target.delivered])


class _SilentTelemetry(RecordingTelemetry):
    def exception(self, message: str, extra: dict[str, Any] | None = None) -> None:
        """Ignore it: the test is about what follows."""
        del message, extra


def test_logging_error_does_not_cause_a_duplicate() -> None:
    """When logging or metrics fail after the delivery, the records must still be acknowledged."""

    class FailingMetrics(_SilentTelemetry):
        def add_metric(self, name: str, unit: object, value: float) -> None:
            raise ValueError("bug")

    target = Target()
    assert [] == route(target, None, FailingMetrics()).run([record("a"), record("b")], plenty)
    assert 2 == len(target.delivered)


def test_unknown_id_in_the_failures_is_ignored() -> None:
    """A failure of an id that is not in the batch must not affect the other failures."""
    target = Target({"unknown": Failure("x"), "a": Failure("y")})
    assert ["a"] == route(target).run([record("a"), record("b")], plenty)


@pytest.mark.parametrize("failure", [Failure("x", Remedy.DEAD_LETTER), Failure("x", wait=60)])
def test_remedy_is_skipped_without_enough_time(failure: Failure) -> None:
    """With less time left than an SQS call can take, the record must be returned for retry without one."""
    queue = RecordingQueue()
    failed = route(Target({"a": failure}), queue).run([record("a")], lambda: TIMEOUTS.seconds - 0.1)
    assert (["a"], []) == (failed, queue.calls)


@pytest.mark.parametrize("remedy", [Remedy.DISCARD, Remedy.SKIP])
def test_discarded_or_skipped_record_is_acknowledged(remedy: Remedy) -> None:
    """A discarded or skipped record must be acknowledged without an SQS call."""
    queue = RecordingQueue()
    assert [] == route(Target({"a": Failure("x", remedy)}), queue).run([record("a")], plenty)
    assert [] == queue.calls


@pytest.mark.parametrize(
    ("failure", "metric"),
    [
        (Failure("x"), "Failed"),
        (Failure("x", Remedy.DEAD_LETTER), "Failed"),
        (Failure("x", Remedy.DISCARD), "Discarded"),
        (Failure("x", Remedy.SKIP), "Skipped"),
        (Failure("x", Remedy.SKIP, metric="DuplicateSuppressed"), "DuplicateSuppressed"),
        (Failure("x", wait=60, metric="SecurityHubFindingPending"), "SecurityHubFindingPending"),
    ],
)
def test_each_remedy_has_its_metric(failure: Failure, metric: str) -> None:
    """A failed record must be counted in one metric: that of the failure, or else that of its remedy."""
    telemetry = RecordingTelemetry()
    route(Target({"a": failure}), RecordingQueue(), telemetry).run([record("a")], plenty)
    assert {metric: 1} == dict(telemetry.counted)


def test_destination_gets_attempt_and_elapsed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery must carry receive count and seconds since the first receive, infinite if unknown."""
    monkeypatch.setattr("enricher.delivery.pipeline.time.time", lambda: 1000.0)
    target = Target()
    first = record("a", ApproximateReceiveCount="3", ApproximateFirstReceiveTimestamp="400000")
    route(target).run([first, record("b")], plenty)
    assert [(3, 600.0), (1, float("inf"))] == [
        (delivery.attempt, delivery.elapsed) for delivery in target.delivered
    ]


def test_rendering_error_dead_letters_only_its_own_finding() -> None:
    """A finding that a format fails to render must be dead-lettered, and the others delivered."""

    def render(enriched: Any, limit: int) -> str:
        if enriched.finding.type == "fail":
            return load_format("no such format")(enriched, limit)
        return load_format("guardduty")(enriched, limit)

    client = boto3.client("sns", region_name="eu-west-1")
    sns = SnsDestination(client, "arn:aws:sns:eu-west-1:111122223333:t", render, 262_144, 22.0)
    queue = RecordingQueue()
    invalid = json.dumps(examples.event("ec2-portscan", type="fail"))
    with Stubber(client) as stub:
        stub.add_response("publish_batch", {"Successful": [{"Id": "0", "MessageId": "m"}], "Failed": []})
        assert [] == route(sns, queue).run([record("a", invalid), record("b")], plenty)
    ((remedy, key, reason),) = queue.calls
    assert ("dead-letter", "a", "KeyError at enricher.formats") == (
        remedy,
        key,
        str(reason).partition(":")[0],
    )


def test_queue_calls_are_valid_for_sqs() -> None:
    """The delay must be at most 12 hours; a dead-lettered message must have its body and its reason."""
    client = boto3.client("sqs", region_name="eu-west-1")
    queue = SourceQueue(client, QUEUE_URL, f"{QUEUE_URL}-dead")
    with Stubber(client) as stub:
        visible = {"QueueUrl": QUEUE_URL, "ReceiptHandle": "handle a"}
        stub.add_response("change_message_visibility", {}, {**visible, "VisibilityTimeout": 60})
        stub.add_response("change_message_visibility", {}, {**visible, "VisibilityTimeout": 43_200})
        reason = {"reason": {"DataType": "String", "StringValue": "no good"}}
        sent = {"QueueUrl": f"{QUEUE_URL}-dead", "MessageBody": "body", "MessageAttributes": reason}
        stub.add_response("send_message", {"MessageId": "m"}, sent)
        queue.delay_retry(record("a"), 60)
        queue.delay_retry(record("a"), 50_000)
        queue.move_to_dead_letter_queue(record("a", "body"), "no\ngood")
        stub.assert_no_pending_responses()


def attribute(value: str) -> dict[str, Any]:
    """Return the message attributes of a record that belongs to a resend."""
    return {"resend": {"stringValue": value, "dataType": "String"}}


def test_dead_lettered_message_keeps_its_resend() -> None:
    """The id of a resend must stay in the dead-letter queue, so that a redrive sends the finding again."""
    client = boto3.client("sqs", region_name="eu-west-1")
    with Stubber(client) as stub:
        attributes = {
            "reason": {"DataType": "String", "StringValue": "why"},
            "resend": {"DataType": "String", "StringValue": "run 1"},
        }
        sent = {"QueueUrl": f"{QUEUE_URL}-dead", "MessageBody": "body", "MessageAttributes": attributes}
        stub.add_response("send_message", {"MessageId": "m"}, sent)
        queue = SourceQueue(client, QUEUE_URL, f"{QUEUE_URL}-dead")
        queue.move_to_dead_letter_queue(
            {**record("a", "body"), "messageAttributes": attribute("run 1")}, "why"
        )
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("attributes", "changes", "resend"),
    [
        (attribute("run 1"), {}, "run 1"),
        (attribute("run 1"), {"replay-name": "replay 1"}, "run 1"),
        ({}, {"replay-name": "replay 1"}, "replay 1"),
        ({}, {"replay-name": 3}, ""),
        ({"resend": {"binaryValue": "eA=="}}, {}, ""),
        (None, {}, ""),
    ],
)
def test_delivery_has_the_id_of_its_resend(attributes: Any, changes: dict[str, Any], resend: str) -> None:
    """The id of a resend is the message attribute `resend`, else the name of an EventBridge replay."""
    target = Target()
    body = json.dumps({**examples.event("ec2-portscan"), **changes})
    route(target).run([{**record("a", body), "messageAttributes": attributes}], plenty)
    assert [resend] == [delivery.resend for delivery in target.delivered]


def test_calls_to_the_queue_are_bounded() -> None:
    """The SQS client must time out within the time that is reserved for a call."""
    queue = build(Settings(queue_url=QUEUE_URL, dead_letter_queue_url=f"{QUEUE_URL}-dead"))
    assert queue is not None
    config: Any = queue.client.meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) + attempts - 1 <= TIMEOUTS.seconds


@pytest.mark.parametrize("environment", [{"ACCOUNT_ID": "111122223333"}, {"QUEUE_URL": QUEUE_URL}])
def test_account_is_read_from_the_setting_or_the_queue_url(environment: dict[str, str]) -> None:
    """The function's account must be that of ACCOUNT_ID, or else that of QUEUE_URL."""
    settings = read_settings({"DESTINATION": "security-hub-import", **environment})
    assert "111122223333" == settings.account_id


@pytest.mark.parametrize("environment", [{}, {"ACCOUNT_ID": "12"}, {"QUEUE_URL": "https://example.com/q"}])
def test_import_without_an_account_is_rejected(environment: dict[str, str]) -> None:
    """Import without a valid account must raise an error that names ACCOUNT_ID."""
    with pytest.raises(InvalidSettings, match="ACCOUNT_ID"):
        read_settings({"DESTINATION": "security-hub-import", **environment})


def test_real_logger_and_metrics_accept_every_remedy() -> None:
    """The Powertools logger and metrics must accept the report of each remedy."""
    metrics = Metrics(namespace="test", service="test")
    failures = {remedy.value: Failure("x", remedy) for remedy in Remedy}
    real = Route(small_mapping(), None, Target(failures), None, Logger(service="test"), metrics)
    returned = real.run([record(key) for key in failures], plenty)
    assert ["retry", "dead-letter"] == returned
    metrics.clear_metrics()


@pytest.mark.parametrize("place", ["record", "destination", "report"])
def test_no_error_quotes_the_finding_in_the_log(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever an error is raised, the log must contain its class and never its message."""
    marker = "sensitive-marker"

    def fail(*_: Any, **__: Any) -> Any:
        raise KeyError(marker)

    target, log = Target(), io.StringIO()
    if place == "record":
        monkeypatch.setattr("enricher.delivery.pipeline.enrich", fail)
    elif place == "destination":
        monkeypatch.setattr(target, "deliver", fail)
    else:
        monkeypatch.setattr(Route, "_report", fail)
    logger = Logger(service=f"failure-{place}", stream=log)
    metrics = Metrics(namespace="test", service="test")
    Route(small_mapping(), None, target, None, logger, metrics).run([record("a")], plenty)
    assert "KeyError" in log.getvalue()
    assert marker not in log.getvalue()


@pytest.mark.parametrize(
    "value", ["\ud800", "x" * 150_000, "a\nb", "\u2028"], ids=["surrogate", "long", "line", "u2028"]
)
@pytest.mark.parametrize("field", ["arn", "type"])
def test_no_finding_loses_its_log_line(field: str, value: str) -> None:
    """A finding must leave one log line of limited size, whatever its ARN and type contain."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    logger = Logger(service=f"log {field} {value[:9]!a}", stream=stream, json_serializer=log_line)
    metrics = Metrics(namespace="test", service="test")
    body = json.dumps(examples.event("ec2-portscan", **{field: f"Recon:EC2/{value}"}))
    target = Target({"b": Failure("throttled")})
    Route(small_mapping(), None, target, None, logger, metrics).run(
        [record("a", body), record("b", body)], plenty
    )
    metrics.clear_metrics()
    stream.seek(0)
    lines = [json.loads(line) for line in stream.read().splitlines()]
    own = [line for line in lines if line["message"] in ("forwarded", "not forwarded")]
    assert ["a", "b"] == [line["record"] for line in own]
    assert all(len(json.dumps(line)) < 50_000 for line in lines)


def test_unexpected_error_is_counted_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that raises an unexpected error must be counted in the metric Failed."""

    def fail(*_: Any) -> Any:
        raise KeyError("bug")

    monkeypatch.setattr("enricher.delivery.pipeline.enrich", fail)
    telemetry = RecordingTelemetry()
    assert ["a"] == route(Target(), telemetry=telemetry).run([record("a")], plenty)
    assert 1 == telemetry.counted["Failed"]
