"""Check the import of findings of our own into Security Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from moto import mock_aws

from enricher.destinations.base import Remedy
from enricher.destinations.security_hub import Hubs, Subject
from enricher.destinations.security_hub_import import (
    CALL_LIMIT,
    ImportDestination,
    Letter,
    build,
    group_letters,
    write_letter,
)
from enricher.settings import Settings
from tests.destinations.test_security_hub_annotate import ACCOUNT, REGION, Failing, hub, parcel, plenty
from tests.fault_injection.hub_client import HubClient
from tests.fault_injection.moto_extension import extended_moto
from tests.fault_injection.weather import client_error

__all__ = ["hub"]  # the fixture, shared


def destination(client: Any, account: str = ACCOUNT) -> ImportDestination:
    """Make the destination over one client."""
    return ImportDestination(Hubs(lambda _: client), account, call_seconds=22.0)


def test_hundred_findings_take_one_call(hub: HubClient) -> None:
    """A hundred findings must take one call, a hundred and one two."""
    assert {} == destination(hub).deliver([parcel(number) for number in range(100)], plenty)
    assert {} == destination(hub).deliver([parcel(number) for number in range(101)], plenty)
    assert (3, 101) == (hub.imports, len(hub.hub.findings))


def test_finding_of_another_account_is_refused_loudly(hub: HubClient) -> None:
    """A finding of another account must be set aside, with what to do; the own one be imported."""
    failures = destination(hub).deliver([parcel(1, accountId="444455556666"), parcel(2)], plenty)
    assert ["m1"] == list(failures)
    failure = failures["m1"]
    assert (Remedy.DEAD_LETTER, "ForeignAccount", 1) == (
        failure.remedy,
        failure.metric,
        len(hub.hub.findings),
    )
    assert "444455556666" in failure.reason
    assert "use annotate" in failure.reason


def test_failed_findings_are_failed_records(hub: HubClient) -> None:
    """What the answer names as failed must fail, for good if its content is wrong; the others are done."""
    hub.hub.account = "444455556666"
    failures = destination(hub).deliver([parcel(1)], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    error = client_error("BatchImportFindings", "LimitExceededException", 429)
    failures = destination(Failing(hub, "batch_import_findings", lambda _: error)).deliver(
        [parcel(1)], plenty
    )
    assert {"m1": Remedy.RETRY} == {key: failure.remedy for key, failure in failures.items()}


def test_two_updates_are_one_finding(hub: HubClient) -> None:
    """Two updates of one finding in a batch must be one entry: the later one."""
    early = replace(parcel(1, updatedAt="2026-11-01T10:00:00Z", title="early"), id="early")
    late = replace(parcel(1, updatedAt="2026-11-01T11:00:00Z", title="late"), id="late")
    assert {} == destination(hub).deliver([late, early], plenty)
    assert ["late"] == [finding["Title"] for finding in hub.hub.findings.values()]


def test_second_import_of_an_update_changes_nothing(hub: HubClient) -> None:
    """The same update again must leave the finding as it is, and a later one change it."""
    for hour, title in ((10, "first"), (10, "again"), (11, "later")):
        destination(hub).deliver([parcel(1, updatedAt=f"2026-11-01T{hour}:00:00Z", title=title)], plenty)
    assert ["later"] == [finding["Title"] for finding in hub.hub.findings.values()]


@pytest.mark.parametrize("changes", [{"arn": ""}, {"updatedAt": "never"}])
def test_finding_that_asff_cannot_hold_is_set_aside(hub: HubClient, changes: dict[str, Any]) -> None:
    """A finding without what ASFF needs must be set aside with the reason, the other be imported."""
    failures = destination(hub).deliver([parcel(1, **changes), parcel(2)], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert 1 == len(hub.hub.findings)


def test_refused_call_is_narrowed_down(hub: HubClient) -> None:
    """A call that is refused for one finding must set that one aside and import the others."""
    error = client_error("BatchImportFindings", "InvalidInputException")
    client = Failing(
        hub, "batch_import_findings", lambda request: error if "finding/3" in json.dumps(request) else None
    )
    failures = destination(client).deliver([parcel(number) for number in range(8)], plenty)
    assert {"m3": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert 7 == len(hub.hub.findings)


def test_reason_quotes_nothing_of_a_finding(hub: HubClient) -> None:
    """A finding that botocore refuses must be set aside without a word of its content."""
    error = ParamValidationError(report="Invalid type for parameter Findings[0].Title, value: secret")
    client = Failing(
        hub, "batch_import_findings", lambda request: error if "finding/3" in json.dumps(request) else None
    )
    failures = destination(client).deliver([parcel(number) for number in range(5)], plenty)
    assert {
        "m3": (Remedy.DEAD_LETTER, "ParamValidationError at enricher.destinations.security_hub_import")
    } == {key: (failure.remedy, failure.reason.partition(":")[0]) for key, failure in failures.items()}


def letter(size: int) -> Letter:
    """Make a letter of a size."""
    return Letter(Subject("a", "", REGION, ()), {}, size)


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([1000] * 100, [100]),
        ([1000] * 101, [100, 1]),
        ([CALL_LIMIT // 30 - 2] * 30, [30]),
        ([CALL_LIMIT // 30 - 1] * 30, [29, 1]),
        ([], []),
    ],
)
def test_calls_are_cut_at_both_limits(sizes: list[int], groups: list[int]) -> None:
    """A call must hold a hundred findings and 6 MB at most, and not be cut before."""
    assert groups == [len(group) for group in group_letters([letter(size) for size in sizes])]


def test_finding_above_240_kb_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that is a byte too large must be set aside, one at the limit not."""
    item = write_letter(REGION, (parcel(1),))
    assert isinstance(item, Letter)
    for limit, kind in ((item.size, Letter), (item.size - 1, dict)):
        monkeypatch.setattr("enricher.destinations.security_hub_import.FINDING_LIMIT", limit)
        assert isinstance(write_letter(REGION, (parcel(1),)), kind)


def test_without_time_nothing_is_called(hub: HubClient) -> None:
    """With less time left than a call can take, no call must be made and every record come again."""
    failures = destination(hub).deliver([parcel(1)], lambda: 21.9)
    assert (["m1"], 0) == (list(failures), hub.imports)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give moto's Security Hub, extended, and its store."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws(), extended_moto() as (hubs, _):
        boto3.client("securityhub", region_name=REGION).get_findings()
        yield next(iter(hubs.hubs.values()))


def test_real_client_imports(real: Any) -> None:
    """The built destination must import through botocore, whose parameter checks then hold too."""
    real.account = ACCOUNT
    target = build(Settings(destination="security-hub-import", account_id=ACCOUNT))
    assert {} == target.deliver([parcel(1), parcel(2)], plenty)
    assert 2 == len(real.findings)
