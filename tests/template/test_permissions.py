"""Test that each role allows exactly the actions that its code calls, on the route's own resources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session

from build_tools.sam_template import expand
from tests.template.stack import ALL_ON, ROOT, ROUTES, Stack, template

CODE = ROOT / "enricher"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"

#: The modules that call AWS for a route: that of its destination first, then the shared ones.
MODULES = {
    "Siem": ("destinations/sns.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
    "Notification": ("destinations/sns.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
    "annotate": ("destinations/security_hub_annotate.py", "delivery/source_queue.py"),
    "import": ("destinations/security_hub_import.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
}

#: Actions of Lambda's event source mapping with the function's role, and of the function's own logging.
PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}

#: Operations with an IAM action of another name.
ACTIONS = {"sns:PublishBatch": "sns:Publish"}


def operations() -> dict[str, str]:
    """Return "service:Operation" by boto3 method name, for the services that the code may call."""
    session = get_session()
    services = ("dynamodb", "s3", "securityhub", "sns", "sqs", "ssm")
    return {
        xform_name(operation): f"{service}:{operation}"
        for service in services
        for operation in session.get_service_model(service).operation_names
    }


def called(source: str) -> set[str]:
    """Return the IAM actions of the AWS operations that a module calls on a client."""
    known = operations()
    methods = {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and re.search(r"\bclient(\(.*\))?$", ast.unparse(node.func.value))
    }
    found = {known[method] for method in methods if method in known}
    return {ACTIONS.get(operation, operation) for operation in found}


def sets_retry_delay(source: str) -> bool:
    """Return whether a module ever sets the delay before the next attempt itself."""
    keywords = [node.arg for node in ast.walk(ast.parse(source)) if isinstance(node, ast.keyword)]
    return "wait" in keywords


def required_actions(mode: str) -> set[str]:
    """Return the IAM actions of the operations that the code of a route calls."""
    sources = {name: (CODE / name).read_text(encoding="utf-8") for name in MODULES[mode]}
    actions = {action for source in sources.values() for action in called(source)}
    if not any(sets_retry_delay(source) for source in sources.values()):
        actions.discard("sqs:ChangeMessageVisibility")
    return actions


def stack_of(mode: str, **parameters: str) -> tuple[Stack, str]:
    """Return a stack with the mode's route on, and the route's name."""
    if mode in ("annotate", "import"):
        return Stack(**ALL_ON | {"SecurityHubRoute": mode} | parameters), "SecurityHub"
    return Stack(**ALL_ON | parameters), mode


def actions_of(statements: list[dict[str, Any]]) -> set[str]:
    """Return every action in the statements."""
    return {
        action
        for row in statements
        for action in ([row["Action"]] if isinstance(row["Action"], str) else row["Action"])
    }


@pytest.mark.parametrize("mode", MODULES)
def test_role_allows_exactly_what_the_code_calls(mode: str) -> None:
    """A route's role allows the operations that its modules call and what Lambda itself needs, no more."""
    stack, route = stack_of(mode)
    assert required_actions(mode) | PLATFORM == actions_of(stack.statements(route))


@pytest.mark.parametrize("mode", MODULES)
def test_no_statement_has_a_wildcard_resource(mode: str) -> None:
    """No resource in a role has a wildcard; each belongs to the route or is shared by the routes."""
    stack, route = stack_of(mode, KmsKeyArn=KEY, MappingOverrides="ssm:/guardduty/overrides")
    hub = "arn:aws:securityhub:eu-west-1:111122223333"
    allowed = {
        f"<{route}Logs.Arn>",
        f"<{route}Queue.Arn>",
        f"<{route}DeadLetterQueue.Arn>",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/guardduty/overrides",
        *{
            "annotate": [f"{hub}:hub/default"],
            "import": [f"{hub}:product/111122223333/default", "<DeduplicationTable.Arn>"],
        }.get(mode, [f"<{route}Topic>", "<DeduplicationTable.Arn>"]),
        KEY,
    }
    assert allowed == {row["Resource"] for row in stack.statements(route)}
    assert {"Allow"} == {row["Effect"] for row in stack.statements(route)}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("", []),
        (
            "s3://team-bucket/a/overrides.toml",
            [("s3:GetObject", "arn:aws:s3:::team-bucket/a/overrides.toml")],
        ),
        ("ssm:/team/x", [("ssm:GetParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/team/x")]),
    ],
)
def test_only_the_overrides_are_readable(overrides: str, expected: list[tuple[str, str]]) -> None:
    """Each function may read the one object or parameter with the overrides, and no other."""
    stack = Stack(**ALL_ON, MappingOverrides=overrides)
    for route in ROUTES:
        own = [row for row in stack.statements(route) if row["Sid"] == "ReadOverrides"]
        assert expected == [(row["Action"], row["Resource"]) for row in own]


def test_account_names_need_one_action() -> None:
    """With AccountNames each function may describe accounts of the organization, and without it may not."""
    for names, expected in (("on", ["organizations:DescribeAccount"]), ("off", [])):
        stack = Stack(**ALL_ON, AccountNames=names)
        for route in ROUTES:
            own = [row for row in stack.statements(route) if row["Sid"] == "ReadAccountNames"]
            assert expected == [row["Action"] for row in own]
            assert all("organizations::*:account/o-*/*" in row["Resource"] for row in own)


@pytest.mark.parametrize("mode", MODULES)
def test_functions_may_use_the_customer_managed_key(mode: str) -> None:
    """With a customer managed key, a function may use that key only, to receive, store and publish."""
    stack, route = stack_of(mode, KmsKeyArn=KEY)
    own = [row for row in stack.statements(route) if row["Resource"] == KEY]
    assert [["kms:Decrypt", "kms:GenerateDataKey"]] == [row["Action"] for row in own]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            {"VpcSubnetIds": "subnet-0a", "VpcSecurityGroupIds": "sg-0a"},
            {
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            },
        ),
        ({"Tracing": "on"}, {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}),
    ],
    ids=["vpc", "tracing"],
)
@pytest.mark.parametrize("route", ROUTES)
def test_only_lambda_itself_needs_all_resources(
    route: str, parameters: dict[str, str], expected: set[str]
) -> None:
    """Only a VPC and tracing add statements on all resources: actions that have no resource to name."""
    stack = Stack(**ALL_ON, **parameters)
    everywhere = [row for row in stack.statements(route) if row["Resource"] == "*"]
    assert expected == actions_of(everywhere)
    assert expected == actions_of(stack.statements(route)) - actions_of(Stack(**ALL_ON).statements(route))


def test_organization_constraints_are_set_only_where_given() -> None:
    """Boundary, path, VPC and tracing apply to every role or function; the defaults change none."""
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    given = Stack(
        **ALL_ON,
        PermissionsBoundaryArn=boundary,
        RolePath="/security/",
        VpcSubnetIds="subnet-0a,subnet-0b",
        VpcSecurityGroupIds="sg-0a",
        Tracing="on",
        MappingOverrides="ssm:/guardduty/overrides",
    )
    roles = given.of_type("AWS::IAM::Role")
    assert len(roles) >= 3
    assert {(boundary, "/security/")} == {(row["PermissionsBoundary"], row["Path"]) for row in roles.values()}
    assert {"/security/"} == {row["Path"] for row in given.of_type("AWS::IAM::ManagedPolicy").values()}
    vpc = {"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"]}
    assert (vpc, "Active") == (given.globals["VpcConfig"], given.globals["Tracing"])
    default = Stack(**ALL_ON)
    assert {(None, "/")} == {
        (row.get("PermissionsBoundary"), row["Path"]) for row in default.of_type("AWS::IAM::Role").values()
    }
    assert ("PassThrough", False) == (default.globals["Tracing"], "VpcConfig" in default.globals)


def test_handler_exists() -> None:
    """The handler in the template is a function of a module in the package."""
    module, _, function = Stack().globals["Handler"].rpartition(".")
    tree = ast.parse(Path(ROOT, *module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def policies(expanded: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the managed policies of every role in an expanded template."""
    for name, resource in expanded["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            yield name, resource["Properties"].get("ManagedPolicyArns")


def test_sam_transform_adds_no_permission_and_drops_no_event_source() -> None:
    """After the SAM transform the template has no further role, and one event source mapping per function."""
    expanded = expand(template())
    kinds = [resource["Type"] for resource in expanded["Resources"].values()]
    roles = {*(f"{route}Role" for route in ROUTES), "DriftWatchRole"}
    assert roles == {name for name, _ in policies(expanded)}
    own = [
        ("HasOverrides", "OverridesPolicy"),
        ("HasAccountNames", "AccountNamesPolicy"),
        ("HasVpc", "VpcPolicy"),
        ("TracingIsOn", "TracingPolicy"),
    ]
    attached = [{"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]} for condition, name in own]
    assert [attached] * 3 == [found for name, found in policies(expanded) if name != "DriftWatchRole"]
    assert 3 == kinds.count("AWS::Lambda::EventSourceMapping")
