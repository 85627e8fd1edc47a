"""Test the `redrive` command: both kinds of dead-letter queue, interruptions, and what stays."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from enricher.cli import main
from enricher.operations import redrive
from enricher.operations.stack import DEFAULT_STACK, ROUTES
from tests.operations.deployed import (
    AfterwardsInterrupted,
    Deployed,
    deployed,
    finding,
    output_names,
    refused,
)
from tests.template.stack import ROOT


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """Return a deployed stack; long polling returns at once."""
    monkeypatch.setattr(redrive, "POLL", 0)
    with deployed() as found:
        yield found


def ids(messages: list[dict[str, Any]]) -> list[str]:
    """Return the finding ids of messages, sorted."""
    return sorted(json.loads(row["Body"])["detail"]["id"] for row in messages)


def test_template_has_every_output_that_the_commands_read() -> None:
    """The names of queues and topics that the commands read must be outputs of the template."""
    names = {f"{prefix}{part}" for prefix in ROUTES.values() for part in ("QueueUrl", "QueueArn")}
    names |= {f"{prefix}DeadLetterQueueUrl" for prefix in ROUTES.values()}
    names |= {"SiemTopicArn", "NotificationTopicArn", "EventBridgeDeadLetterQueueUrl"}
    assert set() == names - output_names()


def test_default_stack_is_the_one_that_sam_deploys() -> None:
    """The default of --stack must be the stack's name in samconfig.toml."""
    saved = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert DEFAULT_STACK == saved["default"]["global"]["parameters"]["stack_name"]


def test_each_message_goes_back_to_its_route_without_its_reason(stack: Deployed) -> None:
    """Every message must be moved to the queue of its own route; only its attribute resend be kept."""
    for number in range(23):
        stack.put("SiemDeadLetterQueueUrl", finding(number), reason="AccessDenied")
    stack.put("NotificationDeadLetterQueueUrl", finding(90), reason="no", resend="run-1")
    assert 0 == main(["redrive"])
    moved = stack.take("SiemQueueUrl")
    assert [f"{number:032x}" for number in range(23)] == ids(moved)
    assert not [row for row in moved if row.get("MessageAttributes")]
    [other] = stack.take("NotificationQueueUrl")
    assert {"resend": "run-1"} == {
        key: value["StringValue"] for key, value in other["MessageAttributes"].items()
    }
    stack.show_hidden("SiemDeadLetterQueueUrl")
    assert [] == stack.take("SiemDeadLetterQueueUrl")


def test_events_of_eventbridge_go_to_the_queue_that_they_name(
    stack: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """An event must go to the queue of its TARGET_ARN, and stay if that is not a queue of the stack."""
    for number, queue in enumerate(("SecurityHubQueueArn", "SiemQueueArn")):
        stack.put("EventBridgeDeadLetterQueueUrl", finding(number), TARGET_ARN=stack.outputs[queue])
    stack.put(
        "EventBridgeDeadLetterQueueUrl", finding(2), TARGET_ARN="arn:aws:sqs:eu-west-1:111122223333:x\ny"
    )
    assert 1 == main(["redrive", "--queue", "eventbridge"])
    assert [f"{0:032x}"] == ids(stack.take("SecurityHubQueueUrl"))
    assert [f"{1:032x}"] == ids(stack.take("SiemQueueUrl"))
    output = capsys.readouterr().out
    assert "eventbridge: 2 moved" in output
    assert "1 x TARGET_ARN is arn:aws:sqs:eu-west-1:111122223333:x y: not a queue of this stack" in output
    stack.show_hidden("EventBridgeDeadLetterQueueUrl")
    assert [f"{2:032x}"] == ids(stack.take("EventBridgeDeadLetterQueueUrl"))


def test_route_that_is_off_keeps_its_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing may be moved to the queue of a route that is off, where it would wait and expire unread."""
    with deployed(SecurityHubRoute="off") as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(redrive, "POLL", 0)
        stack.put("SecurityHubDeadLetterQueueUrl", finding(1))
        assert 1 == main(["redrive"])
        assert [] == stack.take("SecurityHubQueueUrl")
    assert "1 x the route security-hub is off" in capsys.readouterr().out


@pytest.mark.parametrize("operation", ["ReceiveMessage", "SendMessageBatch", "DeleteMessageBatch"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), AfterwardsInterrupted()], ids=["before", "after"])
def test_interruption_at_any_call_loses_nothing(
    stack: Deployed, operation: str, fault: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted before or after any call and run again, every finding must be in the route's queue."""
    for number in range(25):
        stack.put("SiemDeadLetterQueueUrl", finding(number))
    stack.faults[operation] = [None, fault]
    assert 130 == main(["redrive", "--queue", "siem"])
    assert "nothing is lost" in capsys.readouterr().err
    stack.show_hidden("SiemDeadLetterQueueUrl")
    assert 0 == main(["redrive", "--queue", "siem"])
    assert {f"{number:032x}" for number in range(25)} == set(ids(stack.take("SiemQueueUrl")))
    stack.show_hidden("SiemDeadLetterQueueUrl")
    assert [] == stack.take("SiemDeadLetterQueueUrl")


@pytest.mark.parametrize(
    "answer",
    [{}, {"Successful": [], "Failed": [{"Id": str(n), "Code": "InternalError"} for n in range(10)]}],
    ids=["not of AWS", "failed"],
)
def test_message_whose_copy_is_not_confirmed_stays(
    stack: Deployed, answer: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A message must be deleted only if SQS confirmed its copy; an empty answer confirms nothing."""
    for number in range(10):
        stack.put("SiemDeadLetterQueueUrl", finding(number))
    stack.faults["SendMessageBatch"] = [answer]
    assert 1 == main(["redrive", "--queue", "siem"])
    assert [] == stack.named("DeleteMessageBatch")
    assert "kept: 10 x " in capsys.readouterr().out
    stack.show_hidden("SiemDeadLetterQueueUrl")
    assert 10 == len(stack.take("SiemDeadLetterQueueUrl"))


def test_message_that_comes_back_stays(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that fails again while the command runs must not be moved again in the same run."""
    stack.put("SiemDeadLetterQueueUrl", finding(1))
    monkeypatch.setattr(redrive, "VISIBILITY", 0)
    monkeypatch.setattr(redrive, "_milliseconds", lambda _: 1.0)
    assert 0 == main(["redrive", "--queue", "siem"])
    assert [] == stack.take("SiemQueueUrl")


def test_resend_has_one_id_per_run(stack: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    """--resend must give all messages of a run the same id, which is printed; a given id is used."""
    for number in range(12):
        stack.put("SiemDeadLetterQueueUrl", finding(number), resend="older")
    assert 0 == main(["redrive", "--queue", "siem", "--resend"])
    rows = stack.take("SiemQueueUrl")
    [(run, number)] = Counter(row["MessageAttributes"]["resend"]["StringValue"] for row in rows).items()
    assert 12 == number
    assert f"resend: {run}" in capsys.readouterr().err
    stack.put("SiemDeadLetterQueueUrl", finding(1))
    assert 0 == main(["redrive", "--queue", "siem", "--resend", run])
    assert [run] == [row["MessageAttributes"]["resend"]["StringValue"] for row in stack.take("SiemQueueUrl")]


def test_large_messages_are_sent_within_the_limit_of_a_batch(stack: Deployed) -> None:
    """Bodies that do not fit one call together must be sent in several."""
    for number in range(4):
        stack.put("SiemDeadLetterQueueUrl", finding(number) | {"pad": "x" * 100_000})
    assert 0 == main(["redrive", "--queue", "siem"])
    assert [2, 2] == [len(call["Entries"]) for call in stack.named("SendMessageBatch")]
    assert 4 == len(stack.take("SiemQueueUrl"))


def test_dry_run_changes_nothing(stack: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run must print number and reasons, and leave every message visible."""
    stack.put("SiemDeadLetterQueueUrl", finding(1), reason="AccessDenied: sns:Publish\nnext")
    stack.put("EventBridgeDeadLetterQueueUrl", finding(2), ERROR_CODE="NO_PERMISSIONS")
    assert 0 == main(["redrive", "--dry-run"])
    output = capsys.readouterr().out
    assert (
        "siem: about 1 messages, 0 more hidden\n  of the first few: 1 x AccessDenied: sns:Publish next"
        in output
    )
    assert "1 x NO_PERMISSIONS" in output
    assert {"GetQueueAttributes", "ReceiveMessage"} == {
        name for name, _ in stack.calls if name not in ("DescribeStacks", "SendMessage")
    }
    assert 1 == len(stack.take("SiemDeadLetterQueueUrl"))


def test_messages_hidden_by_an_earlier_run_are_told(
    stack: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages that another receiver holds must be named and fail the command, which did not see them."""
    stack.put("SiemDeadLetterQueueUrl", finding(1))
    stack.sqs.receive_message(QueueUrl=stack.outputs["SiemDeadLetterQueueUrl"], VisibilityTimeout=60)
    assert 1 == main(["redrive", "--queue", "siem"])
    assert "1 are hidden by another receiver" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (refused("AccessDenied", message="not authorized to perform: cloudformation:DescribeStacks"),
         "allow DescribeStacks for this identity"),
        (refused("ExpiredToken"), "sign in again"),
        ({}, "not from AWS"),
    ],
)  # fmt: skip
def test_error_of_aws_is_one_line_with_its_remedy(
    stack: Deployed, fault: object, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error must be one line that says what failed and what to do, and the exit code 2."""
    stack.faults["DescribeStacks"] = [fault]
    assert 2 == main(["redrive"])
    [line] = capsys.readouterr().err.splitlines()
    assert expected in line


def test_unknown_stack_is_named_with_its_region(stack: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack that does not exist must be named with the Region that was asked."""
    assert 2 == main(["redrive", "--stack", "other"])
    assert "no stack other in eu-west-1: check --stack" in capsys.readouterr().err
