"""Test that every parameter is described, constrained and used, and results in valid settings."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from enricher.settings import read_settings
from tests.template.stack import ALL_ON, ROUTES, Stack, template

PARAMETERS = template()["Parameters"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_is_described_constrained_and_used(name: str) -> None:
    """A parameter has a description, a valid default, a constraint, a parameter group, and a reference."""
    row = PARAMETERS[name]
    assert row["Description"].endswith(".")
    assert len(row["Description"].split()) >= 5
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & row.keys()
    if "AllowedValues" in row:
        assert row["Default"] in row["AllowedValues"]
    if "AllowedPattern" in row:
        assert re.search(row["AllowedPattern"], row["Default"])
        assert row["ConstraintDescription"]
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [group["Parameters"].count(name) for group in groups].count(1) == 1
    rest = json.dumps(
        {key: item for key, item in template().items() if key not in ("Parameters", "Metadata")}
    )
    assert f'{{"Ref": "{name}"}}' in rest


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("", True),
        ("s3://team-bucket/guardduty/overrides.toml", True),
        ("ssm:/guardduty/overrides", True),
        ("s3://team-bucket/*", False),
        ("s3://team-bucket", False),
        ("s3://*/overrides.toml", False),
        ("ssm:/guardduty/*", False),
        ("ssm:guardduty", False),
        ("https://example.com/overrides.toml", False),
    ],
)
def test_overrides_parameter_cannot_broaden_a_permission(value: str, accepted: bool) -> None:
    """MappingOverrides names one object or parameter: the IAM resource made from it has no wildcard."""
    assert accepted is bool(re.fullmatch(PARAMETERS["MappingOverrides"]["AllowedPattern"], value))


def allowed_values(name: str) -> list[str]:
    """Return the allowed values of a parameter."""
    return [str(value) for value in PARAMETERS[name]["AllowedValues"]]


def variables(stack: Stack, route: str) -> dict[str, str]:
    """Return a function's environment variables, with references replaced by sample values."""
    samples = {
        "Topic": "arn:aws:sns:eu-west-1:111122223333:t",
        "Queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/queue",
        "Table": "table",
    }
    environment: dict[str, Any] = stack.function(route)["Environment"]["Variables"]

    def substitute(value: str) -> str:
        kind = next(
            (kind for kind in samples if value == f"<{value.strip('<>')}>" and value.endswith(f"{kind}>")),
            None,
        )
        return samples[kind] if kind else value

    return {key: substitute(value) for key, value in environment.items()}


def test_every_parameter_value_makes_valid_settings() -> None:
    """For every parameter value, the code accepts each function's environment variables."""
    for siem_format, updates, version in itertools.product(
        allowed_values("SiemFormat"), allowed_values("Updates"), allowed_values("AttackVersion")
    ):
        stack = Stack(SiemFormat=siem_format, Updates=updates, AttackVersion=version)
        settings = read_settings(variables(stack, "Siem"), ("19.2", "18.1"))
        got = (
            settings.route,
            settings.destination,
            settings.format,
            settings.updates,
            settings.attack_version,
        )
        assert ("siem", "sns", siem_format, updates, version) == got
    for version in allowed_values("OcsfVersion"):
        assert version == read_settings(variables(Stack(OcsfVersion=version), "Siem"), ("19.2",)).ocsf_version
    for mode in ("annotate", "import"):
        settings = read_settings(variables(Stack(SecurityHubRoute=mode), "SecurityHub"), ("19.2", "18.1"))
        assert ("security-hub", f"security-hub-{mode}") == (settings.route, settings.destination)
    for kind in ("text", "chat"):
        settings = read_settings(variables(Stack(NotificationRoute=kind), "Notification"), ("19.2", "18.1"))
        assert ("notification", "sns", kind) == (settings.route, settings.destination, settings.format)


@pytest.mark.parametrize("route", ROUTES)
def test_every_function_has_its_queues_and_table(route: str) -> None:
    """A function has its queues, the overrides and, except for annotate, the deduplication table."""
    stack = Stack(**ALL_ON, MappingOverrides="ssm:/guardduty/overrides")
    environment = stack.function(route)["Environment"]["Variables"]
    expected = {
        "QUEUE_URL": f"<{route}Queue>",
        "DEAD_LETTER_QUEUE_URL": f"<{route}DeadLetterQueue>",
        "DEDUPLICATION_TABLE": "" if route == "SecurityHub" else "<DeduplicationTable>",
        "MAPPING_OVERRIDES": "ssm:/guardduty/overrides",
    }
    assert expected == {key: environment[key] for key in expected}
