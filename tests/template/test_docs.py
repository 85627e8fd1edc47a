"""Test that the documentation names every parameter, alarm and output, and none that does not exist."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.template.stack import ROOT, ROUTES, Stack, template

DEPLOYMENT, OPERATIONS, SECURITY = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("deployment.md", "operations.md", "security.md")
)
CONFIGURATIONS = re.findall(r"```toml\n(# samconfig.*?)```", DEPLOYMENT, re.DOTALL)


def cells(text: str) -> set[str]:
    """Return the names in backticks in the first column of the tables of a text."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_parameter_is_explained() -> None:
    """SAM asks by bare names: the table has every parameter, and no other."""
    section = DEPLOYMENT.split("## What to answer")[1].split("Then SAM asks")[0]
    assert cells(section) == template()["Parameters"].keys()


@pytest.mark.parametrize("text", CONFIGURATIONS, ids=lambda text: text.splitlines()[0])
def test_example_configuration_is_valid(text: str) -> None:
    """An example is valid TOML for another file than the tracked one; its values pass every constraint."""
    assert not text.startswith("# samconfig.toml")
    values = tomllib.loads(text)["default"]["deploy"]["parameters"]["parameter_overrides"]
    parameters = dict(value.split("=", 1) for value in values)
    for name, value in parameters.items():
        row = template()["Parameters"][name]
        allowed = [str(item) for item in row.get("AllowedValues", [value])]
        assert value in allowed
        assert re.search(row.get("AllowedPattern", ""), value)
    stack = Stack(**parameters)
    rules = [row for row in template()["Rules"].values() if stack.resolve(row.get("RuleCondition", True))]
    assert all(stack.resolve(part["Assert"]) for row in rules for part in row["Assertions"])
    assert parameters["OperationsEmail"], "an example without anybody to tell"


def test_there_are_examples_for_two_environments() -> None:
    """The documentation has a configuration file for more than one environment."""
    assert len(CONFIGURATIONS) == 2


def test_runbook_explains_every_alarm() -> None:
    """Each alarm has a row with its meaning and what to do; a route's alarm is written with Route."""
    names = {name for name, row in template()["Resources"].items() if row["Type"] == "AWS::CloudWatch::Alarm"}
    routes = {re.sub(rf"^({'|'.join(ROUTES)})", "Route", name) for name in names if "Topic" not in name}
    topics = {name for name in names if "Topic" in name}
    section = OPERATIONS.split("## Alarms")[1].split("### ")[0]
    assert cells(section) == routes | topics
    assert all(line.count(" | ") == 2 for line in section.splitlines() if line.startswith("| `"))


def test_runbook_names_only_outputs_and_queries_that_exist() -> None:
    """An output in the runbook exists, and so does a saved query."""
    found = set(re.findall(r"\b\w+(?:QueueUrl|QueueArn|TopicArn)\b", OPERATIONS))
    assert found <= template()["Outputs"].keys() | {"OperationsTopicArn"}
    titles = {
        row["Properties"]["Name"]["Fn::Sub"].partition("/")[2]
        for row in template()["Resources"].values()
        if row["Type"] == "AWS::Logs::QueryDefinition"
    }
    used = set(re.findall(r"(?<!\*)\*([A-Z][^*|]+)\*(?!\*)", OPERATIONS))
    assert used
    assert used <= titles


def test_key_policies_are_json_and_name_every_service() -> None:
    """The key policy statements are JSON, and admit each AWS service that encrypts or publishes."""
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SECURITY, re.DOTALL)]
    services = json.dumps(blocks)
    for service in ("events.amazonaws.com", "cloudwatch.amazonaws.com", "logs.REGION.amazonaws.com"):
        assert service in services


def test_documented_boundary_covers_every_role() -> None:
    """The actions that a boundary must allow are those of all roles, whatever is switched on."""
    key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
    used: set[str] = set()
    for mode in ("annotate", "import"):
        for overrides in ("s3://team-bucket/overrides.toml", "ssm:/guardduty/overrides"):
            stack = Stack(
                SecurityHubRoute=mode,
                NotificationRoute="text",
                MappingOverrides=overrides,
                AccountNames="on",
                KmsKeyArn=key,
            )
            for route in ROUTES:
                for row in stack.statements(route):
                    used |= {row["Action"]} if isinstance(row["Action"], str) else set(row["Action"])
    section = SECURITY.split("## Permissions")[1].split("## ")[0]
    assert not {action for action in used if f"`{action}`" not in section}
