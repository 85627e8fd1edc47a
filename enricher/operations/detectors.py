"""GuardDuty's detectors and findings, through its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from enricher.operations.aws import Aws, OperationFailed, confirmed

#: Ids of one GetFindings call, and findings on a page of ListFindings.
#: https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetFindings.html
MAX_IDS = 50


def detector_ids(aws: Aws, region: str = "") -> list[str]:
    """Return the ids of the detectors of a Region, [] if GuardDuty is not enabled there."""
    pages = aws.client("guardduty", region).get_paginator("list_detectors").paginate()
    return [item for page in pages for item in confirmed(page, "DetectorIds")]


def the_detector(aws: Aws) -> str:
    """Return the detector of the stack's Region; raise OperationFailed if there is none."""
    found = detector_ids(aws)
    if not found:
        raise OperationFailed(
            f"no GuardDuty detector in {aws.region}: enable GuardDuty there, or check --region"
        )
    return found[0]


def finding_ids(client: Any, detector: str, criterion: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the ids of the findings that match, a page at a time, oldest update first."""
    arguments: dict[str, Any] = {
        "DetectorId": detector,
        "FindingCriteria": {"Criterion": criterion},
        "SortCriteria": {"AttributeName": "updatedAt", "OrderBy": "ASC"},
        "MaxResults": MAX_IDS,
    }
    while True:
        page = client.list_findings(**arguments)
        yield list(confirmed(page, "FindingIds"))
        if not page.get("NextToken"):
            return
        arguments["NextToken"] = page["NextToken"]


def get_findings(client: Any, detector: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return up to 50 findings as the API writes them (PascalCase)."""
    answer = client.get_findings(DetectorId=detector, FindingIds=list(ids))
    return list(confirmed(answer, "Findings"))
