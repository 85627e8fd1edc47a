"""Check the annotation of GuardDuty's own findings, by a Security Hub that answers as documented."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from enricher.destinations.base import Failure, Parcel, Remedy
from enricher.destinations.security_hub import Hubs
from enricher.destinations.security_hub_annotate import (
    WAITS,
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
from tests.fault_injection.moto_extension import extended_moto
from tests.fault_injection.weather import Rates, Weather, client_error

REGION, ACCOUNT = "eu-west-1", "111122223333"
PRODUCT = product_arn("aws", REGION)
TYPES = ("UnauthorizedAccess:EC2/SSHBruteForce", "Recon:EC2/PortProbeUnprotectedPort")


@pytest.fixture
def hub() -> HubClient:
    """Give a Security Hub without faults, and with rates that nobody meets."""
    client = HubClient(Hub(ACCOUNT), Weather(random.Random(0), Clock(), Rates()), lambda: None)
    client._get.rate = client._other.rate = 1e9
    return client


def destination(client: Any) -> AnnotateDestination:
    """Make the destination over one client."""
    return AnnotateDestination(Hubs(lambda _: client), call_seconds=22.0)


def plenty() -> float:
    """Give enough time for anything."""
    return 50.0


def arn_of(number: object, region: str = REGION) -> str:
    """Name a finding."""
    return f"arn:aws:guardduty:{region}:{ACCOUNT}:detector/d/finding/{number}"


def parcel(number: object, attempt: int = 1, waited: float = 0.0, **changes: Any) -> Parcel:
    """Make a parcel of finding `number`; `changes` go to the top of its detail."""
    changes = {"arn": arn_of(number), "type": TYPES[0], "region": REGION, **changes}
    event = examples.event("ec2-ssh-brute-force-inbound", **changes)
    return Parcel(f"m{number}", enrich(Finding.from_event(event), small_mapping()), attempt, waited)


def put(hub: HubClient, number: object, fields: dict[str, str] | None = None, product: str = PRODUCT) -> None:
    """Put GuardDuty's own finding into Security Hub, with what an analyst added."""
    hub.hub.findings[(arn_of(number), product)] = {
        "Id": arn_of(number), "ProductArn": product,
        "UserDefinedFields": fields or {}, "Note": {"Text": "mine"},
    }  # fmt: skip


def fields_of(hub: HubClient, number: object) -> dict[str, str]:
    """Give the user-defined fields of a finding."""
    fields: dict[str, str] = hub.hub.findings[(arn_of(number), PRODUCT)]["UserDefinedFields"]
    return fields


def test_product_has_two_colons() -> None:
    """GuardDuty's product must be named with an empty account, in the finding's partition."""
    assert "arn:aws-cn:securityhub:cn-north-1::product/aws/guardduty" == product_arn("aws-cn", "cn-north-1")


def test_hundred_findings_take_five_looks_and_one_update_for_each_enrichment(hub: HubClient) -> None:
    """A hundred findings of two enrichments must take five look-ups and two updates."""
    for number in range(100):
        put(hub, number)
    batch = [parcel(number, type=TYPES[number % 2]) for number in range(100)]
    assert {} == destination(hub).deliver(batch, plenty)
    assert (5, 2) == (hub.looks, hub.updates)
    assert all(fields_of(hub, number) == attack_fields(batch[number].enriched) for number in range(100))


def test_second_run_updates_nothing(hub: HubClient) -> None:
    """The same findings again must be looked up and not be updated, so that no event is emitted."""
    put(hub, 1, {"team": "blue"})
    for _ in range(2):
        assert {} == destination(hub).deliver([parcel(1)], plenty)
    assert (2, 1) == (hub.looks, hub.updates)


def test_everybody_elses_fields_stay(hub: HubClient) -> None:
    """What others wrote must stay, and what we wrote before must be replaced."""
    put(hub, 1, {"team": "blue", "attack/technique": "T0000", "attack/gone": "x"})
    destination(hub).deliver([parcel(1)], plenty)
    assert {"team": "blue", **attack_fields(parcel(1).enriched)} == fields_of(hub, 1)


def test_nothing_but_fields_is_written(hub: HubClient) -> None:
    """Note, Types, Severity and Workflow must never be written."""
    put(hub, 1)
    destination(hub).deliver([parcel(1)], plenty)
    assert {"UserDefinedFields"} == hub.hub.written[(arn_of(1), PRODUCT)]
    assert {"Text": "mine"} == hub.hub.findings[(arn_of(1), PRODUCT)]["Note"]


@pytest.mark.parametrize(("taken", "ours"), [(0, 12), (38, 12), (39, 11), (49, 1)])
def test_ours_fit_into_the_room_that_others_leave(taken: int, ours: int) -> None:
    """Fifty fields must never be exceeded: the least needed of ours give way."""
    others = {f"k{number}": "v" for number in range(taken)}
    fields = attack_fields(parcel(1).enriched)
    assert {**others, **dict(list(fields.items())[:ours])} == merge_fields(others, fields)


def test_no_room_at_all_goes_to_the_dead_letter_queue(hub: HubClient) -> None:
    """A finding whose fifty fields are all taken must be set aside with the reason."""
    put(hub, 1, {f"k{number}": "v" for number in range(50)})
    failure = destination(hub).deliver([parcel(1)], plenty)["m1"]
    assert (Remedy.DEAD_LETTER, True) == (failure.remedy, failure.reason.startswith("no room"))


@pytest.mark.parametrize("attempt", range(1, 6))
def test_absent_finding_is_waited_for(hub: HubClient, attempt: int) -> None:
    """A finding that is not there yet must be looked for again after the wait of its attempt."""
    failure = destination(hub).deliver([parcel(1, attempt)], plenty)["m1"]
    assert Failure("not in Security Hub yet", wait=WAITS[attempt - 1], metric="NotYetThere") == failure


def test_absent_finding_is_let_go_in_the_end(hub: HubClient) -> None:
    """A finding that is still not there after all waits must be let go and be counted."""
    failure = destination(hub).deliver([parcel(1, 6, sum(WAITS))], plenty)["m1"]
    assert (Remedy.LET_GO, "NeverAppeared") == (failure.remedy, failure.metric)


def test_attempts_alone_do_not_let_go(hub: HubClient) -> None:
    """Attempts that copies or throttles used up must not shorten the half hour of waiting."""
    failure = destination(hub).deliver([parcel(1, 9, sum(WAITS) - 1)], plenty)["m1"]
    assert (Remedy.RETRY, WAITS[-1]) == (failure.remedy, failure.wait)


def test_own_import_is_not_taken_for_guardduty(hub: HubClient) -> None:
    """A finding with the same Id from another product must not be annotated."""
    put(hub, 1, product=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default")
    assert "NotYetThere" == destination(hub).deliver([parcel(1)], plenty)["m1"].metric


def test_archived_is_skipped_without_a_call(hub: HubClient) -> None:
    """An archived finding must be skipped, as nothing is amiss, and cost no call."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    failure = destination(hub).deliver([parcel(1, service={**service, "archived": True})], plenty)["m1"]
    assert (Remedy.SKIP, "Archived", 0) == (failure.remedy, failure.metric, hub.looks)


@pytest.mark.parametrize("changes", [{"arn": ""}, {"arn": "a" * 513}])
def test_finding_that_cannot_be_named_is_refused(hub: HubClient, changes: dict[str, Any]) -> None:
    """A finding without an ARN, or with one beyond the limit, must be set aside, the other annotated."""
    put(hub, 1)
    failures = destination(hub).deliver([parcel(0, **changes), parcel(1)], plenty)
    assert {"m0": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert fields_of(hub, 1)


def test_two_updates_of_one_finding_make_one_entry(hub: HubClient) -> None:
    """Two updates of one finding in a batch must be one identifier in the call, with the later one's tags."""
    put(hub, 1)
    early = parcel(1, updatedAt="2026-11-01T10:00:00Z")
    late = Parcel("late", parcel(1, updatedAt="2026-11-01T11:00:00Z", type=TYPES[1]).enriched)
    assert {} == destination(hub).deliver([late, early], plenty)
    assert (1, "T1595") == (hub.updates, fields_of(hub, 1)["attack/technique"])


def test_both_updates_share_the_failure(hub: HubClient) -> None:
    """When a finding is not there, every record about it must wait, each by its own attempt."""
    failures = destination(hub).deliver([parcel(1, 1), Parcel("b", parcel(1).enriched, 2, 0.0)], plenty)
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
def test_code_of_one_finding_decides_its_fate(
    hub: HubClient, monkeypatch: pytest.MonkeyPatch, code: str, remedy: Remedy
) -> None:
    """What a retry may cure must be retried, what it cannot must be set aside; the other finding is done."""
    put(hub, 1)
    put(hub, 2)
    update = Hub._update_one
    monkeypatch.setattr(
        Hub, "_update_one", lambda self, key, *rest: code if key[0] == arn_of(1) else update(self, key, *rest)
    )
    failures = destination(hub).deliver([parcel(1), parcel(2)], plenty)
    assert {"m1": remedy} == {key: failure.remedy for key, failure in failures.items()}
    assert code in failures["m1"].reason


def test_finding_that_vanished_is_waited_for(hub: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """FindingNotFound at the update must be waited for as at the look-up."""
    put(hub, 1)
    monkeypatch.setattr(Hub, "_update_one", lambda *_: "FindingNotFound")
    assert 60 == destination(hub).deliver([parcel(1)], plenty)["m1"].wait


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
    """A call that fails as a whole must give its records back to the queue."""
    put(hub, 1)
    client = Failing(hub, operation, lambda _: error)
    failure = destination(client).deliver([parcel(1)], plenty)["m1"]
    assert (Remedy.RETRY, None) == (failure.remedy, failure.wait)


class Failing:
    """Be the hub's client, but let one operation fail as `fail` says for its request."""

    def __init__(
        self, hub: HubClient, operation: str, fail: Callable[[dict[str, Any]], Exception | None]
    ) -> None:
        self.hub, self.operation, self.fail = hub, operation, fail

    def __getattr__(self, name: str) -> Any:
        """Give the operation."""

        def call(**request: Any) -> Any:
            if name == self.operation and (error := self.fail(request)):
                raise error
            return getattr(self.hub, name)(**request)

        return call


@pytest.mark.parametrize("operation", ["get_findings", "batch_update_findings"])
@pytest.mark.parametrize("place", [0, 7, 19])
def test_refused_finding_does_not_hold_back_the_others(hub: HubClient, operation: str, place: int) -> None:
    """A call that is refused for one finding must set that one aside and annotate the others."""
    for number in range(20):
        put(hub, number)
    error = client_error("x", "InvalidInputException")
    client = Failing(hub, operation, lambda request: error if f'{arn_of(place)}"' in _text(request) else None)
    failures = destination(client).deliver([parcel(number) for number in range(20)], plenty)
    assert {f"m{place}": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert all(bool(fields_of(hub, number)) is (number != place) for number in range(20))


def _text(request: dict[str, Any]) -> str:
    import json

    return json.dumps(request)


def test_answer_that_leaves_out_a_finding_is_retried(hub: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that the answer neither names as done nor as failed must not be taken for done."""
    put(hub, 1)
    monkeypatch.setattr(Hub, "update", lambda *_: {"ProcessedFindings": [], "UnprocessedFindings": []})
    assert Remedy.RETRY is destination(hub).deliver([parcel(1)], plenty)["m1"].remedy


def test_without_time_nothing_is_called(hub: HubClient) -> None:
    """With less time left than a call can take, no call must be made and every record come again."""
    failures = destination(hub).deliver([parcel(1), parcel(2)], lambda: 21.9)
    assert (["m1", "m2"], 0) == (sorted(failures), hub.looks)


def test_time_that_runs_out_stops_the_rest(hub: HubClient) -> None:
    """When time runs out half way, what was looked up must be retried like what was not."""
    for number in range(40):
        put(hub, number)
    left = iter([50.0, *[10.0] * 9])
    failures = destination(hub).deliver([parcel(number) for number in range(40)], lambda: next(left))
    assert (40, 1, 0) == (len(failures), hub.looks, hub.updates)
    assert {Remedy.RETRY} == {failure.remedy for failure in failures.values()}


def test_findings_of_two_regions_go_to_their_own(hub: HubClient) -> None:
    """Each finding must be annotated in its own Region, by a client made once."""
    made: list[str] = []

    def make(region: str) -> Any:
        made.append(region)
        return hub

    west = AnnotateDestination(Hubs(make), 22.0)
    put(hub, 1)
    away = parcel(2, region="us-east-1", arn=arn_of(2, "us-east-1"))
    hub.hub.findings[(arn_of(2, "us-east-1"), product_arn("aws", "us-east-1"))] = {
        "Id": arn_of(2, "us-east-1"), "ProductArn": product_arn("aws", "us-east-1"),
    }  # fmt: skip
    for _ in range(2):
        assert {} == west.deliver([parcel(1), away], plenty)
    assert [REGION, "us-east-1"] == made


def test_impossible_region_is_set_aside() -> None:
    """A Region that can be none must be refused for its own findings only, not break the batch."""
    target = build(Settings())
    failures = target.deliver([parcel(1, region="no region\n")], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}


@pytest.fixture
def real() -> Iterator[Any]:
    """Give moto's Security Hub, extended, and its store."""
    with mock_aws(), extended_moto() as (hubs, _):
        boto3.client("securityhub", region_name=REGION).get_findings()
        yield next(iter(hubs.hubs.values()))


def test_real_client_annotates(real: Any) -> None:
    """The built destination must annotate through botocore, whose parameter checks then hold too."""
    target = build(Settings())
    for number in range(25):
        real.findings[(arn_of(number), PRODUCT)] = {"Id": arn_of(number), "ProductArn": PRODUCT}
    failures = target.deliver([parcel(number) for number in range(26)], plenty)
    assert {"m25": 60} == {key: failure.wait for key, failure in failures.items()}
    assert attack_fields(parcel(1).enriched) == real.findings[(arn_of(7), PRODUCT)]["UserDefinedFields"]
