"""Test the annotation of GuardDuty's findings against a fake Security Hub that behaves as documented."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from enricher.destinations.base import Delivery, Failure, Remedy
from enricher.destinations.security_hub import RegionalClients
from enricher.destinations.security_hub_annotate import (
    AnnotateDestination,
    build,
    merge_fields,
    product_arn,
)
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.asff import attack_fields
from enricher.settings import Settings
from tests import examples
from tests.fault_injection.clock import Clock
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.hub import Hub
from tests.fault_injection.hub_client import HubClient
from tests.fault_injection.injector import FaultInjector, Rates, client_error
from tests.fault_injection.moto_extension import extended_moto

REGION, ACCOUNT = "eu-west-1", "111122223333"
PRODUCT = product_arn("aws", REGION)
TYPES = ("UnauthorizedAccess:EC2/SSHBruteForce", "Recon:EC2/PortProbeUnprotectedPort")


@pytest.fixture
def hub() -> HubClient:
    """Return a client of a Security Hub without injected faults and practically without rate limits."""
    client = HubClient(Hub(ACCOUNT), FaultInjector(random.Random(0), Clock(), Rates()), lambda: None)
    client._get.rate = client._other.rate = 1e9
    return client


def destination(client: Any) -> AnnotateDestination:
    """Return the destination with one client for all Regions."""
    return AnnotateDestination(RegionalClients(lambda _: client), call_seconds=22.0)


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 50.0


def arn_of(number: object, region: str = REGION) -> str:
    """Return the ARN of a finding."""
    return f"arn:aws:guardduty:{region}:{ACCOUNT}:detector/d/finding/{number}"


def delivery(number: object, attempt: int = 1, elapsed: float = 0.0, **changes: Any) -> Delivery:
    """Return a delivery of finding `number`; `changes` replace top-level keys of its detail."""
    changes = {"arn": arn_of(number), "type": TYPES[0], "region": REGION, **changes}
    event = examples.event("ec2-ssh-brute-force-inbound", **changes)
    return Delivery(f"m{number}", enrich(Finding.from_event(event), small_mapping()), attempt, elapsed)


def put(hub: HubClient, number: object, fields: dict[str, str] | None = None, product: str = PRODUCT) -> None:
    """Add GuardDuty's finding to Security Hub, with the fields and note of an analyst."""
    hub.hub.findings[(arn_of(number), product)] = {
        "Id": arn_of(number), "ProductArn": product,
        "UserDefinedFields": fields or {}, "Note": {"Text": "mine"},
    }  # fmt: skip


def fields_of(hub: HubClient, number: object) -> dict[str, str]:
    """Return the user-defined fields of a finding."""
    fields: dict[str, str] = hub.hub.findings[(arn_of(number), PRODUCT)]["UserDefinedFields"]
    return fields


def test_product_arn_has_an_empty_account() -> None:
    """The ARN of the GuardDuty product must have an empty account and the finding's partition."""
    assert "arn:aws-cn:securityhub:cn-north-1::product/aws/guardduty" == product_arn("aws-cn", "cn-north-1")


def test_hundred_findings_take_five_lookups_and_one_update_per_enrichment(hub: HubClient) -> None:
    """100 findings with two distinct enrichments must take five GetFindings and two updates."""
    for number in range(100):
        put(hub, number)
    batch = [delivery(number, type=TYPES[number % 2]) for number in range(100)]
    assert {} == destination(hub).deliver(batch, plenty)
    assert (5, 2) == (hub.get_calls, hub.updates)
    assert all(fields_of(hub, number) == attack_fields(batch[number].enriched) for number in range(100))


def test_second_run_updates_nothing(hub: HubClient) -> None:
    """The same findings again must be read but not updated, so that no event is emitted."""
    put(hub, 1, {"team": "blue"})
    for _ in range(2):
        assert {} == destination(hub).deliver([delivery(1)], plenty)
    assert (2, 1) == (hub.get_calls, hub.updates)


def test_fields_of_other_writers_are_kept(hub: HubClient) -> None:
    """Fields of others must stay, and our earlier fields must be replaced."""
    put(hub, 1, {"team": "blue", "attack/technique": "T0000", "attack/gone": "x"})
    destination(hub).deliver([delivery(1)], plenty)
    assert {"team": "blue", **attack_fields(delivery(1).enriched)} == fields_of(hub, 1)


def test_only_user_defined_fields_are_written(hub: HubClient) -> None:
    """Note, Types, Severity and Workflow must never be written."""
    put(hub, 1)
    destination(hub).deliver([delivery(1)], plenty)
    assert {"UserDefinedFields"} == hub.hub.written[(arn_of(1), PRODUCT)]
    assert {"Text": "mine"} == hub.hub.findings[(arn_of(1), PRODUCT)]["Note"]


@pytest.mark.parametrize(("taken", "ours"), [(0, 12), (38, 12), (39, 11), (49, 1)])
def test_fields_are_limited_to_fifty(taken: int, ours: int) -> None:
    """Our fields must fill at most the 50 that others leave free; the last of ours are left out."""
    others = {f"k{number}": "v" for number in range(taken)}
    fields = attack_fields(delivery(1).enriched)
    assert {**others, **dict(list(fields.items())[:ours])} == merge_fields(others, fields)


def test_full_user_defined_fields_are_dead_lettered(hub: HubClient) -> None:
    """A finding whose 50 fields are all used by others must be dead-lettered with the reason."""
    put(hub, 1, {f"k{number}": "v" for number in range(50)})
    failure = destination(hub).deliver([delivery(1)], plenty)["m1"]
    assert Failure("UserDefinedFields is full (50 of 50)", Remedy.DEAD_LETTER) == failure


@pytest.mark.parametrize(("attempt", "wait"), [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900)])
def test_absent_finding_is_looked_up_again(hub: HubClient, attempt: int, wait: int) -> None:
    """A finding that is not found yet must be retried after the delay of its attempt."""
    failure = destination(hub).deliver([delivery(1, attempt)], plenty)["m1"]
    assert (
        Failure(
            "not found in Security Hub yet",
            wait=wait,
            metric="SecurityHubFindingPending",
        )
        == failure
    )


def test_absent_finding_is_discarded_after_all_retries(hub: HubClient) -> None:
    """A finding that is still not found after all retries must be discarded and counted."""
    failure = destination(hub).deliver([delivery(1, 6, 1800)], plenty)["m1"]
    assert (Remedy.DISCARD, "SecurityHubFindingNotFound") == (failure.remedy, failure.metric)
    assert "not found in Security Hub after 6 attempts" in failure.reason


def test_absent_finding_is_not_discarded_before_half_an_hour(hub: HubClient) -> None:
    """Attempts used up by copies or throttling must not shorten the half hour of retries."""
    for attempt, elapsed in ((9, 1799), (5, 1800)):
        failure = destination(hub).deliver([delivery(1, attempt, elapsed)], plenty)["m1"]
        assert (Remedy.RETRY, 900) == (failure.remedy, failure.wait)


def test_finding_of_another_product_is_not_annotated(hub: HubClient) -> None:
    """A finding with the same Id from another product must not be annotated."""
    put(hub, 1, product=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default")
    assert "SecurityHubFindingPending" == destination(hub).deliver([delivery(1)], plenty)["m1"].metric


def test_archived_is_skipped_without_a_call(hub: HubClient) -> None:
    """An archived finding must be skipped without an API call."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    failure = destination(hub).deliver([delivery(1, service={**service, "archived": True})], plenty)["m1"]
    assert (Remedy.SKIP, "Archived", 0) == (failure.remedy, failure.metric, hub.get_calls)


@pytest.mark.parametrize("changes", [{"arn": ""}, {"arn": "a" * 513}])
def test_finding_without_a_valid_arn_is_dead_lettered(hub: HubClient, changes: dict[str, Any]) -> None:
    """A finding with a missing or too long ARN must be dead-lettered, the other annotated."""
    put(hub, 1)
    failures = destination(hub).deliver([delivery(0, **changes), delivery(1)], plenty)
    assert {"m0": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert fields_of(hub, 1)


def test_two_updates_of_one_finding_take_one_identifier(hub: HubClient) -> None:
    """Two updates of one finding in a batch must be one identifier with the fields of the later one."""
    put(hub, 1)
    early = delivery(1, updatedAt="2026-11-01T10:00:00Z")
    late = Delivery("late", delivery(1, updatedAt="2026-11-01T11:00:00Z", type=TYPES[1]).enriched)
    assert {} == destination(hub).deliver([late, early], plenty)
    assert (1, "T1595") == (hub.updates, fields_of(hub, 1)["attack/technique"])


def test_both_updates_share_the_failure(hub: HubClient) -> None:
    """When a finding is not found, each of its records must be retried after the delay of its own attempt."""
    failures = destination(hub).deliver([delivery(1, 1), Delivery("b", delivery(1).enriched, 2, 0.0)], plenty)
    assert {"m1": 60, "b": 120} == {key: failure.wait for key, failure in failures.items()}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("ConcurrentUpdateError", Remedy.RETRY),
        ("InternalFailure", Remedy.RETRY),
        ("SomethingNew", Remedy.RETRY),
        ("InvalidInput", Remedy.DEAD_LETTER),
        ("DuplicatedFindingIdentifier", Remedy.DEAD_LETTER),
        ("FindingSizeExceeded", Remedy.DEAD_LETTER),
    ],
)
def test_error_code_of_one_finding_decides_its_remedy(
    hub: HubClient, monkeypatch: pytest.MonkeyPatch, code: str, remedy: Remedy
) -> None:
    """A retryable error must be retried, any other dead-lettered; the other finding must be annotated."""
    put(hub, 1)
    put(hub, 2)
    update = Hub._update_one
    monkeypatch.setattr(
        Hub, "_update_one", lambda self, key, *rest: code if key[0] == arn_of(1) else update(self, key, *rest)
    )
    failures = destination(hub).deliver([delivery(1), delivery(2)], plenty)
    assert {"m1": remedy} == {key: failure.remedy for key, failure in failures.items()}
    assert code in failures["m1"].reason


def test_finding_deleted_before_the_update_is_retried(
    hub: HubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FindingNotFound at the update must be retried like a finding that GetFindings does not return."""
    put(hub, 1)
    monkeypatch.setattr(Hub, "_update_one", lambda *_: "FindingNotFound")
    assert 60 == destination(hub).deliver([delivery(1)], plenty)["m1"].wait


@pytest.mark.parametrize("operation", ["get_findings", "batch_update_findings"])
@pytest.mark.parametrize(
    "error",
    [
        client_error("x", "TooManyRequestsException", 429),
        client_error("x", "InternalException", 500),
        client_error("x", "AccessDeniedException", 403),
        EndpointConnectionError(endpoint_url="https://example.com"),
    ],
    ids=["throttle", "internal", "access", "network"],
)
def test_failed_call_is_retried(hub: HubClient, operation: str, error: Exception) -> None:
    """When a call fails as a whole, its records must be returned for retry."""
    put(hub, 1)
    client = FailingClient(hub, operation, lambda _: error)
    failure = destination(client).deliver([delivery(1)], plenty)["m1"]
    assert (Remedy.RETRY, None) == (failure.remedy, failure.wait)


class FailingClient:
    """A client of the hub whose `operation` raises what `fail` returns for its request, if anything."""

    def __init__(
        self, hub: HubClient, operation: str, fail: Callable[[dict[str, Any]], Exception | None]
    ) -> None:
        self.hub, self.operation, self.fail = hub, operation, fail

    def __getattr__(self, name: str) -> Any:
        """Return the operation."""

        def call(**request: Any) -> Any:
            if name == self.operation and (error := self.fail(request)):
                raise error
            return getattr(self.hub, name)(**request)

        return call


@pytest.mark.parametrize("operation", ["get_findings", "batch_update_findings"])
@pytest.mark.parametrize("place", [0, 7, 19])
def test_rejected_finding_does_not_block_the_others(hub: HubClient, operation: str, place: int) -> None:
    """If one finding makes a request invalid, it must be dead-lettered and the others annotated."""
    for number in range(20):
        put(hub, number)
    error = client_error("x", "InvalidInputException")
    client = FailingClient(
        hub, operation, lambda request: error if f'{arn_of(place)}"' in _text(request) else None
    )
    failures = destination(client).deliver([delivery(number) for number in range(20)], plenty)
    assert {f"m{place}": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert all(bool(fields_of(hub, number)) is (number != place) for number in range(20))


def _text(request: dict[str, Any]) -> str:
    import json

    return json.dumps(request)


def test_answer_for_another_finding_is_ignored(hub: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that was not asked for, in the answer, must cost those that were nothing."""
    put(hub, 1)
    real = hub.batch_update_findings

    def update(**request: Any) -> dict[str, Any]:
        identifier = {"Id": "another", "ProductArn": PRODUCT}
        row = {"FindingIdentifier": identifier, "ErrorCode": "FindingNotFound", "ErrorMessage": ""}
        return {**real(**request), "UnprocessedFindings": [row]}

    monkeypatch.setattr(HubClient, "batch_update_findings", lambda _, **request: update(**request))
    assert {} == destination(hub).deliver([delivery(1)], plenty)


def test_finding_missing_in_the_response_is_retried(hub: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that the response lists neither as processed nor as failed must be retried."""
    put(hub, 1)
    monkeypatch.setattr(Hub, "update", lambda *_: {"ProcessedFindings": [], "UnprocessedFindings": []})
    assert Remedy.RETRY is destination(hub).deliver([delivery(1)], plenty)["m1"].remedy


def test_no_call_is_made_without_enough_time(hub: HubClient) -> None:
    """With less time left than a call can take, no call must be made and every record be retried."""
    failures = destination(hub).deliver([delivery(1), delivery(2)], lambda: 21.9)
    assert (["m1", "m2"], 0) == (sorted(failures), hub.get_calls)
    assert "not attempted: not enough execution time remaining" == failures["m1"].reason


def test_remaining_findings_are_not_attempted_without_enough_time(hub: HubClient) -> None:
    """When time runs out half way, findings that were already read must be retried like the others."""
    for number in range(40):
        put(hub, number)
    left = iter([50.0, *[10.0] * 9])
    failures = destination(hub).deliver([delivery(number) for number in range(40)], lambda: next(left))
    assert (40, 1, 0) == (len(failures), hub.get_calls, hub.updates)
    assert {Remedy.RETRY} == {failure.remedy for failure in failures.values()}


def test_findings_of_two_regions_are_updated_in_their_own(hub: HubClient) -> None:
    """Each finding must be annotated in its own Region, with one client per Region."""
    made: list[str] = []

    def make(region: str) -> Any:
        made.append(region)
        return hub

    target = AnnotateDestination(RegionalClients(make), 22.0)
    put(hub, 1)
    remote = delivery(2, region="us-east-1", arn=arn_of(2, "us-east-1"))
    hub.hub.findings[(arn_of(2, "us-east-1"), product_arn("aws", "us-east-1"))] = {
        "Id": arn_of(2, "us-east-1"), "ProductArn": product_arn("aws", "us-east-1"),
    }  # fmt: skip
    for _ in range(2):
        assert {} == target.deliver([delivery(1), remote], plenty)
    assert [REGION, "us-east-1"] == made


def test_invalid_region_is_dead_lettered() -> None:
    """An invalid Region name must dead-letter only the findings of that Region."""
    target = build(Settings())
    failures = target.deliver([delivery(1, region="no region\n")], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}


@pytest.fixture
def real() -> Iterator[Any]:
    """Return the store behind moto's extended Security Hub."""
    with mock_aws(), extended_moto() as (hubs, _):
        boto3.client("securityhub", region_name=REGION).get_findings()
        yield next(iter(hubs.hubs.values()))


def test_real_client_annotates(real: Any) -> None:
    """The destination that `build` returns must annotate through botocore, with its parameter validation."""
    target = build(Settings())
    for number in range(25):
        real.findings[(arn_of(number), PRODUCT)] = {"Id": arn_of(number), "ProductArn": PRODUCT}
    failures = target.deliver([delivery(number) for number in range(26)], plenty)
    assert {"m25": 60} == {key: failure.wait for key, failure in failures.items()}
    assert attack_fields(delivery(1).enriched) == real.findings[(arn_of(7), PRODUCT)]["UserDefinedFields"]
