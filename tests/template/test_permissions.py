"""Each function may do what its code calls, on its own resources, and nothing else."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.persistence import dynamodb
from botocore import xform_name
from botocore.session import get_session
from samtranslator.public.translator import ManagedPolicyLoader  # type: ignore[import-untyped]
from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from tests.template.stack import ALL_ON, ROOT, ROUTES, Stack

CODE = ROOT / "enricher"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"

#: The modules that call AWS for a route, its destination's before the shared ones.
MODULES = {
    "Siem": ("destinations/sns.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
    "People": ("destinations/sns.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
    "annotate": ("destinations/security_hub_annotate.py", "delivery/source_queue.py"),
    "import": ("destinations/security_hub_import.py", "delivery/dedup_store.py", "delivery/source_queue.py"),
}

#: What Lambda's poller calls in the function's name, and the function's own logs.
PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}

#: Operations whose IAM action has another name.
ACTIONS = {"sns:PublishBatch": "sns:Publish"}


def operations() -> dict[str, str]:
    """Give "service:Operation" by the name of its method, for the services that the code may call."""
    session = get_session()
    services = ("dynamodb", "s3", "securityhub", "sns", "sqs", "ssm")
    return {
        xform_name(operation): f"{service}:{operation}"
        for service in services
        for operation in session.get_service_model(service).operation_names
    }


def called(source: str) -> set[str]:
    """Give the IAM actions of the AWS operations that a module calls on a client."""
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


def waits(source: str) -> bool:
    """Tell whether a module ever asks for a wait of its own before the next attempt."""
    keywords = [node.arg for node in ast.walk(ast.parse(source)) if isinstance(node, ast.keyword)]
    return "wait" in keywords


def needed(mode: str) -> set[str]:
    """Give the actions that the code of a route calls."""
    sources = {name: (CODE / name).read_text(encoding="utf-8") for name in MODULES[mode]}
    actions = {action for source in sources.values() for action in called(source)}
    if "delivery/dedup_store.py" in sources:
        actions |= called(inspect.getsource(dynamodb))
    if not any(waits(source) for source in sources.values()):
        actions.discard("sqs:ChangeMessageVisibility")
    return actions


def stack_of(mode: str, **parameters: str) -> tuple[Stack, str]:
    """Give a stack with the mode's route on, and the route's name."""
    if mode in ("annotate", "import"):
        return Stack(**ALL_ON | {"SecurityHubRoute": mode} | parameters), "SecurityHub"
    return Stack(**ALL_ON | parameters), mode


def actions_of(statements: list[dict[str, Any]]) -> set[str]:
    """Give every action that statements allow."""
    return {
        action
        for row in statements
        for action in ([row["Action"]] if isinstance(row["Action"], str) else row["Action"])
    }


@pytest.mark.parametrize("mode", MODULES)
def test_a_role_allows_exactly_what_the_code_calls(mode: str) -> None:
    """A route's actions are those of the operations that its modules call, and what Lambda itself needs."""
    stack, route = stack_of(mode)
    assert needed(mode) | PLATFORM == actions_of(stack.statements(route))


@pytest.mark.parametrize("mode", MODULES)
def test_every_statement_names_its_resource(mode: str) -> None:
    """No resource of a role holds a wildcard; each is the route's own, or the shared table."""
    stack, route = stack_of(mode, TopicKmsKeyArn=KEY, MappingOverrides="ssm:/guardduty/overrides")
    hub = "arn:aws:securityhub:eu-west-1:111122223333"
    allowed = {
        f"<{route}Logs.Arn>",
        f"<{route}Queue.Arn>",
        f"<{route}DeadLetterQueue.Arn>",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/guardduty/overrides",
        *{
            "annotate": [f"{hub}:hub/default"],
            "import": [f"{hub}:product/111122223333/default", "<RepeatsTable.Arn>"],
        }.get(mode, [f"<{route}Topic>", "<RepeatsTable.Arn>", KEY]),
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
def test_overrides_are_readable_and_nothing_beside_them(
    overrides: str, expected: list[tuple[str, str]]
) -> None:
    """Each function may read the one object or parameter of the overrides, or nothing."""
    stack = Stack(**ALL_ON, MappingOverrides=overrides)
    for route in ROUTES:
        own = [row for row in stack.statements(route) if row["Sid"] == "ReadOverrides"]
        assert expected == [(row["Action"], row["Resource"]) for row in own]


@pytest.mark.parametrize("mode", ["Siem", "People"])
def test_a_key_of_ones_own_may_be_used(mode: str) -> None:
    """With a customer's key on the topics their publishers may use it, and it alone."""
    stack, route = stack_of(mode, TopicKmsKeyArn=KEY)
    own = [row for row in stack.statements(route) if row["Resource"] == KEY]
    assert [["kms:GenerateDataKey", "kms:Decrypt"]] == [row["Action"] for row in own]


def test_handler_exists() -> None:
    """The handler that the template names is a function of a module in the package."""
    module, _, function = Stack().globals["Handler"].rpartition(".")
    tree = ast.parse(Path(ROOT, *module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def policies(expanded: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give every managed policy that a role of an expanded template attaches."""
    for name, resource in expanded["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            yield name, resource["Properties"].get("ManagedPolicyArns")


def test_sam_adds_no_permission_and_loses_no_event_source() -> None:
    """Expanded as the deployment does, the template has our roles only, and one poller for each function."""
    plain = json.loads(json.dumps(_long_template()))
    expanded = transform(plain, {}, _NoPolicies())
    kinds = [resource["Type"] for resource in expanded["Resources"].values()]
    assert {f"{route}Role" for route in ROUTES} == {name for name, _ in policies(expanded)}
    overrides = {"Fn::If": ["HasOverrides", [{"Ref": "OverridesPolicy"}], {"Ref": "AWS::NoValue"}]}
    assert [overrides] * 3 == [attached for _, attached in policies(expanded)]
    assert 3 == kinds.count("AWS::Lambda::EventSourceMapping")


class _NoPolicies(ManagedPolicyLoader):  # type: ignore[misc]  # samtranslator has no types
    """Load no managed policy: the template uses none of AWS's."""

    def __init__(self) -> None:
        super().__init__(None)

    def load(self) -> dict[str, str]:
        return {}


def _long_template() -> dict[str, Any]:
    from tests.template.stack import template

    long: dict[str, Any] = dict(template())
    long["Resources"] = {name: dict(row) for name, row in long["Resources"].items()}
    for resource in long["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"] = {**resource["Properties"], "CodeUri": "s3://bucket/artifact.zip"}
    long["Globals"] = {"Function": {k: v for k, v in long["Globals"]["Function"].items() if k != "CodeUri"}}
    return long
