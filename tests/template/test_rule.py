"""Test that the rule and the queue filter match the intended findings, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.examples import EVENTS, NOT_A_FINDING, event, names, text_of
from tests.template.pattern import matches
from tests.template.stack import ALL_ON, Stack

BOUNDS = {"ALL": 0.0, "MEDIUM": 4.0, "HIGH": 7.0, "CRITICAL": 9.0}


def matching(**parameters: str) -> list[str]:
    """Return the names of the example events that the rule matches with these parameters."""
    pattern = Stack(**parameters).properties("FindingRule")["EventPattern"]
    stems = sorted(path.stem for path in EVENTS.glob("*.json"))
    return [stem for stem in stems if matches(pattern, json.loads(text_of(stem)))]


def test_rule_matches_every_finding_and_nothing_else_by_default() -> None:
    """With the default parameters the rule matches every example that is a finding, and no other."""
    assert names() == matching()


@pytest.mark.parametrize("minimum", BOUNDS)
def test_minimum_severity_is_inclusive(minimum: str) -> None:
    """A minimum severity matches exactly the findings at or above its bound."""
    expected = [name for name in names() if event(name)["detail"]["severity"] >= BOUNDS[minimum]]
    assert expected == matching(MinimumSeverity=minimum)


@pytest.mark.parametrize("severity", [1.0, 3.9, 4, 4.0, 6.95, 7, 7.0, 8.9, 9, 9.0, 10])
def test_bound_belongs_to_the_higher_severity_label(severity: float) -> None:
    """A severity equal to a bound, integer or not, matches the label that begins there."""
    finding = event("ec2-portscan", severity=severity)
    expected = [minimum for minimum, bound in BOUNDS.items() if severity >= bound]
    patterns = {
        minimum: Stack(MinimumSeverity=minimum).properties("FindingRule")["EventPattern"]
        for minimum in BOUNDS
    }
    assert expected == [minimum for minimum, pattern in patterns.items() if matches(pattern, finding)]


@pytest.mark.parametrize("severity", [None, "8", "LOW", "", True, False, {"label": "LOW"}, "missing"])
@pytest.mark.parametrize("minimum", [name for name in BOUNDS if name != "ALL"])
def test_severity_that_is_missing_or_not_a_number_passes(minimum: str, severity: Any) -> None:
    """Neither filter may drop a finding whose severity it cannot compare."""
    finding = event("ec2-portscan", severity=severity)
    if severity == "missing":
        del finding["detail"]["severity"]
    stack = Stack(**ALL_ON, MinimumSeverity=minimum, NotificationMinimumSeverity=minimum)
    source = stack.function("Notification")["Events"]["Queue"]["Properties"]
    [row] = source["FilterCriteria"]["Filters"]
    assert matches(stack.properties("FindingRule")["EventPattern"], finding)
    assert matches(json.loads(row["Pattern"]), {"body": finding})


def test_sample_findings_can_be_excluded() -> None:
    """Excluding samples drops exactly the findings marked as samples; findings without the mark stay."""
    samples = [
        name
        for name in names()
        if event(name)["detail"]["service"].get("additionalInfo", {}).get("sample") is True
    ]
    assert "awkward-sample-finding" in samples
    assert [name for name in names() if name not in samples] == matching(SampleFindings="exclude")


def test_both_filters_apply_together() -> None:
    """A minimum severity and the exclusion of samples are both applied."""
    both = matching(MinimumSeverity="HIGH", SampleFindings="exclude")
    high, real = matching(MinimumSeverity="HIGH"), matching(SampleFindings="exclude")
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
    """Another source or detail-type does not match, whatever its detail is."""
    pattern = Stack().properties("FindingRule")["EventPattern"]
    assert not matches(pattern, event("ec2-portscan") | change)


def test_malware_scan_result_is_not_a_finding() -> None:
    """The example that is not a finding has the same source; only its detail-type excludes it."""
    assert json.loads(text_of(NOT_A_FINDING))["source"] == "aws.guardduty"
    assert NOT_A_FINDING not in matching()


@pytest.mark.parametrize("minimum", BOUNDS)
def test_notification_route_filters_by_its_own_minimum_severity(minimum: str) -> None:
    """The notification route's event filter passes exactly the findings at or above its minimum severity."""
    source = Stack(**ALL_ON, NotificationMinimumSeverity=minimum).function("Notification")["Events"]["Queue"][
        "Properties"
    ]
    filters = [json.loads(row["Pattern"]) for row in source.get("FilterCriteria", {}).get("Filters", [])]

    def passes(name: str) -> bool:
        return not filters or any(matches(row, {"body": event(name)}) for row in filters)

    expected = [name for name in names() if event(name)["detail"]["severity"] >= BOUNDS[minimum]]
    assert expected == [name for name in names() if passes(name)]


def test_rule_targets_are_the_queues_of_the_routes_that_are_on() -> None:
    """Each route that is on is one target of the rule, with retries for a day."""

    def target(route: str, queue: str) -> dict[str, Any]:
        return {
            "Id": route,
            "Arn": f"<{queue}.Arn>",
            "DeadLetterConfig": {"Arn": "<EventBridgeDeadLetterQueue.Arn>"},
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        }

    siem, security_hub, notification = (
        target("siem", "SiemQueue"),
        target("security-hub", "SecurityHubQueue"),
        target("notification", "NotificationQueue"),
    )
    assert [siem] == Stack().properties("FindingRule")["Targets"]
    assert [siem, security_hub, notification] == Stack(**ALL_ON).properties("FindingRule")["Targets"]
    only_hub = Stack(SiemRoute="off", SecurityHubRoute="import")
    assert [security_hub] == only_hub.properties("FindingRule")["Targets"]
