"""Test finding the rule for an API call: by service and name, by name alone, by the words of the name."""

from __future__ import annotations

import pytest

from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.call_rules import find_by_name, find_reviewed, words_of_name
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.rules import tables_of
from enricher.finding.api_calls import Call
from enricher.mapping.model import AttackMapping

CALL = "service.action.awsApiCallAction"


def reviewed(service: str, api: str, mapping: AttackMapping, about: str = "") -> str | None:
    """Return the ID of the reviewed rule for a call."""
    tables = tables_of(mapping)
    number = find_reviewed(Call(service, api), about, tables) if tables else None
    return tables.rules[number].id if tables and number is not None else None


def by_name(api: str, mapping: AttackMapping) -> str | None:
    """Return the ID of the rule for the words of a call's name."""
    tables = tables_of(mapping)
    number = find_by_name(api, tables) if tables else None
    return tables.rules[number].id if tables and number is not None else None


@pytest.mark.parametrize(
    ("service", "api", "plain"),
    [
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331", "UpdateFunctionCode"),
        ("lambda.amazonaws.com", "AddPermission20150331", "AddPermission"),
        ("cloudfront.amazonaws.com", "UpdateDistribution2020_05_31", "UpdateDistribution"),
        ("lambda", "UpdateFunctionCode", "UpdateFunctionCode"),
    ],
)
def test_spellings_of_cloudtrail_are_one_call(
    service: str, api: str, plain: str, mapping: AttackMapping
) -> None:
    """A call must have the rule of its plain name, whatever date and version CloudTrail appends."""
    full = f"{service.removesuffix('.amazonaws.com')}.amazonaws.com"
    assert reviewed(full, plain, mapping) == reviewed(service, api, mapping) is not None


@pytest.mark.parametrize("api", ["ListObjectsV2", "CreateOAuth2Token", "PutItem2020", "Go20201301x"])
def test_a_number_that_is_not_a_date_belongs_to_the_name(api: str) -> None:
    """Only a date at the end of a name must be removed."""
    assert api == Call("", api, "", ()).name


def test_call_without_a_service_has_a_rule(mapping: AttackMapping) -> None:
    """Without a service, the finding's service must decide, then the most common service with the call."""
    assert "iam-user-created" == reviewed("", "CreateUser", mapping)
    assert "transfer-user" == reviewed("", "CreateUser", mapping, "transfer.amazonaws.com")
    assert "ssm-session" == reviewed("", "StartSession", mapping)


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("BatchGetDBImages", ["Get", "DB", "Images"]),
        ("AdminCreateUser", ["Create", "User"]),
        ("DescribeVPCs", ["Describe", "VPCs"]),
        ("SetV2LoggingLevel", ["Set", "Logging", "Level"]),
        ("Batch", ["Batch"]),
        ("", []),
    ],
)
def test_name_is_split_into_words(api: str, words: list[str]) -> None:
    """The words of a name must begin with the verb."""
    assert words == words_of_name(api)


@pytest.mark.parametrize(
    ("api", "rule"),
    [
        ("ListWidgets", "name-read"),
        ("GetWidgetPolicy", "name-rights-read"),
        ("DeleteWidget", "name-deleted"),
        ("DeleteWidgetSnapshots", "name-recovery-removed"),
        ("PutWidgetPolicy", "name-access-granted"),
        ("ModifyWidgetAttribute", "name-changed"),
        ("DisableWidgetLogging", "name-log-impaired"),
        ("CreateWidgetApiKey", "name-credential-added"),
        ("RunWidget", "name-run"),
        ("AssumeWidget", "name-token-obtained"),
        ("FrobnicateWidget", None),
    ],
)
def test_words_of_a_name_select_the_rule(api: str, rule: str | None, mapping: AttackMapping) -> None:
    """The verb must select the rules, and the first rule that has one of the nouns must count."""
    assert rule == by_name(api, mapping)


@pytest.mark.parametrize(
    ("finding_type", "expected"),
    [
        ("Impact:IAMUser/AnomalousBehavior", [("TA0040", "T1485", "low")]),
        ("Discovery:IAMUser/AnomalousBehavior", []),
        ("UnauthorizedAccess:IAMUser/TorIPCaller", [("TA0040", "T1485", "low")]),
    ],
    ids=["agrees", "disagrees", "the purpose implies no tactic"],
)
def test_name_must_agree_with_the_purpose(
    finding_type: str, expected: list[tuple[str, str, str]], mapping: AttackMapping
) -> None:
    """A call read by its name must have low confidence and a tactic of the purpose, if that implies one."""
    fields = {f"{CALL}.api": "DeleteWidget", f"{CALL}.serviceName": "example.amazonaws.com"}
    finding = finding_of(finding_type, fields)
    entries = find_evidence(finding, mapping.record_for(finding_type), mapping)
    assert expected == [(entry.pair.tactic, entry.pair.technique, entry.confidence) for entry in entries]
