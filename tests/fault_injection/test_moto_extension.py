"""Test the extension of moto against the API references, through real clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from enricher.destinations.security_hub_annotate import product_arn
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.asff import to_asff
from tests import examples
from tests.fault_injection.findings import small_mapping
from tests.fault_injection.moto_extension import extended_moto

REGION = "eu-west-1"
PRODUCT = product_arn("aws", REGION)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """Return a real Security Hub client and the store behind it."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "111122223333")
    with mock_aws(), extended_moto() as (hubs, _):
        client = boto3.client("securityhub", region_name=REGION)
        client.get_findings()
        yield client, next(iter(hubs.hubs.values()))


@pytest.fixture
def guardduty() -> Iterator[tuple[Any, str]]:
    """Return a real GuardDuty client and a detector id."""
    with mock_aws(), extended_moto():
        client = boto3.client("guardduty", region_name=REGION)
        yield client, client.create_detector(Enable=True)["DetectorId"]


def native(name: str) -> dict[str, Any]:
    """Return a finding as GuardDuty's integration sends it to Security Hub, reduced to what matters here."""
    return {
        "Id": name,
        "ProductArn": PRODUCT,
        "UserDefinedFields": {"team": name},
        "Title": f"title of {name}",
    }


def code_of(call: Callable[[], Any]) -> str:
    """Return the error code of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_filters_select_and_pages_follow(hub: tuple[Any, Any]) -> None:
    """Filters must select by equality and prefix, and pagination must return every finding once."""
    client, store = hub
    store.findings = {(name, PRODUCT): native(name) for name in ("a1", "a2", "b1")}
    exact = [{"Value": value, "Comparison": "EQUALS"} for value in ("a1", "b1", "c1")]
    assert ["a1", "b1"] == [item["Id"] for item in client.get_findings(Filters={"Id": exact})["Findings"]]
    prefix = {"Title": [{"Value": "title of a", "Comparison": "PREFIX"}]}
    fields = {"UserDefinedFields": [{"Key": "team", "Value": "a2", "Comparison": "EQUALS"}]}
    assert ["a2"] == [item["Id"] for item in client.get_findings(Filters={**prefix, **fields})["Findings"]]
    pages = client.get_paginator("get_findings").paginate(PaginationConfig={"PageSize": 2})
    assert [["a1", "a2"], ["b1"]] == [[item["Id"] for item in page["Findings"]] for page in pages]


def test_too_many_filter_values_are_rejected(hub: tuple[Any, Any]) -> None:
    """20 values for one attribute must be accepted, 21 rejected."""
    client, _ = hub
    values = [{"Value": str(number), "Comparison": "EQUALS"} for number in range(21)]
    assert [] == client.get_findings(Filters={"Id": values[:20]})["Findings"]
    assert code_of(lambda: client.get_findings(Filters={"Id": values})) == "InvalidInputException"


def test_update_reports_each_finding(hub: tuple[Any, Any]) -> None:
    """An update must list each finding as processed, or as unprocessed with an error code."""
    client, store = hub
    store.findings[("a", PRODUCT)] = native("a")
    names = [{"Id": name, "ProductArn": PRODUCT} for name in ("a", "gone", "a")]
    response = client.batch_update_findings(FindingIdentifiers=names, UserDefinedFields={"k": "v"})
    assert [names[0]] == response["ProcessedFindings"]
    assert ["FindingNotFound", "DuplicatedFindingIdentifier"] == [
        item["ErrorCode"] for item in response["UnprocessedFindings"]
    ]
    assert {"k": "v"} == store.findings[("a", PRODUCT)]["UserDefinedFields"]


@pytest.mark.parametrize(
    "fields", [{str(n): "x" for n in range(51)}, {"k" * 129: "x"}, {"k": "x" * 1025}, {"k": ""}]
)
def test_update_rejects_fields_beyond_the_limits(hub: tuple[Any, Any], fields: dict[str, str]) -> None:
    """More than 50 fields, a key of 129 or a value of 1,025 characters, or an empty one must be rejected."""
    client, store = hub
    store.findings[("a", PRODUCT)] = native("a")
    name = {"Id": "a", "ProductArn": PRODUCT}
    call = lambda: client.batch_update_findings(FindingIdentifiers=[name], UserDefinedFields=fields)  # noqa: E731
    assert code_of(call) == "InvalidInputException"


def test_update_accepts_a_hundred(hub: tuple[Any, Any]) -> None:
    """100 identifiers must be accepted, 101 rejected."""
    client, _ = hub
    names = [{"Id": str(number), "ProductArn": PRODUCT} for number in range(101)]
    response = client.batch_update_findings(FindingIdentifiers=names[:100], UserDefinedFields={"k": "v"})
    assert len(response["UnprocessedFindings"]) == 100
    call = lambda: client.batch_update_findings(FindingIdentifiers=names, UserDefinedFields={"k": "v"})  # noqa: E731
    assert code_of(call) == "InvalidInputException"


def test_import_rejects_other_accounts_and_invalid_findings(hub: tuple[Any, Any]) -> None:
    """A finding of another account and an invalid one must be listed as failed, the valid one imported."""
    client, store = hub
    valid = to_asff(enrich(Finding.from_event(examples.event("ec2-portscan")), small_mapping()))
    store.account = valid["AwsAccountId"]
    cross_account = {**valid, "Id": "cross-account", "AwsAccountId": "444455556666"}
    long = {**valid, "Id": "long", "Title": "t" * 257}
    response = client.batch_import_findings(Findings=[valid, cross_account, long])
    assert (1, ["cross-account", "long"]) == (
        response["SuccessCount"],
        [item["Id"] for item in response["FailedFindings"]],
    )


def test_import_keeps_customer_fields(hub: tuple[Any, Any]) -> None:
    """A newer import must update the finding, but not the customer's fields or a severity they have set."""
    client, store = hub
    first = to_asff(enrich(Finding.from_event(examples.event("ec2-portscan")), small_mapping()))
    store.account = first["AwsAccountId"]
    client.batch_import_findings(Findings=[first])
    name = {"Id": first["Id"], "ProductArn": first["ProductArn"]}
    client.batch_update_findings(
        FindingIdentifiers=[name], UserDefinedFields={"k": "v"}, Severity={"Label": "INFORMATIONAL"}
    )
    client.batch_import_findings(Findings=[{**first, "Title": "stale"}])
    client.batch_import_findings(
        Findings=[{**first, "Title": "new", "UpdatedAt": "2030-01-01T00:00:00.000Z"}]
    )
    stored = client.get_findings()["Findings"][0]
    assert ("new", {"k": "v"}, "INFORMATIONAL") == (
        stored["Title"],
        stored["UserDefinedFields"],
        stored["Severity"]["Label"],
    )


def test_samples_can_be_listed_and_read(guardduty: tuple[Any, str]) -> None:
    """CreateSampleFindings must create findings that ListFindings lists in pages and GetFindings returns."""
    client, detector = guardduty
    types = [f"Recon:EC2/Type{number}" for number in range(50)]
    client.create_sample_findings(DetectorId=detector, FindingTypes=types)
    client.create_sample_findings(DetectorId=detector, FindingTypes=types[:10])
    pages = list(client.get_paginator("list_findings").paginate(DetectorId=detector))
    assert [50, 10] == [len(page["FindingIds"]) for page in pages]
    found = client.get_findings(DetectorId=detector, FindingIds=pages[1]["FindingIds"])["Findings"]
    assert types[:10] == [item["Type"] for item in found]
    assert Finding.from_detail(found[0]).flag("service.additionalInfo.sample")


def test_list_findings_selects_by_time_and_state(guardduty: tuple[Any, str]) -> None:
    """ListFindings must select by updatedAt in milliseconds and by service.archived."""
    client, detector = guardduty
    client.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/Portscan"])
    at = 1793491200000  # 2026-11-01T00:00:00Z

    def count(**criterion: Any) -> int:
        response = client.list_findings(DetectorId=detector, FindingCriteria={"Criterion": criterion})
        return len(response["FindingIds"])

    assert 1 == count(updatedAt={"GreaterThanOrEqual": at})
    assert 0 == count(updatedAt={"GreaterThan": at})
    assert 0 == count(**{"service.archived": {"Equals": ["true"]}})


def test_get_findings_accepts_fifty(guardduty: tuple[Any, str]) -> None:
    """50 ids must be accepted, 51 rejected."""
    client, detector = guardduty
    ids = [str(number) for number in range(51)]
    assert [] == client.get_findings(DetectorId=detector, FindingIds=ids[:50])["Findings"]
    call = lambda: client.get_findings(DetectorId=detector, FindingIds=ids)  # noqa: E731
    assert code_of(call) == "BadRequestException"


def test_list_findings_sorts(guardduty: tuple[Any, str]) -> None:
    """ListFindings must sort by the attribute and in the order of its criteria."""
    client, detector = guardduty
    client.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/B", "Recon:EC2/A"])

    def types(order: str) -> list[str]:
        criteria = {"AttributeName": "type", "OrderBy": order}
        ids = client.list_findings(DetectorId=detector, SortCriteria=criteria)["FindingIds"]
        rows = client.get_findings(DetectorId=detector, FindingIds=ids)["Findings"]
        return [{row["Id"]: row["Type"] for row in rows}[name] for name in ids]

    assert ["Recon:EC2/A", "Recon:EC2/B"] == types("ASC")
    assert ["Recon:EC2/B", "Recon:EC2/A"] == types("DESC")


def test_archive_findings_accepts_fifty(guardduty: tuple[Any, str]) -> None:
    """ArchiveFindings must archive the findings of up to 50 ids, and reject 51."""
    client, detector = guardduty
    client.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/A", "Recon:EC2/B"])
    ids = client.list_findings(DetectorId=detector)["FindingIds"]
    client.archive_findings(DetectorId=detector, FindingIds=ids[:1])
    criterion = {"service.archived": {"Equals": ["true"]}}
    listed = client.list_findings(DetectorId=detector, FindingCriteria={"Criterion": criterion})
    assert ids[:1] == listed["FindingIds"]
    call = lambda: client.archive_findings(DetectorId=detector, FindingIds=["x"] * 51)  # noqa: E731
    assert code_of(call) == "BadRequestException"
