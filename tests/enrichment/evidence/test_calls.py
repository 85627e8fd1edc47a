"""Test which API calls are read out of a finding, from each block that names them."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.enrichment.evidence import find_evidence
from enricher.finding.api_calls import ANOMALOUS, ANOMALY, COUNTED, MOST_CALLS, SIGNALS, calls_of
from enricher.mapping.model import Mapping
from tests.enrichment.evidence.findings import finding_of

CALL = "service.action.awsApiCallAction"


def read(fields: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Give service, API and error of the calls of a finding made of fields."""
    return [
        (call.service, call.api, call.error)
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
    """The text form must be read call by call, tolerantly; what is none of it gives none."""
    assert calls == read({ANOMALOUS: text})


def test_anomalous_calls_come_from_the_packed_value() -> None:
    """Calls that stand only in the JSON string `value`, as GetFindings sends them, must be read."""
    packed = '{"anomalies": {"anomalousAPIs": "iam.amazonaws.com:[CreateUser:success]"}}'
    assert [("iam.amazonaws.com", "CreateUser", "")] == read({"service.additionalInfo.value": packed})


def test_action_comes_first_and_once() -> None:
    """The call that the finding is about must come first and must not be repeated by the list."""
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
    ids=["counted", "unusual behaviour", "unseen in the profile", "activity of a signal"],
)
def test_other_blocks_are_read(fields: dict[str, Any], mapping: Mapping) -> None:
    """A call must be found in each block that names it, also where only its own name tells the service."""
    finding = finding_of("Persistence:IAMUser/AnomalousBehavior", fields)
    (entry,) = find_evidence(finding, mapping.record_for(finding.type), mapping)
    assert ("TA0003", "T1098.001") == (entry.pair.tactic, entry.pair.technique)
    assert fields.items() >= {shown.field: shown.value for shown in entry.evidence}.items()


def test_usual_behaviour_is_no_evidence() -> None:
    """A call that the profile lists as frequent must not be read."""
    profile = f"{ANOMALY}.profiles.account.eventName[0]"
    fields = {f"{profile}.profileSubtype": "FREQUENT", f"{profile}.observations.text[0]": "CreateUser"}
    assert [] == read(fields)


def test_calls_are_bounded() -> None:
    """However many calls are listed, only so many are read."""
    text = f"iam.amazonaws.com:[{','.join(f'A{n}:success' for n in range(500))}]"
    assert MOST_CALLS == len(read({ANOMALOUS: text}))
