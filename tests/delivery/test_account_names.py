"""Test the lookup of account names in AWS Organizations."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger, Metrics
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from enricher.delivery.account_names import BUDGET, MAX_AGE, PAUSE, AccountNames, build
from enricher.delivery.pipeline import Route
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples

ACCOUNT = "111122223333"


class Organizations:
    """Stands in for DescribeAccount: counts the calls, takes `seconds` for each, and may fail."""

    def __init__(self, seconds: float = 0.1, **answer: Any) -> None:
        self.now = 1_000.0
        self.calls: list[str] = []
        self.seconds = seconds
        self.answer = {"Name": "prod", "State": "ACTIVE"} | answer
        self.error: Exception | None = None

    def describe(self, account: str) -> dict[str, Any]:
        """Return the Account of an ID, or raise the error."""
        self.now += self.seconds
        self.calls.append(account)
        if self.error:
            raise self.error
        return {"Id": account, **self.answer}

    def names(self) -> AccountNames:
        """Return the lookup that asks this one."""
        return AccountNames(self.describe, Logger(service="test"), lambda: self.now)


def client_error(code: str) -> ClientError:
    """Return the error that botocore raises for an error code."""
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "DescribeAccount")


def test_name_is_looked_up_once_a_day() -> None:
    """A name must be cached, and read again after MAX_AGE."""
    organizations = Organizations()
    names = organizations.names()
    assert ["prod"] * 3 == [names.name_of(ACCOUNT) for _ in range(3)]
    assert [ACCOUNT] == organizations.calls
    organizations.now += MAX_AGE
    organizations.answer["Name"] = "production"
    assert "production" == names.name_of(ACCOUNT)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("ACTIVE", "prod"), ("SUSPENDED", "prod (SUSPENDED)"), ("CLOSED", "prod (CLOSED)")],
)
def test_state_is_behind_the_name(state: str, expected: str) -> None:
    """An account that is not active must show its state; the retired Status must not be read."""
    assert expected == Organizations(State=state, Status="ACTIVE").names().name_of(ACCOUNT)


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("AWSOrganizationsNotInUseException"),
        client_error("TooManyRequestsException"),
        ConnectTimeoutError(endpoint_url="https://example.com"),
        KeyError("Account"),
    ],
)
def test_failure_is_an_empty_name_and_a_pause(error: Exception) -> None:
    """A failed lookup must give "", and no lookup must be tried for PAUSE seconds."""
    organizations = Organizations()
    organizations.error = error
    names = organizations.names()
    assert ["", ""] == [names.name_of(ACCOUNT), names.name_of("444455556666")]
    assert [ACCOUNT] == organizations.calls
    organizations.now += PAUSE
    organizations.error = None
    assert "prod" == names.name_of(ACCOUNT)


def test_known_name_outlives_a_failure() -> None:
    """A name that was read before must be used while the lookup fails."""
    organizations = Organizations()
    names = organizations.names()
    names.name_of(ACCOUNT)
    organizations.now += MAX_AGE
    organizations.error = client_error("AccessDeniedException")
    assert "prod" == names.name_of(ACCOUNT)


def test_account_outside_the_organization_is_not_asked_again() -> None:
    """An unknown account must be cached as such and must not pause the others."""
    organizations = Organizations()
    organizations.error = client_error("AccountNotFoundException")
    names = organizations.names()
    assert ["", ""] == [names.name_of(ACCOUNT), names.name_of(ACCOUNT)]
    organizations.error = None
    assert "prod" == names.name_of("444455556666")
    assert [ACCOUNT, "444455556666"] == organizations.calls


def test_slow_lookups_stop_at_the_budget() -> None:
    """Lookups must not take much longer than BUDGET seconds within PAUSE seconds."""
    organizations = Organizations(seconds=1.5)
    names = organizations.names()
    for number in range(20):
        names.name_of(f"{number:012d}")
    assert len(organizations.calls) == 4
    assert len(organizations.calls) * 1.5 <= BUDGET + 1.5


def test_no_lookup_starts_once_the_budget_is_spent() -> None:
    """When lookups have taken exactly BUDGET seconds, no other must start."""
    organizations = Organizations(seconds=BUDGET / 2)
    names = organizations.names()
    for number in range(3):
        names.name_of(f"{number:012d}")
    assert 2 == len(organizations.calls)


@pytest.mark.parametrize(
    "account", ["", "unknown", "1234", "11112222333a", "\uff11" * 12, f"{ACCOUNT}0", f"{ACCOUNT}\n"]
)
def test_only_account_ids_are_looked_up(account: str) -> None:
    """What is not 12 digits must not be sent to Organizations: it is content of the finding."""
    organizations = Organizations()
    assert "" == organizations.names().name_of(account)
    assert [] == organizations.calls


def test_finding_gets_the_name(mapping: AttackMapping) -> None:
    """`alert.accountName` must be the name, without a change of the finding or of what was enriched."""
    enriched = enrich(Finding.from_event(examples.event("ec2-tor-client")), mapping)
    named = Organizations().names().add_to(enriched)
    assert {**enriched.alert, "accountName": "prod"} == named.alert
    assert "" == enriched.alert["accountName"]
    assert (enriched.finding, enriched.attack) == (named.finding, named.attack)


@mock_aws
def test_real_client_reads_state() -> None:
    """The built client must call DescribeAccount with the ID and read Name and State of its answer."""
    names = build(Logger(service="test"))
    assert "" == names.name_of(ACCOUNT)  # moto: AWSOrganizationsNotInUseException
    client = boto3.client("organizations")
    with Stubber(client) as stub:
        answer = {"Account": {"Id": ACCOUNT, "Name": "prod", "State": "SUSPENDED"}}
        stub.add_response("describe_account", answer, {"AccountId": ACCOUNT})
        assert "prod (SUSPENDED)" == build(Logger(service="test"), client).name_of(ACCOUNT)


def test_route_delivers_the_name(mapping: AttackMapping) -> None:
    """A route with account names must deliver the finding with its name, and without the lookup with ""."""
    seen: list[str] = []

    class Destination:
        def deliver(self, batch: Any, time_left: Any) -> dict[str, Any]:
            seen.extend(delivery.enriched.alert["accountName"] for delivery in batch)
            return {}

    metrics = Metrics(namespace="test", service="test")
    for names in (Organizations().names(), None):
        logger = Logger(service="test")
        route = Route(mapping, None, Destination(), None, logger, metrics, account_names=names)
        route.run_one(examples.event("ec2-tor-client"), lambda: 900.0)
    metrics.clear_metrics()
    assert ["prod", ""] == seen
