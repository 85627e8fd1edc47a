"""Test the overrides of mapping records from S3 or SSM Parameter Store."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from aws_lambda_powertools.metrics import MetricUnit
from botocore.stub import Stubber
from moto import mock_aws

from enricher.delivery import overrides as module
from enricher.delivery.overrides import MAX_AGE, MAX_BYTES, Overrides, build
from enricher.delivery.pipeline import Route
from enricher.destinations.base import Delivery, Failure, TimeLeft
from enricher.enrichment.attack_object import Attack
from enricher.mapping.model import AttackMapping
from enricher.settings import Settings
from tests import examples
from tests.tiny_mapping import record

ACCOUNT = "123456789012"  # moto's
BUCKET, KEY, NAME = "example-overrides", "own/mapping.toml", "/enricher/overrides"
SOURCES = (f"s3://{BUCKET}/{KEY}", f"ssm:{NAME}")
PORTSCAN = "Recon:EC2/Portscan"
LOW = record(PORTSCAN, confidence='"low"', provenance="", reviewed="")


class RecordingTelemetry:
    """A logger and metrics that record every call."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str, dict[str, Any]]] = []
        self.counted: list[tuple[str, float]] = []

    def info(self, message: str, extra: dict[str, Any]) -> None:
        """Record a call of Logger.info."""
        self.logged.append(("info", message, extra))

    def error(self, message: str, extra: dict[str, Any]) -> None:
        """Record a call of Logger.error."""
        self.logged.append(("error", message, extra))

    def exception(self, message: str, extra: dict[str, Any]) -> None:
        """Record a call of Logger.exception."""
        self.logged.append(("exception", message, extra))

    def add_metric(self, name: str, unit: object, value: float) -> None:
        """Record a call of Metrics.add_metric."""
        assert unit == MetricUnit.Count
        self.counted.append((name, value))


@pytest.fixture
def aws() -> Iterator[None]:
    """Start moto with an empty bucket."""
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield


@pytest.fixture
def telemetry() -> RecordingTelemetry:
    """Return a new telemetry."""
    return RecordingTelemetry()


def _put(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=text.encode())
    boto3.client("ssm").put_parameter(Name=NAME, Value=text, Type="SecureString", Overwrite=True)


def _build(source: str, mapping: AttackMapping, telemetry: RecordingTelemetry) -> Overrides:
    both: Any = telemetry
    settings = Settings(mapping_overrides=source, account_id=ACCOUNT)
    return build(settings, mapping, both, both)


def expire(overrides: Overrides) -> None:
    """Make the loaded overrides older than MAX_AGE."""
    overrides._read_at = 0.0


def _confidence(mapping: AttackMapping) -> str:
    return mapping.records[PORTSCAN].confidence


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_override_is_applied_from_either_source(
    source: str, mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """A valid override must replace the bundled record, and the log must list the overridden types."""
    _put(LOW)
    current = _build(source, mapping, telemetry).current()
    assert (_confidence(mapping), _confidence(current)) == ("high", "low")
    [(level, message, extra)] = telemetry.logged
    assert (level, message) == ("info", "overrides loaded")
    assert ({"source": source, "records": 1, "types": [PORTSCAN]}) == {
        key: value for key, value in extra.items() if key != "version"
    }
    expected = boto3.client("s3").head_object(Bucket=BUCKET, Key=KEY)["ETag"] if "s3" in source else "1"
    assert expected == extra["version"]
    assert telemetry.counted == [("OverrideRecords", 1)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_invalid_override_is_logged_and_counted_and_the_others_are_applied(
    source: str, mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """An invalid override must be logged and counted once, and the bundled record used in its place."""
    invalid = "Impact:EC2/BitcoinDomainRequest.Reputation"
    _put(LOW + record(invalid, confidence='"maybe"', attack='[{ tactic = "TA0005", technique = "T1562" }]'))
    current = _build(source, mapping, telemetry).current()
    assert _confidence(current) == "low"
    assert current.records[invalid] == mapping.records[invalid]
    logged = [extra for level, _, extra in telemetry.logged if level == "error"]
    assert [extra["override"] for extra in logged] == [invalid, invalid]
    assert [extra["line"] for extra in logged] == [17, 18]
    assert telemetry.counted == [("InvalidOverride", 1), ("OverrideRecords", 1)]


@pytest.mark.usefixtures("aws")
def test_byte_order_mark_is_accepted(mapping: AttackMapping, telemetry: RecordingTelemetry) -> None:
    """An object with a UTF-8 byte order mark must be read like one without it."""
    _put("\ufeff" + LOW)
    assert "low" == _confidence(_build(SOURCES[0], mapping, telemetry).current())
    assert telemetry.counted == [("OverrideRecords", 1)]


@pytest.mark.usefixtures("aws")
def test_invalid_toml_leaves_the_bundled_mapping(
    mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """Overrides that are not TOML must be counted as invalid, and the bundled mapping used unchanged."""
    _put("confidence: low")
    assert _build(SOURCES[0], mapping, telemetry).current().records == mapping.records
    assert telemetry.counted == [("InvalidOverride", 1), ("OverrideRecords", 0)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_unavailable_source_is_counted_and_not_read_again(
    source: str, mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """An unavailable source must leave the bundled mapping, be counted once, and not be read per finding."""
    overrides = _build(source, mapping, telemetry)
    assert overrides.current() is overrides.current() is mapping
    assert telemetry.counted == [("OverridesUnavailable", 1)]
    assert [level for level, _, _ in telemetry.logged] == ["exception"]


@pytest.mark.usefixtures("aws")
def test_source_is_read_again_after_max_age(
    mapping: AttackMapping, telemetry: RecordingTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that was unavailable must be read again after MAX_AGE, and its overrides applied."""
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    overrides = _build(SOURCES[0], mapping, telemetry)
    _put(LOW)
    now[0] += MAX_AGE - 1
    assert _confidence(overrides.current()) == "high"
    now[0] += 1
    assert _confidence(overrides.current()) == "low"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_warm_function_applies_a_change_within_five_minutes(
    source: str, mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """Changed overrides must be applied once the cached ones are older than MAX_AGE, five minutes."""
    _put(LOW)
    overrides = _build(source, mapping, telemetry)
    _put(record(PORTSCAN, confidence='"medium"'))
    assert _confidence(overrides.current()) == "low"
    expire(overrides)
    assert MAX_AGE == 300
    assert _confidence(overrides.current()) == "medium"


@pytest.mark.usefixtures("aws")
def test_last_overrides_stay_when_the_source_fails(
    mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """Overrides that were loaded once must stay applied when their source fails later."""
    _put(LOW)
    overrides = _build(SOURCES[0], mapping, telemetry)
    expire(overrides)
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=KEY)
    assert _confidence(overrides.current()) == "low"
    assert telemetry.counted == [("OverrideRecords", 1), ("OverridesUnavailable", 1)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("size", "counted"),
    [(MAX_BYTES, "OverrideRecords"), (MAX_BYTES + 1, "OverridesUnavailable")],
)
def test_object_size_is_limited(
    size: int, counted: str, mapping: AttackMapping, telemetry: RecordingTelemetry
) -> None:
    """An object above the limit must not be read; one of exactly the limit must."""
    _put_object(LOW + "#" * (size - len(LOW.encode())))
    _build(SOURCES[0], mapping, telemetry)
    assert telemetry.counted == [(counted, 1)]


@pytest.mark.parametrize(
    ("settings", "owner"),
    [
        (Settings(mapping_overrides=SOURCES[0], account_id="111122223333"), "111122223333"),
        (
            Settings(
                mapping_overrides=SOURCES[0],
                account_id="111122223333",
                mapping_overrides_owner="444455556666",
            ),
            "444455556666",
        ),
    ],
)
def test_owner_of_the_bucket_is_checked(
    settings: Settings,
    owner: str,
    mapping: AttackMapping,
    telemetry: RecordingTelemetry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S3 must be told the account that owns the bucket: the function's, unless another one is set."""
    client = boto3.client("s3")
    monkeypatch.setattr("enricher.delivery.overrides.make_client", lambda *_, **__: client)
    both: Any = telemetry
    with Stubber(client) as stub:
        request = {"Bucket": BUCKET, "Key": KEY, "ExpectedBucketOwner": owner}
        stub.add_client_error("get_object", "AccessDenied", expected_params=request)
        assert build(settings, mapping, both, both).current() is mapping
        stub.assert_no_pending_responses()
    assert telemetry.counted == [("OverridesUnavailable", 1)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("dots", "counted"), [(100, ("InvalidOverride", 1)), (101, ("InvalidOverride", 1))])
def test_dots_of_a_line_are_limited(
    dots: int,
    counted: tuple[str, float],
    mapping: AttackMapping,
    telemetry: RecordingTelemetry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line with more dots than any record needs must be rejected before the TOML parser reads it."""
    parsed: list[str] = []

    def loads(text: str) -> dict[str, Any]:
        parsed.append(text)
        raise tomllib.TOMLDecodeError("Invalid statement (at line 1, column 1)")

    monkeypatch.setattr("tomllib.loads", loads)
    _put_object("." * dots + "\nx = 1\n" + "." * 50)
    _build(SOURCES[0], mapping, telemetry)
    assert (counted, dots <= 100) == (telemetry.counted[0], bool(parsed))


def _put_object(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=text.encode())


@pytest.mark.usefixtures("aws")
def test_route_enriches_with_the_overrides(mapping: AttackMapping, telemetry: RecordingTelemetry) -> None:
    """A route must use its overrides: a lower confidence, no technique for a type, an undocumented type."""
    unmapped, unknown = (
        "UnauthorizedAccess:EC2/TorClient",
        "Exfiltration:NewService/TransferDataToCloudAccount",
    )
    pair = '[{ tactic = "TA0010", technique = "T1537" }]'
    _put(LOW + record(unmapped, attack="[]") + record(unknown, attack=pair))
    enriched: dict[str, Attack] = {}

    class RecordingDestination:
        """A destination that records the attack objects."""

        def deliver(self, batch: Sequence[Delivery], _time_left: TimeLeft) -> dict[str, Failure]:
            """Record the attack object of each delivery by finding type."""
            enriched.update({delivery.enriched.finding.type: delivery.enriched.attack for delivery in batch})
            return {}

    ignored = MagicMock()
    route = Route(
        mapping,
        None,
        RecordingDestination(),
        None,
        ignored,
        ignored,
        overrides=_build(SOURCES[1], mapping, telemetry),
    )
    for name in ("ec2-portscan", "ec2-tor-client", "awkward-unknown-type"):
        route.run_one(examples.event(name), lambda: 60.0)
    primary = enriched[PORTSCAN]["techniques"][0]
    assert (primary["id"], primary["confidence"]) == ("T1046", "low")
    assert (enriched[unmapped]["status"], enriched[unmapped]["techniques"]) == ("unmapped", [])
    assert enriched[unknown]["techniques"][0]["id"] == "T1537"


def test_route_without_overrides_does_not_import_them(
    monkeypatch: pytest.MonkeyPatch, mapping: AttackMapping
) -> None:
    """Without MAPPING_OVERRIDES, nothing must be read and the module not be imported."""
    from enricher.delivery.pipeline import _build_overrides

    monkeypatch.setitem(__import__("sys").modules, "enricher.delivery.overrides", None)
    unused: Any = None
    assert _build_overrides(Settings(), mapping, unused, unused) is None
