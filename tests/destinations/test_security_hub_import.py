"""Test the import of findings into Security Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from moto import mock_aws

from enricher.destinations.base import Remedy
from enricher.destinations.security_hub import RegionalClients, Subject
from enricher.destinations.security_hub_import import (
    CALL_LIMIT,
    ImportDestination,
    ImportRequest,
    build,
    build_request,
    group_requests,
)
from enricher.settings import Settings
from tests.destinations.test_security_hub_annotate import (
    ACCOUNT,
    REGION,
    FailingClient,
    delivery,
    hub,
    plenty,
)
from tests.fault_injection.hub_client import HubClient
from tests.fault_injection.injector import client_error
from tests.fault_injection.moto_extension import extended_moto

__all__ = ["hub"]  # the fixture, shared


def destination(client: Any, account: str = ACCOUNT) -> ImportDestination:
    """Return the destination with one client for all Regions."""
    return ImportDestination(RegionalClients(lambda _: client), account, call_seconds=22.0)


def test_hundred_findings_take_one_call(hub: HubClient) -> None:
    """100 findings must take one call, 101 findings two."""
    assert {} == destination(hub).deliver([delivery(number) for number in range(100)], plenty)
    assert {} == destination(hub).deliver([delivery(number) for number in range(101)], plenty)
    assert (3, 101) == (hub.imports, len(hub.hub.findings))


def test_finding_of_another_account_is_dead_lettered_and_counted(hub: HubClient) -> None:
    """A finding of another account must be dead-lettered with the remedy named, the own one imported."""
    failures = destination(hub).deliver([delivery(1, accountId="444455556666"), delivery(2)], plenty)
    assert ["m1"] == list(failures)
    failure = failures["m1"]
    assert (Remedy.DEAD_LETTER, "CrossAccountFinding", 1) == (
        failure.remedy,
        failure.metric,
        len(hub.hub.findings),
    )
    assert "444455556666" in failure.reason
    assert "use annotate" in failure.reason


def test_failed_findings_are_failed_records(hub: HubClient) -> None:
    """A finding that the response lists as failed must be dead-lettered, one of a failed call retried."""
    hub.hub.account = "444455556666"
    failures = destination(hub).deliver([delivery(1)], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    error = client_error("BatchImportFindings", "LimitExceededException", 429)
    failures = destination(FailingClient(hub, "batch_import_findings", lambda _: error)).deliver(
        [delivery(1)], plenty
    )
    assert {"m1": Remedy.RETRY} == {key: failure.remedy for key, failure in failures.items()}


def test_later_of_two_updates_is_imported(hub: HubClient) -> None:
    """Of two updates of one finding in a batch, only the later one must be imported."""
    early = delivery(1, updatedAt="2026-11-01T10:00:00Z", title="early")._replace(id="early")
    late = delivery(1, updatedAt="2026-11-01T11:00:00Z", title="late")._replace(id="late")
    assert {} == destination(hub).deliver([late, early], plenty)
    assert ["late"] == [finding["Title"] for finding in hub.hub.findings.values()]


def test_second_import_of_an_update_changes_nothing(hub: HubClient) -> None:
    """The same update again must not change the finding, and a later one must."""
    for hour, title in ((10, "first"), (10, "again"), (11, "later")):
        destination(hub).deliver([delivery(1, updatedAt=f"2026-11-01T{hour}:00:00Z", title=title)], plenty)
    assert ["later"] == [finding["Title"] for finding in hub.hub.findings.values()]


@pytest.mark.parametrize(
    ("changes", "lacking"), [({"arn": ""}, "an Id of 1 to 512"), ({"updatedAt": "never"}, "UpdatedAt")]
)
def test_finding_without_required_asff_fields_is_dead_lettered(
    hub: HubClient, changes: dict[str, Any], lacking: str
) -> None:
    """A finding that lacks required ASFF fields must be dead-lettered, the other imported."""
    failures = destination(hub).deliver([delivery(1, **changes), delivery(2)], plenty)
    assert {"m1": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert f"ASFF requires {lacking}" in failures["m1"].reason
    assert 1 == len(hub.hub.findings)


def test_invalid_finding_is_found_by_bisection(hub: HubClient) -> None:
    """If one finding makes a request invalid, it must be dead-lettered and the others imported."""
    error = client_error("BatchImportFindings", "InvalidInputException")
    client = FailingClient(
        hub, "batch_import_findings", lambda request: error if "finding/3" in json.dumps(request) else None
    )
    failures = destination(client).deliver([delivery(number) for number in range(8)], plenty)
    assert {"m3": Remedy.DEAD_LETTER} == {key: failure.remedy for key, failure in failures.items()}
    assert 7 == len(hub.hub.findings)


def test_reason_quotes_nothing_of_a_finding(hub: HubClient) -> None:
    """The reason of a finding that botocore rejects must contain nothing of its content."""
    error = ParamValidationError(report="Invalid type for parameter Findings[0].Title, value: secret")
    client = FailingClient(
        hub, "batch_import_findings", lambda request: error if "finding/3" in json.dumps(request) else None
    )
    failures = destination(client).deliver([delivery(number) for number in range(5)], plenty)
    assert {
        "m3": (Remedy.DEAD_LETTER, "ParamValidationError at enricher.destinations.security_hub_import")
    } == {key: (failure.remedy, failure.reason.partition(":")[0]) for key, failure in failures.items()}


def request_of(size: int) -> ImportRequest:
    """Return an import request of a size in bytes."""
    return ImportRequest(Subject("a", "", REGION, ()), {}, size)


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
def test_calls_are_split_at_both_limits(sizes: list[int], groups: list[int]) -> None:
    """A call must contain at most 100 findings and 6 MB, and not be split below that."""
    assert groups == [len(group) for group in group_requests([request_of(size) for size in sizes])]


def test_finding_above_240_kb_is_dead_lettered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding one byte above the limit must be dead-lettered, one at the limit not."""
    item = build_request(REGION, (delivery(1),))
    assert isinstance(item, ImportRequest)
    for limit, kind in ((item.size, ImportRequest), (item.size - 1, dict)):
        monkeypatch.setattr("enricher.destinations.security_hub_import.FINDING_LIMIT", limit)
        assert isinstance(build_request(REGION, (delivery(1),)), kind)


def test_no_call_is_made_without_enough_time(hub: HubClient) -> None:
    """With less time left than a call can take, no call must be made and every record be retried."""
    failures = destination(hub).deliver([delivery(1)], lambda: 21.9)
    assert (["m1"], 0) == (list(failures), hub.imports)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the store behind moto's extended Security Hub."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws(), extended_moto() as (hubs, _):
        boto3.client("securityhub", region_name=REGION).get_findings()
        yield next(iter(hubs.hubs.values()))


def test_real_client_imports(real: Any) -> None:
    """The destination that `build` returns must import through botocore, with its parameter validation."""
    real.account = ACCOUNT
    target = build(Settings(destination="security-hub-import", account_id=ACCOUNT))
    assert {} == target.deliver([delivery(1), delivery(2)], plenty)
    assert 2 == len(real.findings)
