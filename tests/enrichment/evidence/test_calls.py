"""Test reading the API calls of a finding from each object that contains them."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.evidence import find_evidence
from enricher.finding.api_calls import ANOMALOUS, ANOMALY, COUNTED, MOST_CALLS, SIGNALS, calls_of
from enricher.mapping.model import AttackMapping

CALL = "service.action.awsApiCallAction"


def read(fields: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (service, API, error) of the calls of a finding with the given fields."""
    return [
        (call.service, call.operation, call.error)
        for call in calls_of(finding_of("Impact:IAMUser/AnomalousBehavior", fields))
    ]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("iam.amazonaws.com:[CreateUser:success]", [("iam.amazonaws.com", "CreateUser", "")]),
        (
            "iam.amazonaws.com:[CreateUser:success , DeleteUser:AccessDenied] , "
            "ec2.amazonaws.com:[RunInstances:success]",
            [
                ("iam.amazonaws.com", "CreateUser", ""),
                ("iam.amazonaws.com", "DeleteUser", "AccessDenied"),
                ("ec2.amazonaws.com", "RunInstances", ""),
            ],
        ),
        ("iam.amazonaws.com:[CreateUser]", [("iam.amazonaws.com", "CreateUser", "")]),
        ("iam.amazonaws.com:[CreateUser:success", [("iam.amazonaws.com", "CreateUser", "")]),
        ("iam.amazonaws.com [ , CreateUser:success,, ] ]", [("iam.amazonaws.com", "CreateUser", "")]),
        ("create pods default", []),
        ("]]][[[,,,:::", []),
        ("", []),
    ],
    ids=["one", "several", "no outcome", "cut short", "untidy", "a cluster's", "punctuation", "empty"],
)
def test_anomalous_calls_are_read(text: str, calls: list[tuple[str, str, str]]) -> None:
    """Each call of the text form must be read, tolerating bad syntax; other text must yield no call."""
    assert calls == read({ANOMALOUS: text})


def test_anomalous_calls_are_read_from_the_json_string() -> None:
    """Calls that are only in the JSON string `value`, as GetFindings returns them, must be read."""
    packed = '{"anomalies": {"anomalousAPIs": "iam.amazonaws.com:[CreateUser:success]"}}'
    assert [("iam.amazonaws.com", "CreateUser", "")] == read({"service.additionalInfo.value": packed})


def test_call_of_the_action_comes_first_and_once() -> None:
    """The call of the finding's action must come first and must not be repeated from the list."""
    fields = {
        f"{CALL}.api": "DeleteUser",
        f"{CALL}.serviceName": "iam.amazonaws.com",
        ANOMALOUS: "iam.amazonaws.com:[CreateUser:success , DeleteUser:success]",
    }
    assert ["DeleteUser", "CreateUser"] == [api for _, api, _ in read(fields)]


@pytest.mark.parametrize(
    "fields",
    [
        {f"{COUNTED}[0].name": "CreateAccessKey"},
        {f"{ANOMALY}.unusual.behavior.user.eventName.observations.text[0]": "CreateAccessKey"},
        {
            f"{ANOMALY}.profiles.account.eventName[0].profileSubtype": "UNSEEN",
            f"{ANOMALY}.profiles.account.eventName[0].observations.text[0]": "CreateAccessKey",
        },
        {
            f"{SIGNALS}[0].activities[0].api.operation": "CreateAccessKey",
            f"{SIGNALS}[0].activities[0].api.service": "iam.amazonaws.com",
        },
    ],
    ids=["counted", "unusual behavior", "unseen in the profile", "activity of a signal"],
)
def test_call_is_read_from_each_object(fields: dict[str, Any], mapping: AttackMapping) -> None:
    """A call must be read from each object that names it, even if only its name identifies the service."""
    finding = finding_of("Persistence:IAMUser/AnomalousBehavior", fields)
    (entry,) = find_evidence(finding, mapping.record_for(finding.type), mapping)
    assert ("TA0003", "T1098.001") == (entry.pair.tactic, entry.pair.technique)
    assert fields.items() >= {shown.field: shown.value for shown in entry.evidence}.items()


@pytest.mark.parametrize(
    ("service", "told"),
    [("transfer.amazonaws.com", "the file transfer server"), ("iam.amazonaws.com", "A new IAM user"),
     ("", "A new IAM user")],
)  # fmt: skip
def test_service_of_the_finding_decides_for_a_bare_name(
    service: str, told: str, mapping: AttackMapping
) -> None:
    """A call named without its service must have the rule of the service that the finding is about."""
    behavior = f"{ANOMALY}.unusual.behavior.user.eventName.observations.text[0]"
    finding = finding_of(
        "Persistence:IAMUser/AnomalousBehavior", {f"{CALL}.serviceName": service, behavior: "CreateUser"}
    )
    (entry,) = find_evidence(finding, mapping.record_for(finding.type), mapping)
    assert told in entry.rationale


def test_usual_behavior_is_not_evidence() -> None:
    """A call that the profile lists as frequent must not be read."""
    profile = f"{ANOMALY}.profiles.account.eventName[0]"
    fields = {f"{profile}.profileSubtype": "FREQUENT", f"{profile}.observations.text[0]": "CreateUser"}
    assert [] == read(fields)


def test_number_of_calls_is_limited() -> None:
    """At most MOST_CALLS calls of a finding must be read."""
    text = f"iam.amazonaws.com:[{','.join(f'A{n}:success' for n in range(500))}]"
    assert MOST_CALLS == len(read({ANOMALOUS: text}))
