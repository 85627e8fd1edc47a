"""Test the coverage of AWS's API calls by the rules."""

from __future__ import annotations

import pytest

from enricher.authoring.call_coverage import ServiceCoverage, measure
from enricher.cli import main
from enricher.mapping.model import AttackMapping


@pytest.fixture(scope="module")
def rows(mapping: AttackMapping) -> dict[str, ServiceCoverage]:
    """Return the coverage of each service of the installed botocore."""
    return {row.service: row for row in measure(mapping)}


def test_nearly_every_call_of_aws_is_read(rows: dict[str, ServiceCoverage]) -> None:
    """At least 98 % of the calls in botocore's service models must have a rule, reviewed or by name."""
    calls = sum(len([*row.reviewed, *row.by_name, *row.uncovered]) for row in rows.values())
    assert calls > 10_000
    assert sum(len(row.uncovered) for row in rows.values()) <= calls * 0.02


@pytest.mark.parametrize(
    "service", ["iam", "sts", "kms", "cloudtrail", "organizations", "guardduty", "secretsmanager", "s3"]
)
def test_calls_that_change_access_are_reviewed(service: str, rows: dict[str, ServiceCoverage]) -> None:
    """Where access, logs and data are, unreviewed changing calls must be below a tenth of all calls."""
    row = rows[service]
    unchanging = ("Get", "List", "Describe", "Lookup", "Verify", "Tag", "Untag", "AddTags", "RemoveTags")
    changing = [call for call in row.by_name + row.uncovered if not call.startswith(unchanging)]
    assert len(changing) <= 0.1 * len([*row.reviewed, *row.by_name]), changing


def test_calls_of_a_service_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`coverage --calls iam` must list each call of IAM with what reads it."""
    assert 0 == main(["coverage", "--calls", "iam"])
    assert "reviewed   CreateAccessKey\n" in capsys.readouterr().out


def test_unknown_service_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A service that botocore does not have must be reported, with exit code 2."""
    assert 2 == main(["coverage", "--calls", "kettle"])
    assert "kettle: no such event source" in capsys.readouterr().err
