"""Test deduplication: duplicates are suppressed, failures are retried, and a failing table fails open."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from enricher.delivery.dedup_store import (
    ITEMS_PER_WRITE,
    KEYS_PER_READ,
    TIMEOUTS,
    TTL_SECONDS,
    UNPROCESSED_WAITS,
    DeduplicationTable,
    Write,
    build,
    table_opener,
)
from enricher.delivery.deduplication import (
    WRITE_SECONDS,
    DeduplicatingDestination,
    split_round,
    with_deduplication,
)
from enricher.destinations.base import Delivery, Failure, Remedy, TimeLeft
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.settings import Settings
from tests import examples
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.simulation import RecordingTelemetry
from tests.loopback import BLOCK_PAGE, serve

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SUPPRESSED = "DuplicateSuppressed"


@dataclass
class Recorder:
    """A destination that records its deliveries and what each alert says to have changed.

    failures: by delivery id, the deliveries to fail; hook: called during each delivery; left: time left at
    each call.
    """

    failures: dict[str, Failure] = field(default_factory=dict)
    delivered: list[str] = field(default_factory=list)
    hook: Callable[[], None] | None = None
    left: list[float] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Deliver all but the configured failures."""
        self.left.append(time_left())
        if self.hook:
            self.hook()
        self.changes += [delivery.enriched.alert["changes"] for delivery in batch]
        self.delivered += [delivery.id for delivery in batch if delivery.id not in self.failures]
        return {delivery.id: self.failures[delivery.id] for delivery in batch if delivery.id in self.failures}


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    """Return a client of moto's DynamoDB with the table."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName="deduplication",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield client


def deduplicating(
    client: DynamoDBClient, destination: Recorder, mode: str = "material", route: str = "siem"
) -> DeduplicatingDestination:
    """Wrap a destination in deduplication."""
    telemetry: Any = RecordingTelemetry()
    return DeduplicatingDestination(
        destination, table_opener(client, "deduplication", route), mode, telemetry, telemetry
    )


def delivery(
    key: str, hour: int = 10, address: str = "198.51.100.23", arn: str = "", **changes: Any
) -> Delivery:
    """Return an update of one finding, of the given hour; `changes` replace top-level keys of its detail."""
    event = examples.event(
        "ec2-ssh-brute-force-inbound", updatedAt=f"2026-11-01T{hour:02d}:00:00.000Z", **changes
    )
    detail = event["detail"]
    detail["arn"] = arn or detail["arn"]
    connection = detail["service"]["action"]["networkConnectionAction"]
    connection["remoteIpDetails"]["ipAddressV4"] = address
    return Delivery(key, enrich(Finding.from_event(event), small_mapping()))


def archived(key: str, hour: int) -> Delivery:
    """Return an archived update of the same finding."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    return delivery(key, hour, service={**service, "archived": True})


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 50.0


def suppressed(failures: Mapping[str, Failure]) -> list[str]:
    """Return the ids of the deliveries that were suppressed as duplicates."""
    return [
        key
        for key, failure in failures.items()
        if (failure.remedy, failure.metric) == (Remedy.SKIP, SUPPRESSED)
    ]


def send(wrapped: DeduplicatingDestination, *deliveries: Delivery) -> dict[str, Failure]:
    """Deliver each delivery in a batch of its own, as updates arrive over the hours."""
    return {key: failure for item in deliveries for key, failure in wrapped.deliver([item], plenty).items()}


def test_material_forwards_only_material_changes(client: DynamoDBClient) -> None:
    """Mode material must forward the first update and each material change, and suppress the rest."""
    destination = Recorder()
    failures = send(
        deduplicating(client, destination),
        delivery("first"),
        delivery("same", 11),
        delivery("higher", 12, severity=8),
        delivery("lower", 13, severity=2),
        delivery("address", 14, address="203.0.113.9"),
        delivery("both known", 15),
    )
    assert ["first", "higher", "address"] == destination.delivered
    assert ["same", "lower", "both known"] == suppressed(failures)


def test_unarchiving_is_sent_after_a_suppressed_archiving(client: DynamoDBClient) -> None:
    """An archived update must be suppressed, and the un-archived one after it forwarded."""
    destination = Recorder()
    failures = send(
        deduplicating(client, destination), delivery("first"), archived("archived", 11), delivery("again", 12)
    )
    assert ["first", "again"] == destination.delivered
    assert ["archived"] == suppressed(failures)


def test_every_forwards_each_update_once(client: DynamoDBClient) -> None:
    """Mode every must forward each update once and suppress a second copy of it."""
    destination = Recorder()
    send(
        deduplicating(client, destination, "every"),
        delivery("a"),
        delivery("copy of a"),
        delivery("b", 11),
        delivery("copy of b", 11),
    )
    assert ["a", "b"] == destination.delivered


def test_first_forwards_each_finding_once(client: DynamoDBClient) -> None:
    """Mode first must forward only the first update of each finding, whatever changes later."""
    destination = Recorder()
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/other"
    send(
        deduplicating(client, destination, "first"),
        delivery("a"),
        delivery("b", 11, severity=9),
        delivery("c", 10, arn=other),
    )
    assert ["a", "c"] == destination.delivered


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_copies_in_one_batch_are_delivered_once(client: DynamoDBClient, mode: str) -> None:
    """Of two copies of one update in the same batch, one must be delivered and the other suppressed."""
    destination = Recorder()
    failures = deduplicating(client, destination, mode).deliver([delivery("a"), delivery("b")], plenty)
    assert (["a"], ["b"]) == (destination.delivered, suppressed(failures))


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_failed_delivery_is_not_marked_as_completed(client: DynamoDBClient, mode: str) -> None:
    """A failed delivery must be delivered when its message is redelivered."""
    destination = Recorder({"a": Failure("throttled")})
    wrapped = deduplicating(client, destination, mode)
    assert {"a": Failure("throttled")} == wrapped.deliver([delivery("a")], plenty)
    destination.failures = {}
    assert {} == wrapped.deliver([delivery("a")], plenty)
    assert ["a"] == destination.delivered


def test_update_is_not_a_duplicate_of_a_failed_one(client: DynamoDBClient) -> None:
    """When the first of two equal updates fails, the second must be delivered."""
    destination = Recorder({"a": Failure("throttled")})
    failures = deduplicating(client, destination).deliver([delivery("a"), delivery("b", 11)], plenty)
    assert (["b"], ["a"]) == (destination.delivered, list(failures))


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_two_invocations_with_one_message_publish_once(client: DynamoDBClient, mode: str) -> None:
    """While one invocation delivers a message, a concurrent one with the same message must retry it later."""
    second = Recorder()
    results: list[dict[str, Failure]] = []
    first = Recorder(
        hook=lambda: results.append(deduplicating(client, second, mode).deliver([delivery("b")], plenty))
    )
    assert {} == deduplicating(client, first, mode).deliver([delivery("a")], plenty)
    assert (["a"], []) == (first.delivered, second.delivered)
    assert [{"b": Failure("in progress in another invocation")}] == results


def test_claim_of_a_killed_invocation_expires(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim of an invocation that was killed must expire when its time is up, and not before."""
    open_table = table_opener(client, "deduplication", "siem")
    monkeypatch.setattr("enricher.delivery.dedup_store.CLAIM_MARGIN_SECONDS", -60.0)
    assert open_table(plenty).claim({"arn": "a"}) == "claimed"
    assert open_table(plenty).claim({"arn": "a"}) == "claimed"
    monkeypatch.setattr("enricher.delivery.dedup_store.CLAIM_MARGIN_SECONDS", 5.0)
    assert open_table(plenty).claim({"arn": "b"}) == "claimed"
    assert open_table(plenty).claim({"arn": "b"}) == "in-progress"


def test_routes_are_deduplicated_separately(client: DynamoDBClient) -> None:
    """A finding that one route forwarded must still be forwarded by another that shares the table."""
    siem, notification = Recorder(), Recorder()
    deduplicating(client, siem, route="siem").deliver([delivery("a")], plenty)
    deduplicating(client, notification, route="notification").deliver([delivery("b")], plenty)
    assert (["a"], ["b"]) == (siem.delivered, notification.delivered)


@pytest.mark.parametrize("missing", ["arn", "updatedAt"])
def test_update_without_identity_is_forwarded_each_time(client: DynamoDBClient, missing: str) -> None:
    """An update without an ARN or updatedAt cannot be deduplicated, so it must be forwarded each time."""
    destination = Recorder()
    item = delivery("a")
    detail = {key: value for key, value in item.enriched.finding.event["detail"].items() if key != missing}
    unidentified = item._replace(enriched=enrich(Finding.from_detail(detail), small_mapping()))
    send(deduplicating(client, destination), unidentified, unidentified)
    assert ["a", "a"] == destination.delivered


class FailingClient:
    """A DynamoDB client that counts its calls and fails each of them."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0
        self.meta = None

    def __getattr__(self, name: str) -> Any:
        """Return an operation that fails."""

        def fail(**_: Any) -> None:
            self.calls += 1
            raise self.error

        return fail


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_unreachable_table_is_called_once_and_findings_are_forwarded(mode: str) -> None:
    """Without the table, all must be forwarded and counted, with one failing call per batch."""
    client: Any = FailingClient(TimeoutError("no answer"))
    destination = Recorder()
    wrapped = deduplicating(client, destination, mode)
    telemetry: Any = wrapped.metrics
    batch = [delivery(str(number), number) for number in range(10)]
    assert {} == wrapped.deliver(batch, plenty)
    assert ([str(number) for number in range(10)], 1) == (destination.delivered, client.calls)
    assert 1 == telemetry.counted["DeduplicationUnavailable"]
    wrapped.deliver(batch, plenty)
    assert 2 == client.calls


def test_missing_table_forwards() -> None:
    """If the table does not exist, findings must still be forwarded."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        destination = Recorder()
        assert {} == deduplicating(client, destination).deliver([delivery("a")], plenty)
    assert ["a"] == destination.delivered


def test_slow_table_is_not_called_again() -> None:
    """A slow table must not use up the execution time that the delivery needs."""
    now = [0.0]

    class Slow(FailingClient):
        def __getattr__(self, name: str) -> Any:
            def respond(**_: Any) -> dict[str, Any]:
                self.calls += 1
                now[0] += 3.0
                return {"ConsumedCapacity": {}, "Responses": {}, "UnprocessedKeys": {}}

            return respond

    client: Any = Slow(RuntimeError())
    destination = Recorder()
    wrapped = deduplicating(client, destination, "every")
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/"
    wrapped.deliver([delivery(str(n), arn=f"{other}{n}") for n in range(10)], lambda: 58.0 - now[0])
    assert ([str(n) for n in range(10)], 4) == (destination.delivered, client.calls)


def test_table_is_not_called_without_enough_time() -> None:
    """With less time left than a call can take, the table must not be called."""
    client: Any = None
    table = DeduplicationTable(client, "deduplication", "siem", lambda: TIMEOUTS.seconds - 0.1)
    assert ("unavailable", [None], False) == (table.claim({}), table.read([{}]), table.write([Write({})]))


def test_delivery_leaves_time_to_mark_as_completed(client: DynamoDBClient) -> None:
    """The destination must get less time than is left, so that the table can be updated after it."""
    destination = Recorder()
    deduplicating(client, destination).deliver([delivery("a")], plenty)
    assert [50.0 - WRITE_SECONDS] == destination.left
    assert WRITE_SECONDS > TIMEOUTS.seconds


def test_delivery_is_retried_after_the_destination_raised(client: DynamoDBClient) -> None:
    """When the destination raises, its deliveries must fail and be delivered when redelivered."""

    def raise_it() -> None:
        raise RuntimeError("bug")

    destination = Recorder(hook=raise_it)
    wrapped = deduplicating(client, destination)
    silent: Any = type("Silent", (RecordingTelemetry,), {"exception": lambda *_, **__: None})()
    wrapped = replace(wrapped, logger=silent)
    assert ["a"] == list(wrapped.deliver([delivery("a")], plenty))
    destination.hook = None
    assert {} == wrapped.deliver([delivery("a")], plenty)


def test_archived_state_that_cannot_be_stored_is_retried(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the archived state cannot be stored, the record must be retried, or un-archiving would be missed."""
    wrapped = deduplicating(client, Recorder())
    wrapped.deliver([delivery("a")], plenty)
    monkeypatch.setattr(client, "batch_write_item", lambda **_: (_ for _ in ()).throw(TimeoutError("x")))
    assert {
        "b": Failure("the archived state could not be stored in the deduplication table")
    } == wrapped.deliver([archived("b", 11)], plenty)


def test_round_has_one_update_of_a_finding() -> None:
    """A round must have one delivery of each finding: the next is compared with what it leaves."""
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/other"
    batch = [delivery("a"), delivery("b", 11), delivery("c", arn=other), delivery("d")]
    names = [[item.id for item in part] for part in split_round(batch)]
    assert [["a", "c"], ["b", "d"]] == names


@pytest.mark.parametrize(
    ("settings", "wrapped"),
    [
        (Settings(deduplication_table="t"), True),
        (Settings(), False),
        (Settings(deduplication_table="t", destination="security-hub-import"), True),
        (Settings(deduplication_table="t", destination="security-hub-annotate"), False),
    ],
)
def test_destination_is_wrapped_if_a_table_is_set(settings: Settings, wrapped: bool) -> None:
    """Every destination but annotation must be deduplicated if DEDUPLICATION_TABLE is set."""
    destination = Recorder()
    telemetry: Any = RecordingTelemetry()
    assert wrapped is (with_deduplication(destination, settings, telemetry, telemetry) is not destination)


def test_items_outlive_every_redelivery(client: DynamoDBClient) -> None:
    """An item must outlive the retention of queue and dead-letter queue together: 28 days."""
    assert TTL_SECONDS >= 29 * 24 * 3600
    open_table = build(Settings(deduplication_table="deduplication"))
    assert "claimed" == open_table(plenty).claim({"arn": "a"})
    assert open_table(plenty).write([Write({"arn": "b"}, {})])
    items = client.scan(TableName="deduplication")["Items"]
    assert 2 == sum(abs(int(item["expiration"]["N"]) - time.time() - TTL_SECONDS) < 60 for item in items)


def test_items_keep_their_keys(client: DynamoDBClient) -> None:
    """The keys of the items must stay as they are: with others a deployment forgets all that was sent."""
    send(deduplicating(client, Recorder()), delivery("m1", arn="arn:aws:guardduty:eu-west-1:1:detector/d"))
    ids = {item["id"]["S"] for item in client.scan(TableName="deduplication")["Items"]}
    assert {
        f"siem#{hashlib.sha256(key.encode()).hexdigest()}"
        for key in (
            '{"arn": "arn:aws:guardduty:eu-west-1:1:detector/d"}',
            '{"arn": "arn:aws:guardduty:eu-west-1:1:detector/d", "updatedAt": "2026-11-01T10:00:00.000Z"}',
        )
    } == ids


def test_state_of_another_version_is_as_none(client: DynamoDBClient) -> None:
    """A completed item without data, or with data of another shape, must not count as a state forwarded."""
    for number, data in enumerate(({}, {"data": {"S": "[1]"}}, {"data": {"S": '{"told": 1}'}})):
        arn = f"arn:aws:guardduty:eu-west-1:1:detector/d{number}"
        key = hashlib.sha256(f'{{"arn": "{arn}"}}'.encode()).hexdigest()
        client.put_item(
            TableName="deduplication",
            Item={
                "id": {"S": f"siem#{key}"},
                "status": {"S": "COMPLETED"},
                "expiration": {"N": "9999999999"},
                **data,
            },
        )
        recorder = Recorder()
        wrapped = deduplicating(client, recorder)
        assert {} == send(wrapped, delivery("m1", arn=arn))
        assert ["m1"] == recorder.delivered
        assert "DeduplicationUnavailable" not in wrapped.metrics.counted  # type: ignore[attr-defined]


def test_idempotency_of_powertools_is_not_imported() -> None:
    """The function must not import Powertools Idempotency: it would make init slower and is not used."""
    code = (
        "import sys\n"
        "from enricher.delivery import deduplication\n"
        "from enricher.settings import Settings\n"
        "deduplication.with_deduplication(None, Settings(), None, None)\n"
        "assert not [name for name in sys.modules if 'idempotency' in name], 'imported'"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def counting(client: DynamoDBClient) -> Counter[str]:
    """Return the number of requests that a client makes from now on, by operation."""
    requests: Counter[str] = Counter()
    client.meta.events.register(
        "before-send.dynamodb",
        lambda event_name, **_: requests.update([event_name.rpartition(".")[2]]),
    )
    return requests


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("material", {"BatchGetItem": 10, "PutItem": 100, "BatchWriteItem": 10}),
        ("every", {"BatchGetItem": 10, "PutItem": 100, "BatchWriteItem": 10}),
        ("first", {"PutItem": 100, "BatchWriteItem": 10}),
    ],
)
def test_hundred_new_findings_take_at_most_120_requests(
    client: DynamoDBClient, mode: str, expected: dict[str, int]
) -> None:
    """In batches of ten, only claims may be single requests; reads and marks must be one for each batch."""
    requests = counting(client)
    wrapped = deduplicating(client, Recorder(), mode)
    for batch in range(10):
        wrapped.deliver([delivery(str(n), arn=f"arn:{batch}/{n}") for n in range(10)], plenty)
    assert expected == dict(requests)
    assert requests.total() <= 120


class Unprocessing:
    """A DynamoDB client that leaves items unprocessed: all but the first of a call, so many times."""

    def __init__(self, client: DynamoDBClient, times: int) -> None:
        self.client, self.times = client, times
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        """Return the operation of the client."""
        return getattr(self.client, name)

    def _take(self, requests: list[Any]) -> tuple[list[Any], list[Any]]:
        self.sizes.append(len(requests))
        self.times -= 1
        return (requests[:1], requests[1:]) if self.times >= 0 else (requests, [])

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - the name of the API
        """Fake the operation."""
        [(name, request)] = RequestItems.items()
        assert len(request["Keys"]) <= 100
        now, later = self._take(request["Keys"])
        first: Any = {name: {**request, "Keys": now}}
        answer = self.client.batch_get_item(RequestItems=first)
        return {**answer, "UnprocessedKeys": {name: {**request, "Keys": later}} if later else {}}

    def batch_write_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        """Fake the operation."""
        [(name, requests)] = RequestItems.items()
        # moto accepts more.
        assert 1 <= len(requests) <= 25
        now, later = self._take(requests)
        answer = self.client.batch_write_item(RequestItems={name: now})
        return {**answer, "UnprocessedItems": {name: later} if later else {}}


def test_unprocessed_items_are_requested_again(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What DynamoDB leaves unprocessed must be requested again, after a wait, and nothing else."""
    slept: list[float] = []
    monkeypatch.setattr("enricher.delivery.dedup_store.time.sleep", slept.append)
    keys = [{"arn": str(number)} for number in range(30)]
    unprocessing: Any = Unprocessing(client, 2)
    table = table_opener(unprocessing, "deduplication", "siem")(plenty)
    assert table.write([Write(key, {"n": place}) for place, key in enumerate(keys)])
    assert [25, 5, 25, 3] == unprocessing.sizes
    unprocessing.times = 1
    assert [{"n": place} for place in range(30)] == table.read(keys)
    assert ([30, 29], [*UNPROCESSED_WAITS[:1], *UNPROCESSED_WAITS[:1]]) == (unprocessing.sizes[4:], slept)


def test_table_that_leaves_items_unprocessed_is_unavailable(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items that stay unprocessed must count as a failure of the table, after a few attempts."""
    monkeypatch.setattr("enricher.delivery.dedup_store.time.sleep", lambda _: None)
    table = table_opener(Unprocessing(client, 99), "deduplication", "siem")(plenty)  # type: ignore[arg-type]
    assert not table.write([Write({"arn": str(number)}, {}) for number in range(10)])
    assert "6 items left unprocessed" == table.unavailable


def test_batches_stay_within_the_limits_of_dynamodb(client: DynamoDBClient) -> None:
    """One call must read at most 100 keys and write at most 25 items."""
    unprocessing: Any = Unprocessing(client, 0)
    table = table_opener(unprocessing, "deduplication", "siem")(plenty)
    keys = [{"arn": str(number)} for number in range(101)]
    table.read(keys)
    table.write([Write(key) for key in keys[:26]])
    assert ((100, 25), [100, 1, 25, 1]) == ((KEYS_PER_READ, ITEMS_PER_WRITE), unprocessing.sizes)


@pytest.mark.parametrize("operation", ["batch_get_item", "put_item", "batch_write_item"])
def test_answer_that_is_not_of_dynamodb_makes_the_table_unavailable(
    client: DynamoDBClient, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page, an empty answer of botocore, must be neither a claim nor an absent item."""
    with serve(BLOCK_PAGE) as server:
        foreign = server.client("dynamodb")
        monkeypatch.setattr(client, operation, getattr(foreign, operation))
        destination = Recorder()
        wrapped = deduplicating(client, destination)
        assert {} == wrapped.deliver([delivery("a")], plenty)
    telemetry: Any = wrapped.metrics
    assert (["a"], 1) == (destination.delivered, telemetry.counted["DeduplicationUnavailable"])


def resent(item: Delivery, resend: str) -> Delivery:
    """Return the delivery as part of a resend."""
    return item._replace(resend=resend)


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_each_resend_passes_once(client: DynamoDBClient, mode: str) -> None:
    """A finding must pass once for each resend, whatever was sent before; a redelivered message must not."""
    destination = Recorder()
    wrapped = deduplicating(client, destination, mode)
    failures = send(
        wrapped,
        delivery("a"),
        delivery("copy"),
        resent(delivery("b"), "run 1"),
        resent(delivery("c"), "run 1"),
        resent(delivery("d"), "run 2"),
        delivery("e"),
    )
    assert (["a", "b", "d"], ["copy", "c", "e"]) == (destination.delivered, suppressed(failures))


def test_resend_does_not_change_what_counts_as_material(client: DynamoDBClient) -> None:
    """After a resend of an old update, the next update must be compared with what was sent before it."""
    destination = Recorder()
    send(
        deduplicating(client, destination),
        delivery("a", 12, severity=8),
        resent(delivery("b", 10, severity=2), "run 1"),
        delivery("c", 13, severity=8),
    )
    assert ["a", "b"] == destination.delivered


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_each_message_with_a_sample_passes(client: DynamoDBClient, mode: str) -> None:
    """A sample finding tests the way to the SIEM: each message must pass, but not its redelivery."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    changes: Any = {"service": {**service, "additionalInfo": {"sample": True}}}
    destination = Recorder()
    send(
        deduplicating(client, destination, mode),
        delivery("a", **changes),
        delivery("b", **changes),
        delivery("b", **changes),
    )
    assert ["a", "b"] == destination.delivered


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        ("material", "new remote address 203.0.113.77"),
        ("every", "new remote address 203.0.113.77"),
        ("first", None),
    ],
)
def test_update_says_what_changed(mode: str, changes: str | None, client: DynamoDBClient) -> None:
    """An update that is sent must say what changed since the last one; a first sight says nothing."""
    destination = Recorder()
    wrapped = deduplicating(client, destination, mode)
    wrapped.deliver([delivery("a")], plenty)
    wrapped.deliver([delivery("b", 11, address="203.0.113.77")], plenty)
    assert ["", *([] if changes is None else [changes])] == destination.changes


def test_updates_in_one_batch_are_compared_with_each_other(client: DynamoDBClient) -> None:
    """Two updates of a finding in one batch must each say what changed since the one before."""
    destination = Recorder()
    batch = [delivery("a"), delivery("b", 11, severity=8), delivery("c", 12, severity=8)]
    deduplicating(client, destination, "every").deliver(batch, plenty)
    assert ["", "severity LOW to HIGH", ""] == destination.changes


@pytest.mark.parametrize("mode", ["material", "every"])
def test_redelivery_says_the_same(mode: str, client: DynamoDBClient) -> None:
    """An update that failed must say the same when it is redelivered."""
    destination = Recorder(failures={"b": Failure("busy")})
    wrapped = deduplicating(client, destination, mode)
    wrapped.deliver([delivery("a")], plenty)
    update = delivery("b", 11, severity=8)
    wrapped.deliver([update], plenty)
    destination.failures.clear()
    wrapped.deliver([update], plenty)
    assert ["", "severity LOW to HIGH", "severity LOW to HIGH"] == destination.changes


@pytest.mark.parametrize("mode", ["material", "every"])
def test_resend_says_nothing(mode: str, client: DynamoDBClient) -> None:
    """A resend repeats what was sent before: it must not claim that something changed."""
    destination = Recorder()
    wrapped = deduplicating(client, destination, mode)
    wrapped.deliver([delivery("a")], plenty)
    for key, hour, address in (("b", 10, "192.0.2.1"), ("c", 11, "192.0.2.2")):
        wrapped.deliver([delivery(key, hour, address)._replace(resend="run-1")], plenty)
    assert ["", "", ""] == destination.changes


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_without_the_table_nothing_is_said(mode: str) -> None:
    """Without the state of before, an alert must not say what changed."""
    failing: Any = FailingClient(RuntimeError())
    destination = Recorder()
    deduplicating(failing, destination, mode).deliver([delivery("a", severity=8)], plenty)
    assert [""] == destination.changes
