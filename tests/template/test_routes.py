"""The three routes are equal but for their stated differences, and each is guarded as the design says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.template.stack import ALL_ON, ROUTES, Stack, template

RESOURCES = (
    "Queue",
    "QueuePolicy",
    "DeadLetterQueue",
    "DeadLetterQueuePolicy",
    "DeadLetterAlarm",
    "Logs",
    "Role",
    "Function",
)

#: Where a route may differ from the SIEM's, by path from the resource's name without its route.
DIFFERENCES = {
    "SecurityHub": {
        "Queue/Properties/VisibilityTimeout": "a batching window comes on top of the function's time",
        "Queue/Properties/DelaySeconds": "GuardDuty needs minutes to bring a finding to Security Hub",
        "Queue/Properties/RedrivePolicy/maxReceiveCount": "the looks for a finding that is not there yet",
        "Role/Properties/Policies/0/PolicyDocument/Statement/3": "its own destination",
        "Role/Properties/Policies/0/PolicyDocument/Statement/4": "repeats or waiting, by its mode",
        "Role/Properties/Policies/0/PolicyDocument/Statement/5": "no topic, so no key of one",
        "Function/Properties/Environment/Variables/REPEATS_TABLE": "annotation needs no memory",
        "Function/Properties/Environment/Variables/DESTINATION": "its own destination",
        "Function/Properties/Environment/Variables/FORMAT": "Security Hub has its own format",
        "Function/Properties/Environment/Variables/TOPIC_ARN": "no topic",
        "Function/Properties/Events/Queue/Properties/BatchSize": "Security Hub takes 100 findings a call",
        "Function/Properties/Events/Queue/Properties/MaximumBatchingWindowInSeconds": "fuller batches",
        "Function/Properties/Events/Queue/Properties/ScalingConfig/MaximumConcurrency": "few calls a second",
    },
    "People": {
        "Function/Properties/Environment/Variables/FORMAT": "its own format",
        "Function/Properties/Events/Queue/Properties/FilterCriteria": "a minimum severity of its own",
        "Function/Properties/Events/Queue/Properties/ScalingConfig/MaximumConcurrency": "few readers",
    },
}
NAMES = {"Siem": "siem", "SecurityHub": "security-hub", "People": "people"}
PLACES = {"Siem": "to the SIEM's topic", "SecurityHub": "to Security Hub", "People": "to the people's topic"}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Give every leaf of a nested value by its path."""
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return {path: value}
    return {key: leaf for name, item in pairs for key, leaf in leaves(item, f"{path}/{name}").items()}


def route_leaves(route: str) -> dict[str, Any]:
    """Give the leaves of a route's resources with the route's own name taken out."""
    blocks = {name: template()["Resources"][f"{route}{name}"] for name in RESOURCES}
    text = json.dumps(blocks).replace(f'"{NAMES[route]}"', '"ROUTE"').replace(f"-{NAMES[route]}", "-ROUTE")
    text = text.replace(PLACES[route], "PLACE").replace(f'"{route}', '"ROUTE')
    return {path.lstrip("/"): leaf for path, leaf in leaves(json.loads(text)).items()}


@pytest.mark.parametrize("route", DIFFERENCES)
def test_routes_differ_only_where_stated(route: str) -> None:
    """A route's resources equal the SIEM route's but for the listed differences, which do differ."""
    own, siem = route_leaves(route), route_leaves("Siem")
    different = {path for path in own.keys() | siem.keys() if own.get(path) != siem.get(path)}
    unstated = {path for path in different if not path.startswith(tuple(DIFFERENCES[route]))}
    idle = {place for place in DIFFERENCES[route] if not any(path.startswith(place) for path in different)}
    assert (set(), set()) == (unstated, idle)


def test_every_resource_is_of_a_route_or_shared() -> None:
    """The template holds the routes' resources, their topics and what they share, and no more."""
    shared = {
        "FindingRule",
        "UndeliveredQueue",
        "UndeliveredQueuePolicy",
        "UndeliveredAlarm",
        "RepeatsTable",
        "OverridesPolicy",
    }
    topics = {"SiemTopic", "SiemTopicPolicy", "PeopleTopic", "PeopleTopicPolicy", "PeopleEmailSubscription"}
    routes = {f"{route}{name}" for route in ROUTES for name in RESOURCES}
    assert shared | topics | routes == template()["Resources"].keys()


@pytest.mark.parametrize(
    ("parameters", "on"),
    [
        ({}, {"Siem"}),
        (ALL_ON, set(ROUTES)),
        ({"SiemRoute": "off", "SecurityHubRoute": "import"}, {"SecurityHub"}),
        ({"SiemRoute": "off", "PeopleRoute": "chat"}, {"People"}),
    ],
    ids=str,
)
def test_a_route_is_there_whole_or_not_at_all(parameters: dict[str, str], on: set[str]) -> None:
    """A route that is on has all its resources, one that is off has none."""
    present = Stack(**parameters).resources.keys()
    expected = {f"{route}{name}" for route in on for name in RESOURCES}
    assert expected == {f"{route}{name}" for route in ROUTES for name in RESOURCES} & present
    assert {route for route in ("Siem", "People") if route in on} == {
        route for route in ("Siem", "People") if f"{route}Topic" in present
    }


@pytest.mark.parametrize("route", ROUTES)
def test_visibility_outlasts_the_function(route: str) -> None:
    """A message stays hidden for six times the function's time limit and its batching window."""
    stack = Stack(**ALL_ON)
    function = stack.function(route)
    window = function["Events"]["Queue"]["Properties"].get("MaximumBatchingWindowInSeconds", 0)
    assert 6 * function["Timeout"] + window == stack.properties(f"{route}Queue")["VisibilityTimeout"]


@pytest.mark.parametrize("route", ROUTES)
def test_an_outage_of_an_hour_is_ridden_out(route: str) -> None:
    """Retried at its own pace, a message is received for an hour before it is set aside."""
    queue = Stack(**ALL_ON).properties(f"{route}Queue")
    receives = queue["RedrivePolicy"]["maxReceiveCount"] - (6 if route == "SecurityHub" else 0)
    assert receives * queue["VisibilityTimeout"] >= 3600


@pytest.mark.parametrize("route", ROUTES)
def test_one_message_set_aside_rings(route: str) -> None:
    """The dead-letter queue of a route's queue alarms at its first message; an empty one is calm."""
    stack = Stack(**ALL_ON, AlarmTopicArn="arn:aws:sns:eu-west-1:111122223333:alarms")
    assert (
        f"<{route}DeadLetterQueue.Arn>"
        == stack.properties(f"{route}Queue")["RedrivePolicy"]["deadLetterTargetArn"]
    )
    assert_rings_at_first(stack.properties(f"{route}DeadLetterAlarm"), f"<{route}DeadLetterQueue.QueueName>")


def test_one_undelivered_event_rings() -> None:
    """A finding that EventBridge could not deliver alarms too."""
    stack = Stack(AlarmTopicArn="arn:aws:sns:eu-west-1:111122223333:alarms")
    assert_rings_at_first(stack.properties("UndeliveredAlarm"), "<UndeliveredQueue.QueueName>")


def assert_rings_at_first(alarm: dict[str, Any], queue: str) -> None:
    """Assert all of an alarm's settings but its words."""
    expected = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": ["arn:aws:sns:eu-west-1:111122223333:alarms"],
    }
    assert expected == {key: item for key, item in alarm.items() if key != "AlarmDescription"}


def test_alarms_need_no_topic() -> None:
    """Without AlarmTopicArn the alarms exist and notify nobody."""
    alarms = Stack(**ALL_ON).of_type("AWS::CloudWatch::Alarm")
    assert (4, set()) == (len(alarms), {name for name, alarm in alarms.items() if "AlarmActions" in alarm})


def test_queues_keep_messages_as_long_as_they_can_and_encrypted() -> None:
    """Every queue is encrypted and keeps a message for 14 days."""
    queues = Stack(**ALL_ON).of_type("AWS::SQS::Queue")
    expected = dict.fromkeys(queues, (1_209_600, True))
    assert expected == {
        name: (row["MessageRetentionPeriod"], row["SqsManagedSseEnabled"]) for name, row in queues.items()
    }
    assert len(queues) == 7


def test_only_the_rule_sends_and_only_over_tls() -> None:
    """Every queue has one policy: TLS only, and on those the rule fills, that rule alone may send."""
    stack = Stack(**ALL_ON)
    policies = stack.of_type("AWS::SQS::QueuePolicy")
    assert {f"{name}Policy" for name in stack.of_type("AWS::SQS::Queue")} == policies.keys()
    for name, policy in policies.items():
        queue = name.removesuffix("Policy")
        statements = {row["Sid"]: row for row in policy["PolicyDocument"]["Statement"]}
        expected = {"TlsOnly": deny_without_tls("sqs:*", f"<{queue}.Arn>")}
        if not queue.endswith("DeadLetterQueue"):
            expected["OnlyTheRuleSends"] = {
                "Sid": "OnlyTheRuleSends",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": f"<{queue}.Arn>",
                "Condition": {"ArnEquals": {"aws:SourceArn": "<FindingRule.Arn>"}},
            }
        assert ([f"<{queue}>"], expected) == (policy["Queues"], statements)


def deny_without_tls(action: str, resource: str) -> dict[str, Any]:
    """Give the statement that refuses calls without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_topics_are_encrypted_and_open_to_the_named_account_only() -> None:
    """Topics use SNS's key or the given one, refuse calls without TLS, let only SiemAccount subscribe."""
    plain = Stack(**ALL_ON)
    key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
    own = Stack(**ALL_ON, TopicKmsKeyArn=key, SiemAccount="444455556666")
    for topic in ("SiemTopic", "PeopleTopic"):
        keys = ("alias/aws/sns", key)
        assert keys == tuple(stack.properties(topic)["KmsMasterKeyId"] for stack in (plain, own))
        tls = deny_without_tls("sns:Publish", f"<{topic}>")
        assert [tls] == plain.properties(f"{topic}Policy")["PolicyDocument"]["Statement"]
    subscribe = {
        "Sid": "SiemSubscribes",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
        "Action": "sns:Subscribe",
        "Resource": "<SiemTopic>",
    }
    assert subscribe == own.properties("SiemTopicPolicy")["PolicyDocument"]["Statement"][1]
    assert len(own.properties("PeopleTopicPolicy")["PolicyDocument"]["Statement"]) == 1


@pytest.mark.parametrize("route", ROUTES)
def test_a_batch_fails_record_by_record(route: str) -> None:
    """Every function reports failed records, on the runtime that the artifact is built for."""
    function = Stack(**ALL_ON).function(route)
    source = function["Events"]["Queue"]["Properties"]
    assert ["ReportBatchItemFailures"] == source["FunctionResponseTypes"]
    assert f"<{route}Queue.Arn>" == source["Queue"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2  # the least that Lambda takes
    assert ("python3.13", ["arm64"]) == (function["Runtime"], function["Architectures"])


def test_repeats_table_is_as_powertools_wants_it() -> None:
    """The table is on demand, encrypted, forgets by itself and has Powertools' key."""
    table = Stack().properties("RepeatsTable")
    assert {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
    } == table


@pytest.mark.parametrize("route", ROUTES)
def test_logs_go_where_retention_is_set(route: str) -> None:
    """A function writes to the log group that the template makes, which forgets after the chosen days."""
    stack = Stack(**ALL_ON, LogRetentionDays="30")
    assert f"<{route}Logs>" == stack.function(route)["LoggingConfig"]["LogGroup"]
    assert stack.properties(f"{route}Logs")["RetentionInDays"] == "30"


def test_no_route_at_all_is_refused() -> None:
    """A stack with every route off, or a mail address without text messages, is refused before it is made."""
    rules = template()["Rules"]

    def allowed(**parameters: str) -> list[bool]:
        stack = Stack(**parameters)
        checked = [row for row in rules.values() if stack.resolve(row.get("RuleCondition", True))]
        return [stack.resolve(part["Assert"]) for row in checked for part in row["Assertions"]]

    assert [True] == allowed()
    assert [False] == allowed(SiemRoute="off")
    assert [True, True] == allowed(PeopleRoute="text", PeopleEmail="soc@example.com")
    assert [True, False] == allowed(PeopleRoute="chat", PeopleEmail="soc@example.com")
