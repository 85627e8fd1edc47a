"""Check that the extension of moto keeps to what the API references say, through real clients."""

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
    """Give a real Security Hub client and the store behind it."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "111122223333")
    with mock_aws(), extended_moto() as (hubs, _):
        client = boto3.client("securityhub", region_name=REGION)
        client.get_findings()
        yield client, next(iter(hubs.hubs.values()))


@pytest.fixture
def guardduty() -> Iterator[tuple[Any, str]]:
    """Give a real GuardDuty client and a detector."""
    with mock_aws(), extended_moto():
        client = boto3.client("guardduty", region_name=REGION)
        yield client, client.create_detector(Enable=True)["DetectorId"]


def native(name: str) -> dict[str, Any]:
    """Make a finding as GuardDuty's integration puts it into Security Hub, as far as it matters here."""
    return {
        "Id": name,
        "ProductArn": PRODUCT,
        "UserDefinedFields": {"team": name},
        "Title": f"title of {name}",
    }


def code_of(call: Callable[[], Any]) -> str:
    """Give the error code of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_filters_select_and_pages_follow(hub: tuple[Any, Any]) -> None:
    """Filters must select by equality and prefix, and pages must give every finding once."""
    client, store = hub
    store.findings = {(name, PRODUCT): native(name) for name in ("a1", "a2", "b1")}
    exact = [{"Value": value, "Comparison": "EQUALS"} for value in ("a1", "b1", "c1")]
    assert ["a1", "b1"] == [item["Id"] for item in client.get_findings(Filters={"Id": exact})["Findings"]]
    prefix = {"Title": [{"Value": "title of a", "Comparison": "PREFIX"}]}
    fields = {"UserDefinedFields": [{"Key": "team", "Value": "a2", "Comparison": "EQUALS"}]}
    assert ["a2"] == [item["Id"] for item in client.get_findings(Filters={**prefix, **fields})["Findings"]]
    pages = client.get_paginator("get_findings").paginate(PaginationConfig={"PageSize": 2})
    assert [["a1", "a2"], ["b1"]] == [[item["Id"] for item in page["Findings"]] for page in pages]


def test_too_many_filter_values_are_refused(hub: tuple[Any, Any]) -> None:
    """Twenty values for one attribute must pass, twenty-one must be refused."""
    client, _ = hub
    values = [{"Value": str(number), "Comparison": "EQUALS"} for number in range(21)]
    assert [] == client.get_findings(Filters={"Id": values[:20]})["Findings"]
    assert code_of(lambda: client.get_findings(Filters={"Id": values})) == "InvalidInputException"


def test_update_answers_for_each_finding(hub: tuple[Any, Any]) -> None:
    """An update must say per finding whether it was done, and why not."""
    client, store = hub
    store.findings[("a", PRODUCT)] = native("a")
    names = [{"Id": name, "ProductArn": PRODUCT} for name in ("a", "gone", "a")]
    answer = client.batch_update_findings(FindingIdentifiers=names, UserDefinedFields={"k": "v"})
    assert [names[0]] == answer["ProcessedFindings"]
    assert ["FindingNotFound", "DuplicatedFindingIdentifier"] == [
        item["ErrorCode"] for item in answer["UnprocessedFindings"]
    ]
    assert {"k": "v"} == store.findings[("a", PRODUCT)]["UserDefinedFields"]


@pytest.mark.parametrize(
    "fields", [{str(n): "x" for n in range(51)}, {"k" * 129: "x"}, {"k": "x" * 1025}, {"k": ""}]
)
def test_update_refuses_fields_beyond_the_limits(hub: tuple[Any, Any], fields: dict[str, str]) -> None:
    """More than 50 fields, a key of 129 or a value of 1,025 characters, or an empty one must be refused."""
    client, store = hub
    store.findings[("a", PRODUCT)] = native("a")
    name = {"Id": "a", "ProductArn": PRODUCT}
    call = lambda: client.batch_update_findings(FindingIdentifiers=[name], UserDefinedFields=fields)  # noqa: E731
    assert code_of(call) == "InvalidInputException"


def test_update_takes_a_hundred(hub: tuple[Any, Any]) -> None:
    """A hundred identifiers must pass, a hundred and one must be refused."""
    client, _ = hub
    names = [{"Id": str(number), "ProductArn": PRODUCT} for number in range(101)]
    answer = client.batch_update_findings(FindingIdentifiers=names[:100], UserDefinedFields={"k": "v"})
    assert len(answer["UnprocessedFindings"]) == 100
    call = lambda: client.batch_update_findings(FindingIdentifiers=names, UserDefinedFields={"k": "v"})  # noqa: E731
    assert code_of(call) == "InvalidInputException"


def test_import_refuses_foreign_and_malformed(hub: tuple[Any, Any]) -> None:
    """A finding of another account and one that breaks ASFF must be named as failed, the good one taken."""
    client, store = hub
    good = to_asff(enrich(Finding.from_event(examples.event("ec2-portscan")), small_mapping()))
    store.account = good["AwsAccountId"]
    foreign = {**good, "Id": "foreign", "AwsAccountId": "444455556666"}
    long = {**good, "Id": "long", "Title": "t" * 257}
    answer = client.batch_import_findings(Findings=[good, foreign, long])
    assert (1, ["foreign", "long"]) == (
        answer["SuccessCount"],
        [item["Id"] for item in answer["FailedFindings"]],
    )


def test_import_keeps_what_is_the_customers(hub: tuple[Any, Any]) -> None:
    """A newer import must change the finding but neither the customer's fields nor a severity he has set."""
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
    there = client.get_findings()["Findings"][0]
    assert ("new", {"k": "v"}, "INFORMATIONAL") == (
        there["Title"],
        there["UserDefinedFields"],
        there["Severity"]["Label"],
    )


def test_samples_can_be_listed_and_read(guardduty: tuple[Any, str]) -> None:
    """CreateSampleFindings must make findings that ListFindings pages and GetFindings reads."""
    client, detector = guardduty
    kinds = [f"Recon:EC2/Type{number}" for number in range(50)]
    client.create_sample_findings(DetectorId=detector, FindingTypes=kinds)
    client.create_sample_findings(DetectorId=detector, FindingTypes=kinds[:10])
    pages = list(client.get_paginator("list_findings").paginate(DetectorId=detector))
    assert [50, 10] == [len(page["FindingIds"]) for page in pages]
    found = client.get_findings(DetectorId=detector, FindingIds=pages[1]["FindingIds"])["Findings"]
    assert kinds[:10] == [item["Type"] for item in found]
    assert Finding.from_detail(found[0]).flag("service.additionalInfo.sample")


def test_list_findings_selects_by_time_and_state(guardduty: tuple[Any, str]) -> None:
    """ListFindings must select by updatedAt in milliseconds and by service.archived."""
    client, detector = guardduty
    client.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/Portscan"])
    at = 1793491200000  # 2026-11-01T00:00:00Z

    def count(**criterion: Any) -> int:
        answer = client.list_findings(DetectorId=detector, FindingCriteria={"Criterion": criterion})
        return len(answer["FindingIds"])

    assert 1 == count(updatedAt={"GreaterThanOrEqual": at})
    assert 0 == count(updatedAt={"GreaterThan": at})
    assert 0 == count(**{"service.archived": {"Equals": ["true"]}})


def test_get_findings_takes_fifty(guardduty: tuple[Any, str]) -> None:
    """Fifty ids must pass, fifty-one must be refused."""
    client, detector = guardduty
    ids = [str(number) for number in range(51)]
    assert [] == client.get_findings(DetectorId=detector, FindingIds=ids[:50])["Findings"]
    call = lambda: client.get_findings(DetectorId=detector, FindingIds=ids)  # noqa: E731
    assert code_of(call) == "BadRequestException"
