"""A team's own records in the Lambda, from S3 or SSM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from aws_lambda_powertools.metrics import MetricUnit
from moto import mock_aws

from enricher.delivery import overrides as module
from enricher.delivery.overrides import MAX_AGE, MOST_BYTES, Overrides, build
from enricher.delivery.pipeline import Route
from enricher.destinations.base import Failure, Parcel, TimeLeft
from enricher.mapping.model import Mapping
from enricher.settings import Settings
from tests import examples
from tests.tiny_mapping import record

BUCKET, KEY, NAME = "example-overrides", "own/mapping.toml", "/enricher/overrides"
SOURCES = (f"s3://{BUCKET}/{KEY}", f"ssm:{NAME}")
PORTSCAN = "Recon:EC2/Portscan"
LOW = record(PORTSCAN, confidence='"low"', lineage="", reviewed="")


class Witness:
    """Keep what is logged and counted."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str, dict[str, Any]]] = []
        self.counted: list[tuple[str, float]] = []

    def info(self, message: str, extra: dict[str, Any]) -> None:
        """Stand for Logger.info."""
        self.logged.append(("info", message, extra))

    def error(self, message: str, extra: dict[str, Any]) -> None:
        """Stand for Logger.error."""
        self.logged.append(("error", message, extra))

    def exception(self, message: str, extra: dict[str, Any]) -> None:
        """Stand for Logger.exception."""
        self.logged.append(("exception", message, extra))

    def add_metric(self, name: str, unit: object, value: float) -> None:
        """Stand for Metrics.add_metric."""
        assert unit == MetricUnit.Count
        self.counted.append((name, value))


@pytest.fixture
def aws() -> Iterator[None]:
    """Give an embedded AWS with an empty bucket."""
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield


@pytest.fixture
def witness() -> Witness:
    """Give a fresh witness."""
    return Witness()


def _put(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=text.encode())
    boto3.client("ssm").put_parameter(Name=NAME, Value=text, Type="SecureString", Overwrite=True)


def _build(source: str, mapping: Mapping, witness: Witness) -> Overrides:
    both: Any = witness
    return build(source, mapping, both, both)


def _confidence(mapping: Mapping) -> str:
    return mapping.records[PORTSCAN].confidence


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_override_serves_from_either_source(source: str, mapping: Mapping, witness: Witness) -> None:
    """A valid override must replace the bundled record, and the log must say which types were overridden."""
    _put(LOW)
    current = _build(source, mapping, witness).current()
    assert (_confidence(mapping), _confidence(current)) == ("high", "low")
    assert witness.logged == [("info", "overrides read", {"source": source, "types": [PORTSCAN]})]
    assert witness.counted == []


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_invalid_override_is_named_and_counted_and_the_others_serve(
    source: str, mapping: Mapping, witness: Witness
) -> None:
    """One bad override must cost that one: named in the log, counted once, the bundled record serves."""
    bad = "Impact:EC2/BitcoinDomainRequest.Reputation"
    _put(LOW + record(bad, confidence='"maybe"', attack='[{ tactic = "TA0005", technique = "T1562" }]'))
    current = _build(source, mapping, witness).current()
    assert _confidence(current) == "low"
    assert current.records[bad] == mapping.records[bad]
    refused = [extra["override"] for level, _, extra in witness.logged if level == "error"]
    assert refused == [bad, bad]
    assert witness.counted == [("OverrideRefused", 1)]


@pytest.mark.usefixtures("aws")
def test_byte_order_mark_is_no_fault(mapping: Mapping, witness: Witness) -> None:
    """An object that an editor saved with a byte order mark must serve as any other."""
    _put("\ufeff" + LOW)
    assert (_confidence(_build(SOURCES[0], mapping, witness).current()), []) == ("low", witness.counted)


@pytest.mark.usefixtures("aws")
def test_file_that_is_no_toml_leaves_the_bundled_mapping(mapping: Mapping, witness: Witness) -> None:
    """Overrides that cannot be read at all must be counted as refused, and every bundled record serve."""
    _put("confidence: low")
    assert _build(SOURCES[0], mapping, witness).current().records == mapping.records
    assert witness.counted == [("OverrideRefused", 1)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_unreachable_source_is_counted_and_left_alone(
    source: str, mapping: Mapping, witness: Witness
) -> None:
    """Without its source the bundled mapping must go on, counted once, not asked for at every finding."""
    overrides = _build(source, mapping, witness)
    assert overrides.current() is overrides.current() is mapping
    assert witness.counted == [("OverridesUnavailable", 1)]
    assert [level for level, _, _ in witness.logged] == ["exception"]


@pytest.mark.usefixtures("aws")
def test_source_is_asked_again_when_the_time_has_come(
    mapping: Mapping, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that was unreachable must be asked again after MAX_AGE, and serve from then on."""
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    overrides = _build(SOURCES[0], mapping, witness)
    _put(LOW)
    now[0] += MAX_AGE - 1
    assert _confidence(overrides.current()) == "high"
    now[0] += 1
    assert _confidence(overrides.current()) == "low"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("source", SOURCES)
def test_warm_function_sees_a_change_within_five_minutes(
    source: str, mapping: Mapping, witness: Witness
) -> None:
    """Within MAX_AGE the source must not be asked, after it the changed overrides must serve."""
    _put(LOW)
    overrides = _build(source, mapping, witness)
    _put(record(PORTSCAN, confidence='"medium"'))
    assert _confidence(overrides.current()) == "low"
    provider = overrides.read.func.__self__  # type: ignore[attr-defined]
    for key, kept in provider.store.items():
        provider.store[key] = kept._replace(ttl=kept.ttl.min)
    assert MAX_AGE == 300
    assert _confidence(overrides.current()) == "medium"


@pytest.mark.usefixtures("aws")
def test_source_that_goes_away_leaves_the_last_overrides(mapping: Mapping, witness: Witness) -> None:
    """Overrides that were read once must go on serving when their source fails later."""
    _put(LOW)
    overrides = _build(SOURCES[0], mapping, witness)
    overrides.read.func.__self__.clear_cache()  # type: ignore[attr-defined]
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=KEY)
    assert _confidence(overrides.current()) == "low"
    assert witness.counted == [("OverridesUnavailable", 1)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("size", "counted"), [(MOST_BYTES, []), (MOST_BYTES + 1, [("OverridesUnavailable", 1)])]
)
def test_object_of_any_size_is_not_read(
    size: int, counted: list[tuple[str, float]], mapping: Mapping, witness: Witness
) -> None:
    """An object above the limit must be left unread, one of exactly the limit be read."""
    _put_object(LOW + "#" * (size - len(LOW.encode())))
    _build(SOURCES[0], mapping, witness)
    assert witness.counted == counted


def _put_object(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=text.encode())


@pytest.mark.usefixtures("aws")
def test_route_tags_with_the_overrides(mapping: Mapping, witness: Witness) -> None:
    """A route must tag by its overrides: lower a confidence, silence a type, know one nobody documents."""
    silenced, unknown = (
        "UnauthorizedAccess:EC2/TorClient",
        "Exfiltration:NewService/TransferDataToCloudAccount",
    )
    pair = '[{ tactic = "TA0010", technique = "T1537" }]'
    _put(LOW + record(silenced, attack="[]") + record(unknown, attack=pair))
    told: dict[str, dict[str, Any]] = {}

    class Ear:
        """Hear what is delivered."""

        def deliver(self, batch: Sequence[Parcel], _time_left: TimeLeft) -> dict[str, Failure]:
            """Keep the attack object of each parcel by the finding's type."""
            told.update({parcel.enriched.finding.type: parcel.enriched.attack for parcel in batch})
            return {}

    nobody = MagicMock()
    route = Route(mapping, None, Ear(), None, nobody, nobody, overrides=_build(SOURCES[1], mapping, witness))
    for name in ("ec2-portscan", "ec2-tor-client", "awkward-unknown-type"):
        route.run_one(examples.event(name), lambda: 60.0)
    primary = told[PORTSCAN]["techniques"][0]
    assert (primary["id"], primary["confidence"]) == ("T1046", "low")
    assert (told[silenced]["status"], told[silenced]["techniques"]) == ("unmapped", [])
    assert told[unknown]["techniques"][0]["id"] == "T1537"


def test_route_without_overrides_has_none(monkeypatch: pytest.MonkeyPatch, mapping: Mapping) -> None:
    """Where MAPPING_OVERRIDES is not set, nothing must be read, and its module not be imported."""
    from enricher.delivery.pipeline import _build_overrides

    monkeypatch.setitem(__import__("sys").modules, "enricher.delivery.overrides", None)
    nobody: Any = None
    assert _build_overrides(Settings(), mapping, nobody, nobody) is None
