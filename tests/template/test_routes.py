"""Test that the routes are equal except for the listed differences, and that each has its safeguards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.template.stack import ALL_ON, ROUTES, Stack, template

#: What a route has whether or not it is on: it may hold findings, or is the address of something that does.
KEPT = ("Queue", "QueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy", "Logs")
#: What a route has only while it is on.
SWITCHED = (
    "DeadLetterAlarm",
    "AgeAlarm",
    "StalledAlarm",
    "ErrorAlarm",
    "ThrottleAlarm",
    "UnknownTypeAlarm",
    "DeduplicationAlarm",
    "Role",
    "Function",
)
#: What a route that is on has only with overrides.
WITH_OVERRIDES = ("InvalidOverrideAlarm", "OverridesUnavailableAlarm")
RESOURCES = KEPT + SWITCHED + WITH_OVERRIDES

#: Allowed differences from the SIEM route: path (logical ID without the route's name) -> reason.
DIFFERENCES = {
    "SecurityHub": {
        "Queue/Properties/VisibilityTimeout": "the batching window is added to six timeouts",
        "Queue/Properties/DelaySeconds": "GuardDuty takes minutes to send a finding to Security Hub",
        "Queue/Properties/RedrivePolicy/maxReceiveCount": "lookups of a finding that is not there yet",
        "Role/Properties/Policies/0/PolicyDocument/Statement/3": "its own destination",
        "Role/Properties/Policies/0/PolicyDocument/Statement/4": "deduplication or retry delay, by its mode",
        "AgeAlarm/Properties/Threshold": "annotate looks a finding up again for half an hour",
        "Function/Properties/Environment/Variables/DEDUPLICATION_TABLE": "annotate needs no deduplication",
        "Function/Properties/Environment/Variables/DESTINATION": "its own destination",
        "Function/Properties/Environment/Variables/FORMAT": "Security Hub uses ASFF",
        "Function/Properties/Environment/Variables/TOPIC_ARN": "no topic",
        "Function/Properties/Events/Queue/Properties/BatchSize": "Security Hub accepts 100 findings a call",
        "Function/Properties/Events/Queue/Properties/MaximumBatchingWindowInSeconds": "larger batches",
        "Function/Properties/Events/Queue/Properties/ScalingConfig/MaximumConcurrency": "low API rate",
    },
    "Notification": {
        "Function/Properties/Environment/Variables/FORMAT": "its own format",
        "Function/Properties/Events/Queue/Properties/FilterCriteria": "a minimum severity of its own",
        "Function/Properties/Events/Queue/Properties/ScalingConfig/MaximumConcurrency": "few notifications",
    },
}
NAMES = {"Siem": "siem", "SecurityHub": "security-hub", "Notification": "notification"}
TEXTS = {
    "Siem": ("to the SIEM topic", "the SIEM route"),
    "SecurityHub": ("to Security Hub", "the Security Hub route"),
    "Notification": ("to the notification topic", "the notification route"),
}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return every leaf of a nested value by its path ("/key/0/key")."""
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return {path: value}
    return {key: leaf for name, item in pairs for key, leaf in leaves(item, f"{path}/{name}").items()}


def route_leaves(route: str) -> dict[str, Any]:
    """Return the leaves of a route's resources, with the route's own name replaced."""
    blocks = {name: template()["Resources"][f"{route}{name}"] for name in RESOURCES}
    text = json.dumps(blocks).replace(f'"{NAMES[route]}"', '"ROUTE"').replace(f"-{NAMES[route]}", "-ROUTE")
    for own in TEXTS[route]:
        text = text.replace(own, "ROUTE")
    text = text.replace(f'"{route}', '"ROUTE')
    return {path.lstrip("/"): leaf for path, leaf in leaves(json.loads(text)).items()}


@pytest.mark.parametrize("route", DIFFERENCES)
def test_routes_differ_only_where_listed(route: str) -> None:
    """A route's resources equal the SIEM route's except for the listed differences, all of which exist."""
    own, siem = route_leaves(route), route_leaves("Siem")
    different = {path for path in own.keys() | siem.keys() if own.get(path) != siem.get(path)}
    unlisted = {path for path in different if not path.startswith(tuple(DIFFERENCES[route]))}
    unused = {path for path in DIFFERENCES[route] if not any(other.startswith(path) for other in different)}
    assert (set(), set()) == (unlisted, unused)


def test_every_resource_belongs_to_a_route_or_is_shared() -> None:
    """The template has the routes' resources, their topics, what they share, operations, and no others."""
    shared = {
        "FindingRule",
        "EventBridgeDeadLetterQueue",
        "EventBridgeDeadLetterQueuePolicy",
        "EventBridgeDeadLetterAlarm",
        "DeduplicationTable",
        "OverridesPolicy",
        "AccountNamesPolicy",
        "VpcPolicy",
        "TracingPolicy",
    }
    topics = {f"{route}Topic{name}" for route in ("Siem", "Notification") for name in ("", "Policy", "Alarm")}
    topics.add("NotificationEmailSubscription")
    routes = {f"{route}{name}" for route in ROUTES for name in RESOURCES}
    assert shared | topics | routes == template()["Resources"].keys() - OPERATIONS


#: Tested in test_operations.py.
OPERATIONS = {
    "OperationsTopic",
    "OperationsTopicPolicy",
    "OperationsEmailSubscription",
    "OperationsDashboard",
    "ChangeRule",
    "DriftWatchLogs",
    "DriftWatchRole",
    "DriftWatchFunction",
    "DriftWatchErrorAlarm",
    "NoFindingsAlarm",
    "NotForwardedQuery",
    "FindingHistoryQuery",
    "DeadLetterReasonsQuery",
    "UnknownTypesQuery",
    "ForwardedQuery",
}


@pytest.mark.parametrize("overrides", ["", "ssm:/guardduty/overrides"])
@pytest.mark.parametrize(
    ("parameters", "on"),
    [
        ({}, {"Siem"}),
        (ALL_ON, set(ROUTES)),
        ({"SiemRoute": "off", "SecurityHubRoute": "import"}, {"SecurityHub"}),
        ({"SiemRoute": "off", "NotificationRoute": "chat"}, {"Notification"}),
    ],
    ids=["defaults", "all", "security-hub", "notification"],
)
def test_a_route_that_is_off_keeps_what_holds_findings(
    parameters: dict[str, str], on: set[str], overrides: str
) -> None:
    """A route always has its queues, topic, policies and logs; function, role and alarms if it is on."""
    present = Stack(**parameters, MappingOverrides=overrides).resources.keys()
    expected = {f"{route}{name}" for route in ROUTES for name in KEPT}
    expected |= {f"{route}{name}" for route in on for name in SWITCHED}
    expected |= {f"{route}{name}" for route in on for name in WITH_OVERRIDES if overrides}
    assert expected == {f"{route}{name}" for route in ROUTES for name in RESOURCES} & present
    for route in ("Siem", "Notification"):
        assert {f"{route}Topic", f"{route}TopicPolicy"} <= present
        assert (route in on) is (f"{route}TopicAlarm" in present)


def test_what_holds_findings_or_subscriptions_survives_the_stack() -> None:
    """Queues, topics and the table are retained on deletion and replacement, except for a failed creation.

    moto deletes them nevertheless, so that only the template can be tested.
    """
    holders = {
        name: row
        for name, row in template()["Resources"].items()
        if row["Type"] in ("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::DynamoDB::Table")
    }
    assert len(holders) == 11
    assert dict.fromkeys(holders, ("RetainExceptOnCreate", "Retain")) == {
        name: (row.get("DeletionPolicy"), row.get("UpdateReplacePolicy")) for name, row in holders.items()
    }


def test_log_groups_cannot_make_a_creation_fail() -> None:
    """A log group has no name of its own and is deleted with the stack: none is in a later stack's way."""
    groups = {
        name: row for name, row in template()["Resources"].items() if row["Type"] == "AWS::Logs::LogGroup"
    }
    assert groups
    for row in groups.values():
        assert ("Delete", "Delete") == (row["DeletionPolicy"], row["UpdateReplacePolicy"])
        assert "LogGroupName" not in row["Properties"]


def test_no_resource_that_is_retained_has_a_name() -> None:
    """A retained queue, topic or table must not occupy the name that the next stack would use."""
    names = {"QueueName", "TopicName", "TableName"}
    assert not [name for name, row in template()["Resources"].items() if names & row["Properties"].keys()]


def test_only_annotate_waits_for_guarddutys_own_finding() -> None:
    """SecurityHubDelay delays annotate, which looks a finding up; import looks for nothing."""
    delays = {
        mode: Stack(SecurityHubRoute=mode, SecurityHubDelay="120").properties("SecurityHubQueue")[
            "DelaySeconds"
        ]
        for mode in ("annotate", "import")
    }
    assert {"annotate": "120", "import": 0} == delays


@pytest.mark.parametrize("route", ROUTES)
def test_visibility_timeout_exceeds_the_function_timeout(route: str) -> None:
    """The visibility timeout is six times the function's timeout plus its batching window."""
    stack = Stack(**ALL_ON)
    function = stack.function(route)
    window = function["Events"]["Queue"]["Properties"].get("MaximumBatchingWindowInSeconds", 0)
    assert 6 * function["Timeout"] + window == stack.properties(f"{route}Queue")["VisibilityTimeout"]


@pytest.mark.parametrize("route", ROUTES)
def test_a_message_is_retried_for_an_hour(route: str) -> None:
    """A message is received for at least an hour before it moves to the dead-letter queue."""
    queue = Stack(**ALL_ON).properties(f"{route}Queue")
    receives = queue["RedrivePolicy"]["maxReceiveCount"] - (6 if route == "SecurityHub" else 0)
    assert receives * queue["VisibilityTimeout"] >= 3600


@pytest.mark.parametrize("route", ROUTES)
def test_first_dead_lettered_message_raises_an_alarm(route: str) -> None:
    """A route's alarm goes off at the first message in its dead-letter queue; missing data is OK."""
    stack = Stack(**ALL_ON)
    assert (
        f"<{route}DeadLetterQueue.Arn>"
        == stack.properties(f"{route}Queue")["RedrivePolicy"]["deadLetterTargetArn"]
    )
    assert_alarms_at_first_message(
        stack.properties(f"{route}DeadLetterAlarm"), f"<{route}DeadLetterQueue.QueueName>"
    )


def test_first_event_that_eventbridge_could_not_deliver_raises_an_alarm() -> None:
    """The alarm of the EventBridge dead-letter queue goes off at the first message."""
    stack = Stack()
    assert_alarms_at_first_message(
        stack.properties("EventBridgeDeadLetterAlarm"), "<EventBridgeDeadLetterQueue.QueueName>"
    )


def assert_alarms_at_first_message(alarm: dict[str, Any], queue: str) -> None:
    """Assert all properties of an alarm except its description."""
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
        "AlarmActions": ["<OperationsTopic>"],
    }
    assert expected == {key: item for key, item in alarm.items() if key != "AlarmDescription"}


def test_queues_are_encrypted_and_retain_messages_for_14_days() -> None:
    """Every queue is encrypted, by SQS or with the given key, and has the maximum retention, 14 days."""
    key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
    for parameters, expected in (({}, (True, None)), ({"KmsKeyArn": key}, (False, key))):
        queues = Stack(**ALL_ON | parameters).of_type("AWS::SQS::Queue")
        assert dict.fromkeys(queues, (1_209_600, *expected)) == {
            name: (row["MessageRetentionPeriod"], row["SqsManagedSseEnabled"], row.get("KmsMasterKeyId"))
            for name, row in queues.items()
        }
        assert len(queues) == 7


def test_a_queue_policy_admits_the_rule_and_requires_tls() -> None:
    """Every queue has one policy: TLS only; where EventBridge sends, only this stack's rule may."""
    stack = Stack(**ALL_ON)
    policies = stack.of_type("AWS::SQS::QueuePolicy")
    assert {f"{name}Policy" for name in stack.of_type("AWS::SQS::Queue")} == policies.keys()
    for name, policy in policies.items():
        queue = name.removesuffix("Policy")
        statements = {row["Sid"]: row for row in policy["PolicyDocument"]["Statement"]}
        expected = {"TlsOnly": deny_without_tls("sqs:*", f"<{queue}.Arn>")}
        if queue == "EventBridgeDeadLetterQueue" or not queue.endswith("DeadLetterQueue"):
            expected["AllowRule"] = {
                "Sid": "AllowRule",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": f"<{queue}.Arn>",
                "Condition": {"ArnEquals": {"aws:SourceArn": "<FindingRule.Arn>"}},
            }
        assert ([f"<{queue}>"], expected) == (policy["Queues"], statements)


def deny_without_tls(action: str, resource: str) -> dict[str, Any]:
    """Return the policy statement that denies calls without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_topics_are_encrypted_and_only_siem_account_may_subscribe() -> None:
    """Topics use the SNS key or the given one, deny calls without TLS, let only SiemAccount subscribe."""
    plain = Stack(**ALL_ON)
    key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
    own = Stack(**ALL_ON, KmsKeyArn=key, SiemAccount="444455556666")
    for topic in ("SiemTopic", "NotificationTopic"):
        keys = ("alias/aws/sns", key)
        assert keys == tuple(stack.properties(topic)["KmsMasterKeyId"] for stack in (plain, own))
        tls = deny_without_tls("sns:Publish", f"<{topic}>")
        assert [tls] == plain.properties(f"{topic}Policy")["PolicyDocument"]["Statement"]
    subscribe = {
        "Sid": "AllowSiemAccount",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
        "Action": "sns:Subscribe",
        "Resource": "<SiemTopic>",
    }
    assert subscribe == own.properties("SiemTopicPolicy")["PolicyDocument"]["Statement"][1]
    assert len(own.properties("NotificationTopicPolicy")["PolicyDocument"]["Statement"]) == 1


@pytest.mark.parametrize("route", ROUTES)
def test_functions_report_batch_item_failures(route: str) -> None:
    """Every function reports failed records one by one, and has the runtime of the artifact."""
    function = Stack(**ALL_ON).function(route)
    source = function["Events"]["Queue"]["Properties"]
    assert ["ReportBatchItemFailures"] == source["FunctionResponseTypes"]
    assert f"<{route}Queue.Arn>" == source["Queue"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2  # the minimum that Lambda accepts
    assert ("python3.13", ["arm64"]) == (function["Runtime"], function["Architectures"])
    assert ["x86_64"] == Stack(**ALL_ON, Architecture="x86_64").function(route)["Architectures"]


def test_deduplication_table_has_the_schema_of_powertools() -> None:
    """The table is on demand, encrypted, has a TTL, and the key schema that Powertools requires.

    moto expires nothing, so that only the template can be tested.
    """
    table = Stack().properties("DeduplicationTable")
    key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
    own = Stack(KmsKeyArn=key).properties("DeduplicationTable")["SSESpecification"]
    assert {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} == own
    assert {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
    } == table


@pytest.mark.parametrize("route", ROUTES)
def test_log_groups_have_the_chosen_retention(route: str) -> None:
    """A function writes to the log group of the template, which has the chosen retention."""
    stack = Stack(**ALL_ON, LogRetentionDays="30")
    assert f"<{route}Logs>" == stack.function(route)["LoggingConfig"]["LogGroup"]
    assert stack.properties(f"{route}Logs")["RetentionInDays"] == "30"


def test_invalid_combinations_of_parameters_are_rejected() -> None:
    """A stack with every route off, or with an e-mail address and no text route, fails validation."""
    rules = template()["Rules"]

    def allowed(**parameters: str) -> list[bool]:
        stack = Stack(**parameters)
        checked = [row for row in rules.values() if stack.resolve(row.get("RuleCondition", True))]
        return [stack.resolve(part["Assert"]) for row in checked for part in row["Assertions"]]

    topic = "arn:aws:sns:eu-west-1:111122223333:alarms"
    subnets, groups = {"VpcSubnetIds": "subnet-0a,subnet-0b"}, {"VpcSecurityGroupIds": "sg-0a"}
    assert [True] == allowed()
    assert [False] == allowed(SiemRoute="off")
    assert [True, True] == allowed(NotificationEmail="soc@example.com")
    assert [True, True] == allowed(OperationsTopicArn=topic)
    assert [True, False] == allowed(OperationsTopicArn=topic, OperationsEmail="ops@example.com")
    assert [True, True, True] == allowed(**subnets, **groups)
    assert [[True, False]] * 2 == [allowed(**subnets), allowed(**groups)]
    assert [True, True] == allowed(NotificationRoute="text", NotificationEmail="soc@example.com")
    assert [True, False] == allowed(NotificationRoute="chat", NotificationEmail="soc@example.com")
