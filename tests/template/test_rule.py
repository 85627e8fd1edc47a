"""The rule takes every finding that it should, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.examples import EVENTS, NOT_A_FINDING, event, names, text_of
from tests.template.pattern import matches
from tests.template.stack import ALL_ON, Stack

LEAST = {"ALL": 0.0, "MEDIUM": 4.0, "HIGH": 7.0, "CRITICAL": 9.0}


def taken(**parameters: str) -> list[str]:
    """Give the example events that the rule takes with these parameters."""
    pattern = Stack(**parameters).properties("FindingRule")["EventPattern"]
    stems = sorted(path.stem for path in EVENTS.glob("*.json"))
    return [stem for stem in stems if matches(pattern, json.loads(text_of(stem)))]


def test_every_finding_is_taken_by_default_and_nothing_else() -> None:
    """With the default parameters the rule takes every example that is a finding, and no other."""
    assert names() == taken()


@pytest.mark.parametrize("least", LEAST)
def test_minimum_severity_is_half_open(least: str) -> None:
    """A minimum severity takes exactly the findings whose severity number is at or above its bound."""
    expected = [name for name in names() if event(name)["detail"]["severity"] >= LEAST[least]]
    assert expected == taken(MinimumSeverity=least)


@pytest.mark.parametrize("severity", [1.0, 3.9, 4, 4.0, 6.95, 7, 7.0, 8.9, 9, 9.0, 10])
def test_severity_bounds_belong_to_the_higher_label(severity: float) -> None:
    """A severity on a bound, written as an integer or not, has the label that begins there."""
    finding = event("ec2-portscan", severity=severity)
    expected = [least for least, bound in LEAST.items() if severity >= bound]
    patterns = {
        least: Stack(MinimumSeverity=least).properties("FindingRule")["EventPattern"] for least in LEAST
    }
    assert expected == [least for least, pattern in patterns.items() if matches(pattern, finding)]


def test_sample_findings_can_be_excluded() -> None:
    """Excluding samples drops exactly the findings marked as such; findings that say nothing stay."""
    samples = [
        name
        for name in names()
        if event(name)["detail"]["service"].get("additionalInfo", {}).get("sample") is True
    ]
    assert "awkward-sample-finding" in samples
    assert [name for name in names() if name not in samples] == taken(SampleFindings="exclude")


def test_both_filters_hold_together() -> None:
    """A minimum severity and the exclusion of samples are both applied."""
    both = taken(MinimumSeverity="HIGH", SampleFindings="exclude")
    high, real = taken(MinimumSeverity="HIGH"), taken(SampleFindings="exclude")
    assert [name for name in high if name in real] == both


@pytest.mark.parametrize(
    "change",
    [
        {"source": "aws.securityhub"},
        {"detail-type": "AWS API Call via CloudTrail"},
        {"detail-type": "GuardDuty Malware Protection Object Scan Result"},
        {"detail-type": "GuardDuty Runtime Protection Unhealthy"},
        {"detail-type": "guardduty finding"},
    ],
    ids=str,
)
def test_source_and_detail_type_are_exact(change: dict[str, str]) -> None:
    """Another source or detail-type is not taken, whatever its detail looks like."""
    pattern = Stack().properties("FindingRule")["EventPattern"]
    assert not matches(pattern, event("ec2-portscan") | change)


def test_malware_scan_result_is_not_a_finding() -> None:
    """The example that is no finding comes from the same source, so only its detail-type keeps it out."""
    assert json.loads(text_of(NOT_A_FINDING))["source"] == "aws.guardduty"
    assert NOT_A_FINDING not in taken()


@pytest.mark.parametrize("least", LEAST)
def test_people_hear_of_their_own_minimum_severity(least: str) -> None:
    """The people route's queue filter passes exactly the findings at or above its minimum severity."""
    source = Stack(**ALL_ON, PeopleMinimumSeverity=least).function("People")["Events"]["Queue"]["Properties"]
    filters = [json.loads(row["Pattern"]) for row in source.get("FilterCriteria", {}).get("Filters", [])]

    def passes(name: str) -> bool:
        return not filters or any(matches(row, {"body": event(name)}) for row in filters)

    expected = [name for name in names() if event(name)["detail"]["severity"] >= LEAST[least]]
    assert expected == [name for name in names() if passes(name)]


def test_each_route_that_is_on_is_a_target() -> None:
    """The rule's targets are the queues of the routes that are on, retried for a day."""

    def target(route: str, queue: str) -> dict[str, Any]:
        return {
            "Id": route,
            "Arn": f"<{queue}.Arn>",
            "DeadLetterConfig": {"Arn": "<UndeliveredQueue.Arn>"},
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        }

    siem, hub, people = (
        target("siem", "SiemQueue"),
        target("security-hub", "SecurityHubQueue"),
        target("people", "PeopleQueue"),
    )
    assert [siem] == Stack().properties("FindingRule")["Targets"]
    assert [siem, hub, people] == Stack(**ALL_ON).properties("FindingRule")["Targets"]
    only_hub = Stack(SiemRoute="off", SecurityHubRoute="import")
    assert [hub] == only_hub.properties("FindingRule")["Targets"]
