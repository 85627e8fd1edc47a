"""Tests of the event parser: any input gives a finding or a clear error."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding, MalformedEvent, _camel_key, read_json
from enricher.formats.guardduty import render
from enricher.mapping.model import AttackMapping
from tests import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KNOWN_KEYS = st.sampled_from(
    [
        "accountId",
        "region",
        "arn",
        "severity",
        "service",
        "resource",
        "count",
        "action",
        "additionalInfo",
        "value",
    ]
)
ODD_DETAIL = st.dictionaries(KNOWN_KEYS | st.text(max_size=8), JSON, max_size=6)


@pytest.mark.parametrize("name", examples.names())
def test_detail_is_untouched(name: str, mapping: AttackMapping) -> None:
    """Enrichment must change neither the input event nor the detail in the output."""
    event = examples.event(name)
    before = copy.deepcopy(event)
    out = json.loads(render(enrich(Finding.from_event(event), mapping), 1_048_576))
    assert before == event
    assert before == {key: value for key, value in out.items() if key not in ("attack", "alert")}


@pytest.mark.parametrize("name", examples.names())
def test_camel_case_and_pascal_case_give_the_same_tags(name: str, mapping: AttackMapping) -> None:
    """A finding in EventBridge's camelCase and in the API's PascalCase must get the same tags."""
    event = examples.event(name)
    bare = enrich(Finding.from_detail(event["detail"]), mapping)
    pascal = enrich(Finding.from_detail(examples.to_pascal(event["detail"])), mapping)
    assert (bare.attack, bare.alert) == (pascal.attack, pascal.alert)


def test_api_member_names_are_mapped_to_event_names() -> None:
    """Each member of the API's Finding shape must be readable under its name in EventBridge events."""
    wrong: list[str] = []
    seen: set[str] = set()

    def walk(shape: Any, path: str) -> None:
        if shape.type_name == "list":
            walk(shape.member, path)
        if shape.type_name != "structure" or shape.name in seen:
            return
        seen.add(shape.name)
        for name, member in shape.members.items():
            if _camel_key(name) != member.serialization.get("name", name):
                wrong.append(f"{path}.{name}")
            walk(member, f"{path}.{name}")

    walk(get_session().get_service_model("guardduty").shape_for("Finding"), "")
    assert [
        # Irregular in one place only, and not read.
        ".Service.Detection.Sequence.Actors.User.Account.Name",
        ".Service.Detection.Sequence.Resources.Data.Ec2Instance.IamInstanceProfile",
    ] == sorted(wrong)


def test_pascal_case_detail_is_unchanged() -> None:
    """A finding in PascalCase must be output in PascalCase."""
    detail = examples.to_pascal(examples.event("ec2-portscan")["detail"])
    assert detail == Finding.from_detail(detail).event["detail"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (None, "expected an EventBridge event (a JSON object), got missing or null"),
        ([1], "expected an EventBridge event (a JSON object), got an array"),
        ({}, "detail is missing or null, expected the finding (a JSON object)"),
        ({"detail": "x"}, "detail is a string, expected the finding (a JSON object)"),
        ({"detail": {}}, "detail.type is missing or null, expected the finding type (a string)"),
        ({"detail": {"type": 3}}, "detail.type is a number, expected the finding type (a string)"),
        (
            {"detail-type": "AWS API Call via CloudTrail", "detail": {"type": "x"}},
            "detail-type is 'AWS API Call via CloudTrail', expected 'GuardDuty Finding': "
            "the rule must match on it",
        ),
    ],
)
def test_invalid_event_error_names_the_field(event: object, reason: str) -> None:
    """An event that is not a finding must raise an error with the field and what is expected there."""
    with pytest.raises(MalformedEvent) as caught:
        Finding.from_event(event)
    assert reason == str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ('{"a": NaN}', "not JSON: NaN is not a JSON value"),
        ("[" * 500_000, "not readable JSON: nested too deeply"),
    ],
)
def test_invalid_json_is_rejected_with_its_position(text: str, reason: str) -> None:
    """Text that is not JSON must be rejected with its position, also at the parser's recursion limit."""
    with pytest.raises(MalformedEvent) as caught:
        read_json(text)
    assert reason == str(caught.value)


@given(JSON)
def test_any_json_is_enriched_or_rejected(mapping: AttackMapping, event: Any) -> None:
    """Any JSON value must give an enriched event or a MalformedEvent, never another exception."""
    try:
        finding = Finding.from_event(event)
    except MalformedEvent:
        return
    enrich(finding, mapping)


@given(ODD_DETAIL, st.text() | st.sampled_from(["Recon:EC2/Portscan", "Trojan:New/DropPoint"]))
def test_any_detail_with_a_type_is_enriched(
    mapping: AttackMapping, detail: dict[str, Any], finding_type: str
) -> None:
    """A detail with a type must be enriched whatever else it contains, and be output unchanged."""
    event = {"detail-type": "GuardDuty Finding", "detail": {**detail, "type": finding_type}}
    out = json.loads(render(enrich(Finding.from_event(event), mapping), 1_048_576))
    assert event["detail"] == out["detail"]


def test_account_is_that_of_the_finding() -> None:
    """The account and Region must be those of the finding, not of the administrator account."""
    finding = Finding.from_event(examples.event("awkward-member-account"))
    assert ("444455556666", "111122223333") == (finding.account, finding.event["account"])


def test_account_falls_back_to_the_arn_before_the_envelope() -> None:
    """Without accountId the account must come from the ARN: the envelope may have the administrator's."""
    event = examples.event("awkward-member-account", accountId=None, region=None, partition=None)
    finding = Finding.from_event(event)
    assert ("444455556666", event["region"], "aws") == (finding.account, finding.region, finding.partition)


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("eusc-xx-west-1", "aws-eusc"),
        ("us-isof-south-1", "aws-iso-f"),
        ("", "aws"),
    ],
)
def test_partition_follows_the_region(region: str, partition: str) -> None:
    """A finding that names no partition must get the one its Region implies."""
    detail = {"type": "Recon:EC2/Portscan", "region": region}
    assert partition == Finding.from_detail(detail).partition


def test_additional_info_json_string_is_unpacked() -> None:
    """Keys that only the JSON string `additionalInfo.value` holds must be readable like inline ones."""
    detail = {"type": "x", "service": {"additionalInfo": {"value": '{"sample":true}', "type": "default"}}}
    assert True is Finding.from_detail(detail).flag("service.additionalInfo.sample")


@pytest.mark.parametrize("spelling", ["true", "True", True])
def test_boolean_strings_of_exports_are_read(spelling: object) -> None:
    """A boolean that an export writes as a string must be read as a boolean."""
    assert Finding.from_detail({"type": "x", "service": {"archived": spelling}}).flag("service.archived")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5.0),
        ("6.95", 6.95),
        ("high", None),
        (True, None),
        (float("inf"), None),
        ("nan", None),
        (None, None),
    ],
)
def test_numbers_are_read_strictly(value: object, number: float | None) -> None:
    """Only a finite number, or a string of one, must be read as a number."""
    assert number == Finding.from_detail({"type": "x", "severity": value}).number("severity")
