"""Test the SNS destination: filter policies against moto, limits and errors against a fake client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from moto import mock_aws

from enricher.destinations.base import Delivery, Failure, Remedy
from enricher.destinations.batching import batch_by_size
from enricher.destinations.sns import (
    ENTRIES_PER_CALL,
    SnsDestination,
    attributes_of,
    attributes_size,
    encode_once,
)
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.fault_injection.injector import client_error
from tests.loopback import Answer, serve

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 900.0


def delivery(mapping: AttackMapping, name: str = "ec2-portscan", key: str = "m", **changes: Any) -> Delivery:
    """Return a delivery of an example event."""
    return Delivery(key, enrich(Finding.from_event(examples.event(name, **changes)), mapping))


@pytest.fixture
def aws() -> Iterator[tuple[SNSClient, SQSClient]]:
    """Return clients of moto's SNS and SQS."""
    with mock_aws():
        yield boto3.client("sns"), boto3.client("sqs")


def destination(client: SNSClient, limit: int = 262_144) -> SnsDestination:
    """Create a topic; return the destination that publishes to it."""
    topic = client.create_topic(Name="findings")["TopicArn"]
    return SnsDestination(client, topic, load_format("guardduty"), limit, call_seconds=20)


def subscribe(aws: tuple[SNSClient, SQSClient], topic: str, **attributes: str) -> str:
    """Subscribe a queue with raw delivery and a filter policy; return its URL."""
    sns, sqs = aws
    url = sqs.create_queue(QueueName=f"queue{len(sqs.list_queues().get('QueueUrls', []))}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true", **attributes}
    )
    return url


def receive(sqs: SQSClient, url: str) -> list[dict[str, Any]]:
    """Receive every message of a queue; return the parsed bodies."""
    out: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        out += [json.loads(message["Body"]) for message in messages]
    return out


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ({"techniques": ["T1046"]}, "MessageAttributes"),
        ({"tactics": ["Discovery"]}, "MessageAttributes"),
        ({"severity": [{"numeric": [">=", 4]}], "account_id": ["111122223333"]}, "MessageAttributes"),
        ({"finding_type": [{"prefix": "Recon:"}]}, "MessageAttributes"),
        ({"attack": {"techniques": {"id": ["T1046"]}}}, "MessageBody"),
        ({"detail": {"type": ["Recon:EC2/Portscan"]}}, "MessageBody"),
    ],
)
def test_filter_policies_match(
    aws: tuple[SNSClient, SQSClient], mapping: AttackMapping, policy: dict[str, Any], scope: str
) -> None:
    """A subscriber must get exactly the finding that its filter policy matches, by attribute or by body."""
    target = destination(aws[0])
    url = subscribe(aws, target.topic_arn, FilterPolicy=json.dumps(policy), FilterPolicyScope=scope)
    other = delivery(mapping, "ec2-ssh-brute-force-inbound", "other")
    assert {} == target.deliver([delivery(mapping), other], plenty)
    assert ["Recon:EC2/Portscan"] == [body["detail"]["type"] for body in receive(aws[1], url)]


def test_filter_policy_matches_former_ids(aws: tuple[SNSClient, SQSClient], mapping: AttackMapping) -> None:
    """A filter policy written for T1562 before ATT&CK 19 must still match its findings."""
    target = destination(aws[0])
    url = subscribe(
        aws, target.topic_arn, FilterPolicy='{"techniques": ["T1562"], "tactics": ["Defense Evasion"]}'
    )
    target.deliver([delivery(mapping, "iam-cloudtrail-logging-disabled")], plenty)
    assert 1 == len(receive(aws[1], url))


@pytest.mark.parametrize("name", examples.names())
def test_at_most_ten_attributes(name: str, mapping: AttackMapping) -> None:
    """No finding may have more than ten attributes: raw delivery discards such messages."""
    attributes = attributes_of(delivery(mapping, name).enriched)
    assert set(attributes) <= {
        "finding_type", "severity", "severity_label", "account_id", "region", "tactics", "techniques",
        "status", "occurrence", "sample",
    }  # fmt: skip
    assert all(value["StringValue"] for value in attributes.values())


def test_techniques_attribute_has_parents_and_former_ids(mapping: AttackMapping) -> None:
    """The attribute techniques must contain the technique, its parent and the former ids of both."""
    enriched = delivery(mapping, "iam-anomalous-defense-evasion-stop-logging").enriched
    techniques = json.loads(attributes_of(enriched)["techniques"]["StringValue"])
    assert {"T1685", "T1562"} <= set(techniques)
    scan = attributes_of(delivery(mapping, "ec2-portscan").enriched)
    assert ["T1046"] == json.loads(scan["techniques"]["StringValue"])


def test_attributes_without_a_value_are_left_out(mapping: AttackMapping) -> None:
    """A finding without severity, account or Region must be sent without those attributes."""
    enriched = enrich(Finding.from_event({"detail": {"type": "Nothing:Known/AtAll"}}), mapping)
    assert {"finding_type", "severity_label", "status", "occurrence", "sample"} == set(
        attributes_of(enriched)
    )


def test_size_counts_attributes_and_bytes(mapping: AttackMapping) -> None:
    """A message with its attributes must be within the limit, in UTF-8 bytes."""
    limit = 20_000
    target = SnsDestination(None, "arn:aws:sns:…", load_format("guardduty"), limit, 20)  # type: ignore[arg-type]
    message = target.render_message(delivery(mapping, description="é" * 30_000))
    body, attributes = len(message.body.encode("utf-8")), attributes_size(message.attributes)
    assert body + attributes == message.size
    assert message.size <= limit


def test_hundred_findings_take_ten_calls(mapping: AttackMapping) -> None:
    """100 findings of ordinary size must take ten PublishBatch calls."""
    client = Recorder()
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    target.deliver([delivery(mapping, key=str(place)) for place in range(100)], plenty)
    assert [10] * 10 == [len(call) for call in client.calls]


class Recorder:
    """An SNS client that records its calls; returns the configured failed entries or raises the error."""

    def __init__(self, failed: list[dict[str, Any]] | None = None, error: Exception | None = None) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.failed, self.error = failed or [], error

    def publish_batch(self, **request: Any) -> dict[str, Any]:
        """Record a PublishBatch call."""
        self.calls.append(request["PublishBatchRequestEntries"])
        if self.error:
            raise self.error
        failed = {entry["Id"] for entry in self.failed}
        ids = [entry["Id"] for entry in request["PublishBatchRequestEntries"]]
        return {"Successful": [{"Id": key} for key in ids if key not in failed], "Failed": self.failed}


def test_only_failed_entries_fail(mapping: AttackMapping) -> None:
    """An entry that SNS reports as failed must fail alone, with SNS's reason."""
    client = Recorder(
        failed=[{"Id": "1", "Code": "InternalError", "Message": "try again", "SenderFault": False}]
    )
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    batch = [delivery(mapping, key=key) for key in "abc"]
    assert {"b": Failure("PublishBatch: InternalError: try again")} == target.deliver(batch, plenty)


@pytest.mark.parametrize(
    ("code", "sender_fault", "remedy"),
    [
        ("InvalidParameter", True, Remedy.DEAD_LETTER),
        ("KMSThrottling", True, Remedy.RETRY),
        ("InternalError", False, Remedy.RETRY),
    ],
)
def test_fault_of_the_sender_is_dead_lettered(
    code: str, sender_fault: bool, remedy: Remedy, mapping: AttackMapping
) -> None:
    """An entry that SNS refuses must be dead-lettered at once with SNS's reason, unless it is throttled."""
    client = Recorder(failed=[{"Id": "0", "Code": code, "Message": "why", "SenderFault": sender_fault}])
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    assert {"a": Failure(f"PublishBatch: {code}: why", remedy)} == target.deliver(
        [delivery(mapping, key=key) for key in "ab"], plenty
    )


def test_entry_missing_in_the_answer_is_retried(
    mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that the answer lists neither as successful nor as failed must be retried."""
    client = Recorder()
    monkeypatch.setattr(client, "publish_batch", lambda **_: {"Successful": [{"Id": "1"}]})
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    failures = target.deliver([delivery(mapping, key=key) for key in "abc"], plenty)
    assert dict.fromkeys("ac", Failure("PublishBatch: not in the answer")) == failures


@pytest.mark.parametrize("place", range(10))
def test_refused_call_is_made_for_each_half(place: int, mapping: AttackMapping) -> None:
    """If one entry makes SNS refuse the call, it must be dead-lettered alone and the others be published."""

    class Refusing(Recorder):
        def publish_batch(self, **request: Any) -> dict[str, Any]:
            if any(f'"id":"{place}"' in entry["Message"] for entry in request["PublishBatchRequestEntries"]):
                raise client_error("PublishBatch", "InvalidParameter")
            return super().publish_batch(**request)

    client = Refusing()
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    batch = [delivery(mapping, key=str(number), id=str(number)) for number in range(10)]
    failures = target.deliver(batch, plenty)
    assert {str(place): Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert 9 == sum(len(call) for call in client.calls)


@pytest.mark.parametrize(
    ("severity", "text"),
    [
        (8, "8"),
        (8.9, "8.9"),
        (10**9, "1000000000"),
        (10**9 + 1, None),
        (-(10**9) - 1, None),
        (1e300, None),
        (1e-7, "0"),
        (-1e-7, "0"),
        (4.123456, "4.12346"),
    ],
)
def test_number_is_in_the_range_of_sns(severity: float, text: str | None, mapping: AttackMapping) -> None:
    """The severity must be a number that a filter policy can compare, or be left out."""
    attribute = attributes_of(delivery(mapping, severity=severity).enriched).get("severity", {})
    assert text == attribute.get("StringValue")


def test_attributes_count_as_sns_counts_them() -> None:
    """Name, data type and value of each attribute must count towards the size, in UTF-8 bytes."""
    attributes = {
        "region": {"DataType": "String", "StringValue": "é"},
        "severity": {"DataType": "Number", "StringValue": "9"},
    }
    assert (6 + 6 + 2) + (8 + 6 + 1) == attributes_size(attributes)


def test_failed_call_is_retried(mapping: AttackMapping) -> None:
    """When the call itself fails, each of its entries must be retried."""
    client = Recorder(error=EndpointConnectionError(endpoint_url="https://sns.example.com"))
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    failures = target.deliver([delivery(mapping, key=key) for key in "ab"], plenty)
    assert {"a": Remedy.RETRY, "b": Remedy.RETRY} == {
        key: failure.remedy for key, failure in failures.items()
    }


def test_reasons_quote_nothing_of_a_finding(mapping: AttackMapping) -> None:
    """A reason is logged, so it must not contain what botocore or a format quotes of a finding."""
    error = ParamValidationError(report="Invalid type for parameter Message, value: secret")
    client = Recorder(error=error)
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    [failure] = target.deliver([delivery(mapping)], plenty).values()
    assert ("ParamValidationError at enricher.destinations.sns", Remedy.DEAD_LETTER) == (
        failure.reason.partition(":")[0],
        failure.remedy,
    )
    broken = replace(target, render=lambda enriched, limit: str(int("secret")))
    assert {"m": Failure("ValueError at enricher.destinations.sns", Remedy.DEAD_LETTER)} == {
        key: failure._replace(reason=failure.reason.partition(":")[0])
        for key, failure in broken.deliver([delivery(mapping)], plenty).items()
    }


def test_no_call_is_made_without_enough_time(mapping: AttackMapping) -> None:
    """With less time left than a call can take, the rest must be returned for retry without a call."""
    client = Recorder()
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    seconds = iter([30.0, 19.9])
    batch = [delivery(mapping, key=str(place)) for place in range(15)]
    failures = target.deliver(batch, lambda: next(seconds))
    assert (1, [str(place) for place in range(10, 15)]) == (len(client.calls), list(failures))


def test_finding_that_cannot_be_rendered_fails_alone(mapping: AttackMapping) -> None:
    """A finding that the format cannot render must fail alone, and the others be delivered."""
    client = Recorder()
    target = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20)  # type: ignore[arg-type]
    batch = [delivery(mapping, key="invalid", confidence=float("inf")), delivery(mapping, key="valid")]
    failures = target.deliver(batch, plenty)
    assert (["invalid"], 1) == (list(failures), len(client.calls[0]))
    assert Remedy.DEAD_LETTER == failures["invalid"].remedy


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [([10] * 11, [10, 1]), ([60, 40, 1], [2, 1]), ([100, 100], [1, 1]), ([50, 51], [1, 1]), ([], [])],
)
def test_calls_are_split_at_both_limits(sizes: list[int], groups: list[int]) -> None:
    """A call must contain at most ten entries and at most the limit in bytes in total."""
    calls = batch_by_size(sizes, ENTRIES_PER_CALL, 100, lambda size: size)
    assert groups == [len(call) for call in calls]
    assert 10 == ENTRIES_PER_CALL


@pytest.mark.parametrize(("spare", "calls"), [(0, [2, 1]), (-1, [1, 1, 1])])
def test_call_size_includes_attributes(mapping: AttackMapping, spare: int, calls: list[int]) -> None:
    """Calls must be split by size with attributes, as SNS counts it: two messages fit to the byte."""
    client = Recorder()
    batch = [delivery(mapping, key=key) for key in "abc"]
    size = SnsDestination(client, "arn", load_format("guardduty"), 262_144, 20).render_message(batch[0]).size  # type: ignore[arg-type]
    target = SnsDestination(client, "arn", load_format("guardduty"), 2 * size + spare, 20)  # type: ignore[arg-type]
    target.deliver(batch, plenty)
    assert calls == [len(call) for call in client.calls]


def test_request_is_encoded_once_and_as_botocore_does(mapping: AttackMapping) -> None:
    """The body must be byte for byte what botocore sends by itself, and be encoded once for a call."""
    answer = Answer(200, b"<PublishBatchResponse/>", {"Content-Type": "text/xml"})
    bodies, encoded = [], []

    def encode(params: dict[str, Any], **_: Any) -> None:
        encode_once(params)
        encoded.append(params["body"])

    for hook in (False, True):
        with serve(answer) as server:
            client = server.client("sns")
            if hook:
                client.meta.events.register("before-call.sns.PublishBatch", encode)
            SnsDestination(
                client, "arn:aws:sns:eu-west-1:111122223333:t", load_format("guardduty"), 262_144, 1.0
            ).deliver([delivery(mapping)], plenty)
            bodies.append(server.requests[0][1])
    assert bodies[0] == bodies[1] == encoded[0]
