"""Check that repeats are held back, failures leave no mark, and a failing table costs noise, not silence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from moto import mock_aws

from enricher.delivery.dedup_store import PATIENCE, RepeatsTable, build, opener
from enricher.delivery.deduplication import QuietRepeats, guard, split_wave
from enricher.destinations.base import Failure, Parcel, Remedy, TimeLeft
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.settings import Settings
from tests import examples
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.plant import Witness

SKIP = "Suppressed"


@dataclass
class Recorder:
    """Take every parcel but those told to fail; hook: what else happens during a delivery."""

    failures: dict[str, Failure] = field(default_factory=dict)
    delivered: list[str] = field(default_factory=list)
    hook: Callable[[], None] | None = None
    left: list[float] = field(default_factory=list)

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Play a destination."""
        self.left.append(time_left())
        if self.hook:
            self.hook()
        self.delivered += [parcel.id for parcel in batch if parcel.id not in self.failures]
        return {parcel.id: self.failures[parcel.id] for parcel in batch if parcel.id in self.failures}


@pytest.fixture
def layer() -> Iterator[DynamoDBPersistenceLayer]:
    """Give Powertools' layer over a table of moto."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName="repeats",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield DynamoDBPersistenceLayer("repeats", boto3_client=client)


def quiet(
    layer: DynamoDBPersistenceLayer, target: Recorder, mode: str = "material", route: str = "siem"
) -> QuietRepeats:
    """Put the filter before a destination."""
    witness: Any = Witness()
    return QuietRepeats(target, opener(layer, route), mode, witness, witness)


def parcel(key: str, hour: int = 10, address: str = "198.51.100.23", arn: str = "", **changes: Any) -> Parcel:
    """Make an update of one finding, by the hour; `changes` go to the top of its detail."""
    event = examples.event(
        "ec2-ssh-brute-force-inbound", updatedAt=f"2026-11-01T{hour:02d}:00:00.000Z", **changes
    )
    detail = event["detail"]
    detail["arn"] = arn or detail["arn"]
    connection = detail["service"]["action"]["networkConnectionAction"]
    connection["remoteIpDetails"]["ipAddressV4"] = address
    return Parcel(key, enrich(Finding.from_event(event), small_mapping()))


def archived(key: str, hour: int) -> Parcel:
    """Make an archived update of the same finding."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    return parcel(key, hour, service={**service, "archived": True})


def plenty() -> float:
    """Give enough time for anything."""
    return 50.0


def suppressed(failures: Mapping[str, Failure]) -> list[str]:
    """Give the ids that were held back as repeats."""
    return [
        key for key, failure in failures.items() if (failure.remedy, failure.metric) == (Remedy.SKIP, SKIP)
    ]


def send(filter_: QuietRepeats, *parcels: Parcel) -> dict[str, Failure]:
    """Deliver each parcel in a batch of its own, as they come over the hours."""
    return {key: failure for item in parcels for key, failure in filter_.deliver([item], plenty).items()}


def test_material_forwards_only_news(layer: DynamoDBPersistenceLayer) -> None:
    """Material must forward the first sight and each change of the picture, and hold back the rest."""
    target = Recorder()
    failures = send(
        quiet(layer, target),
        parcel("first"),
        parcel("same", 11),
        parcel("higher", 12, severity=8),
        parcel("lower", 13, severity=2),
        parcel("address", 14, address="203.0.113.9"),
        parcel("both known", 15),
    )
    assert ["first", "higher", "address"] == target.delivered
    assert ["same", "lower", "both known"] == suppressed(failures)


def test_unarchived_is_seen_though_archiving_was_quiet(layer: DynamoDBPersistenceLayer) -> None:
    """Archiving must not be told, and un-archiving must."""
    target = Recorder()
    failures = send(quiet(layer, target), parcel("first"), archived("archived", 11), parcel("again", 12))
    assert ["first", "again"] == target.delivered
    assert ["archived"] == suppressed(failures)


def test_every_forwards_each_update_once(layer: DynamoDBPersistenceLayer) -> None:
    """Every must forward each update, and absorb a second copy of one."""
    target = Recorder()
    send(
        quiet(layer, target, "every"),
        parcel("a"),
        parcel("copy of a"),
        parcel("b", 11),
        parcel("copy of b", 11),
    )
    assert ["a", "b"] == target.delivered


def test_first_forwards_one_for_a_finding(layer: DynamoDBPersistenceLayer) -> None:
    """First must forward the first update of each finding, whatever the others say."""
    target = Recorder()
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/other"
    send(quiet(layer, target, "first"), parcel("a"), parcel("b", 11, severity=9), parcel("c", 10, arn=other))
    assert ["a", "c"] == target.delivered


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_copies_in_one_batch_are_one(layer: DynamoDBPersistenceLayer, mode: str) -> None:
    """Two copies of one update in the same batch must be delivered once, and the other held back."""
    target = Recorder()
    failures = quiet(layer, target, mode).deliver([parcel("a"), parcel("b")], plenty)
    assert (["a"], ["b"]) == (target.delivered, suppressed(failures))


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_failed_delivery_leaves_no_mark(layer: DynamoDBPersistenceLayer, mode: str) -> None:
    """What failed must be delivered when it comes again."""
    target = Recorder({"a": Failure("throttled")})
    filter_ = quiet(layer, target, mode)
    assert {"a": Failure("throttled")} == filter_.deliver([parcel("a")], plenty)
    target.failures = {}
    assert {} == filter_.deliver([parcel("a")], plenty)
    assert ["a"] == target.delivered


def test_update_is_no_repeat_of_one_that_failed(layer: DynamoDBPersistenceLayer) -> None:
    """When the first of two updates fails, the second must be delivered though it says the same."""
    target = Recorder({"a": Failure("throttled")})
    failures = quiet(layer, target).deliver([parcel("a"), parcel("b", 11)], plenty)
    assert (["b"], ["a"]) == (target.delivered, list(failures))


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_two_invocations_with_one_message_publish_once(layer: DynamoDBPersistenceLayer, mode: str) -> None:
    """While one invocation delivers a message, another that holds it too must give it back to the queue."""
    second = Recorder()
    answers: list[dict[str, Failure]] = []
    first = Recorder(hook=lambda: answers.append(quiet(layer, second, mode).deliver([parcel("b")], plenty)))
    assert {} == quiet(layer, first, mode).deliver([parcel("a")], plenty)
    assert (["a"], []) == (first.delivered, second.delivered)
    assert [{"b": Failure("being forwarded by another invocation")}] == answers


def test_claim_of_a_dead_invocation_runs_out(
    layer: DynamoDBPersistenceLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose first invocation died before the delivery must be delivered once its time is up."""
    open_table = opener(layer, "siem")
    monkeypatch.setattr("enricher.delivery.dedup_store.CLAIM_MARGIN_SECONDS", -60.0)
    assert open_table(plenty).claim({"arn": "a"}) == "claimed"
    assert open_table(plenty).claim({"arn": "a"}) == "claimed"
    monkeypatch.setattr("enricher.delivery.dedup_store.CLAIM_MARGIN_SECONDS", 5.0)
    assert open_table(plenty).claim({"arn": "b"}) == "claimed"
    assert open_table(plenty).claim({"arn": "b"}) == "in-progress"


def test_routes_do_not_hold_back_each_others(layer: DynamoDBPersistenceLayer) -> None:
    """What one route forwarded must still be new to another that shares the table."""
    siem, people = Recorder(), Recorder()
    quiet(layer, siem, route="siem").deliver([parcel("a")], plenty)
    quiet(layer, people, route="people").deliver([parcel("b")], plenty)
    assert (["a"], ["b"]) == (siem.delivered, people.delivered)


@pytest.mark.parametrize("missing", ["arn", "updatedAt"])
def test_nameless_update_is_forwarded_each_time(layer: DynamoDBPersistenceLayer, missing: str) -> None:
    """A finding without an ARN or a time cannot be known again, so it must be forwarded each time."""
    target = Recorder()
    item = parcel("a")
    detail = {key: value for key, value in item.enriched.finding.event["detail"].items() if key != missing}
    nameless = replace(item, enriched=enrich(Finding.from_detail(detail), small_mapping()))
    send(quiet(layer, target), nameless, nameless)
    assert ["a", "a"] == target.delivered


class Broken:
    """Be a DynamoDB client that fails each call, and count them."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0
        self.meta = None

    def __getattr__(self, name: str) -> Any:
        """Fail whatever is called."""

        def fail(**_: Any) -> None:
            self.calls += 1
            raise self.error

        return fail


@pytest.mark.parametrize("mode", ["material", "every", "first"])
def test_unreachable_table_forwards_and_is_asked_once(mode: str) -> None:
    """Without the table all must be forwarded, the metric count it, and one time-out be paid a batch."""
    client: Any = Broken(TimeoutError("no answer"))
    target = Recorder()
    filter_ = quiet(DynamoDBPersistenceLayer("repeats", boto3_client=client), target, mode)
    witness: Any = filter_.metrics
    batch = [parcel(str(number), number) for number in range(10)]
    assert {} == filter_.deliver(batch, plenty)
    assert ([str(number) for number in range(10)], 1) == (target.delivered, client.calls)
    assert 1 == witness.counted["RepeatsTableUnusable"]
    filter_.deliver(batch, plenty)
    assert 2 == client.calls


def test_missing_table_forwards() -> None:
    """A table that does not exist must cost noise only."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        target = Recorder()
        assert {} == quiet(DynamoDBPersistenceLayer("none", boto3_client=client), target).deliver(
            [parcel("a")], plenty
        )
    assert ["a"] == target.delivered


def test_slow_table_is_given_up() -> None:
    """A table that answers slowly must not eat the time that the delivery needs."""
    now = [0.0]

    class Slow(Broken):
        def __getattr__(self, name: str) -> Any:
            def answer(**_: Any) -> dict[str, Any]:
                self.calls += 1
                now[0] += 3.0
                return {}

            return answer

    client: Any = Slow(RuntimeError())
    target = Recorder()
    filter_ = quiet(DynamoDBPersistenceLayer("repeats", boto3_client=client), target, "every")
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/"
    filter_.deliver([parcel(str(n), arn=f"{other}{n}") for n in range(10)], lambda: 58.0 - now[0])
    assert ([str(n) for n in range(10)], 4) == (target.delivered, client.calls)


def test_no_call_to_the_table_outlasts_the_function() -> None:
    """With less time left than a call can take, the table must not be asked."""
    layer: Any = None
    table = RepeatsTable(layer, lambda: PATIENCE.seconds - 0.1)
    assert ("unusable", None, False) == (table.claim({}), table.read({}), table.finish({}, {}))


def test_destination_leaves_time_to_mark(layer: DynamoDBPersistenceLayer) -> None:
    """The destination must see ten seconds less than there are, so that the marks come in time."""
    target = Recorder()
    quiet(layer, target).deliver([parcel("a")], plenty)
    assert [40.0] == target.left


def test_raising_destination_leaves_no_mark(layer: DynamoDBPersistenceLayer) -> None:
    """A destination that raises must make its parcels fail, and each be delivered when it comes again."""

    def raise_it() -> None:
        raise RuntimeError("bug")

    target = Recorder(hook=raise_it)
    filter_ = quiet(layer, target)
    silent: Any = type("Silent", (Witness,), {"exception": lambda *_, **__: None})()
    filter_ = replace(filter_, logger=silent)
    assert ["a"] == list(filter_.deliver([parcel("a")], plenty))
    target.hook = None
    assert {} == filter_.deliver([parcel("a")], plenty)


def test_archiving_that_cannot_be_noted_comes_again(
    layer: DynamoDBPersistenceLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archiving that could not be noted must come again, or un-archiving would be missed."""
    filter_ = quiet(layer, Recorder())
    filter_.deliver([parcel("a")], plenty)
    monkeypatch.setattr(layer, "save_success", lambda **_: (_ for _ in ()).throw(TimeoutError("x")))
    assert {"b": Failure("archived, which could not be noted")} == filter_.deliver(
        [archived("b", 11)], plenty
    )


def test_wave_holds_one_update_of_a_finding() -> None:
    """A wave must hold one parcel of each finding, or of each update where that is enough."""
    other = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/other"
    batch = [parcel("a"), parcel("b", 11), parcel("c", arn=other), parcel("d")]
    names = [[item.id for item in part] for part in split_wave(batch, one_update=False)]
    assert [["a", "c"], ["b", "d"]] == names
    names = [[item.id for item in part] for part in split_wave(batch, one_update=True)]
    assert [["a", "b", "c"], ["d"]] == names


@pytest.mark.parametrize(
    ("settings", "guarded"),
    [
        (Settings(repeats_table="t"), True),
        (Settings(), False),
        (Settings(repeats_table="t", destination="security-hub-import"), True),
        (Settings(repeats_table="t", destination="security-hub-annotate"), False),
    ],
)
def test_guard_stands_where_a_table_is(settings: Settings, guarded: bool) -> None:
    """The filter must stand before each destination that a table is given for, but for annotation."""
    target = Recorder()
    witness: Any = Witness()
    assert guarded is (guard(target, settings, witness, witness) is not target)


def test_marks_outlive_every_redelivery() -> None:
    """A mark must stand longer than the queue and its dead-letter queue keep a message: 28 days."""
    layer: Any = build(Settings(repeats_table="t"))(plenty).layer
    assert layer.expires_after_seconds >= 29 * 24 * 3600
    assert layer.hash_function(b"").name == "sha256"


def test_without_a_table_idempotency_is_not_imported() -> None:
    """A function without the table must not pay for importing what only the table needs."""
    code = (
        "import sys; from enricher.delivery import deduplication as repeats; from enricher.settings import Settings\n"
        "repeats.guard(None, Settings(), None, None)\n"
        "assert not [name for name in sys.modules if 'idempotency' in name], 'imported'"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
