"""Test that somebody is told of failures: alarms, operations topic, dashboard, saved queries and outputs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import enricher
from tests.template.stack import ALL_ON, ROOT, ROUTES, Stack, template
from tests.template.test_routes import NAMES, deny_without_tls

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
OWN_TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
EVERYTHING = {**ALL_ON, "MappingOverrides": "ssm:/guardduty/overrides", "NoFindingsHours": "24"}
CODE = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "enricher").rglob("*.py")))

#: An alarm of a route -> its metric, the dimension that names the route's own resource, and its threshold.
ROUTE_ALARMS = {
    "DeadLetterAlarm": ("ApproximateNumberOfMessagesVisible", "<{0}DeadLetterQueue.QueueName>", 1),
    "AgeAlarm": ("ApproximateAgeOfOldestMessage", "<{0}Queue.QueueName>", 900),
    "ErrorAlarm": ("Errors", "<{0}Function>", 1),
    "ThrottleAlarm": ("Throttles", "<{0}Function>", 1),
    "UnknownTypeAlarm": ("UnknownFindingType", "{1}", 1),
    "DeduplicationAlarm": ("DeduplicationUnavailable", "{1}", 1),
    "InvalidOverrideAlarm": ("InvalidOverride", "{1}", 1),
    "OverridesUnavailableAlarm": ("OverridesUnavailable", "{1}", 1),
}


def alarms(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a stack's alarms, by logical ID."""
    return Stack(**EVERYTHING | parameters).of_type("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ROUTE_ALARMS)
def test_alarm_watches_its_own_route(name: str, route: str) -> None:
    """A route's alarm watches the metric of that route's own queue, function or dimension."""
    metric, target, threshold = ROUTE_ALARMS[name]
    alarm = alarms()[f"{route}{name}"]
    if (name, route) == ("AgeAlarm", "SecurityHub"):
        threshold = 3600
    assert (metric, threshold, "GreaterThanOrEqualToThreshold", "notBreaching") == tuple(
        alarm[key] for key in ("MetricName", "Threshold", "ComparisonOperator", "TreatMissingData")
    )
    assert target.format(route, NAMES[route]) in [row["Value"] for row in alarm["Dimensions"]]


@pytest.mark.parametrize("route", ROUTES)
def test_custom_metrics_have_the_dimensions_of_the_function(route: str) -> None:
    """An alarm on a metric of ours has the namespace and dimensions that the function emits it with."""
    stack = Stack(**EVERYTHING)
    variables = stack.function(route)["Environment"]["Variables"]
    own = [
        row
        for name, row in stack.of_type("AWS::CloudWatch::Alarm").items()
        if name.startswith(route) and row.get("Namespace") == variables["POWERTOOLS_METRICS_NAMESPACE"]
    ]
    expected = [
        {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]},
        {"Name": "route", "Value": variables["ROUTE"]},
    ]
    assert [expected] * 4 == [row["Dimensions"] for row in own]
    assert all(f'"{row["MetricName"]}"' in CODE for row in own), "the code emits no such metric"


def test_every_alarm_notifies_the_operations_topic() -> None:
    """Every alarm notifies the stack's own topic, or the one given instead; none is silent."""
    for expected, parameters in (("<OperationsTopic>", {}), (OWN_TOPIC, {"OperationsTopicArn": OWN_TOPIC})):
        rows = alarms(**parameters)
        assert {name: [expected] for name in rows} == {
            name: row["AlarmActions"] for name, row in rows.items()
        }


def test_alarm_periods_are_within_the_limits_of_cloudwatch() -> None:
    """Period times evaluation periods is at most a day, or seven days for periods of an hour and more."""
    longest = str(template()["Parameters"]["NoFindingsHours"]["MaxValue"])
    for name, row in alarms(NoFindingsHours=longest).items():
        periods = (
            [row["Period"]] if "Period" in row else [m["MetricStat"]["Period"] for m in row["Metrics"][1:]]
        )
        seconds = max(periods) * int(row["EvaluationPeriods"])
        assert seconds <= (604_800 if min(periods) >= 3600 else 86_400), name


def test_silence_raises_an_alarm_only_if_asked_for() -> None:
    """With NoFindingsHours, hours without a matched event are breaching, and so are hours without data."""
    assert "NoFindingsAlarm" not in alarms(NoFindingsHours="0")
    row = alarms(NoFindingsHours="24")["NoFindingsAlarm"]
    expected = {
        "Namespace": "AWS/Events",
        "MetricName": "TriggeredRules",
        "Dimensions": [{"Name": "RuleName", "Value": "<FindingRule>"}],
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": "24",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "TreatMissingData": "breaching",
    }
    assert expected == {key: row[key] for key in expected}


@pytest.mark.parametrize("route", ROUTES)
def test_waiting_messages_that_nothing_receives_raise_an_alarm(route: str) -> None:
    """The stalled alarm compares the waiting messages of the route's queue with those received from it."""
    expression, *metrics = alarms()[f"{route}StalledAlarm"]["Metrics"]
    assert ("IF(waiting > 0 AND received == 0, 1, 0)", False) == (
        expression["Expression"],
        "ReturnData" in expression,
    )
    queue = [{"Name": "QueueName", "Value": f"<{route}Queue.QueueName>"}]
    found = {
        row["Id"]: (row["MetricStat"]["Metric"]["MetricName"], row["MetricStat"]["Metric"]["Dimensions"])
        for row in metrics
        if row["ReturnData"] is False
    }
    assert {
        "waiting": ("ApproximateNumberOfMessagesVisible", queue),
        "received": ("NumberOfMessagesReceived", queue),
    } == found


@pytest.mark.parametrize("route", ["Siem", "Notification"])
def test_failed_deliveries_to_subscribers_raise_an_alarm(route: str) -> None:
    """A message that SNS could not deliver to a subscriber of a topic raises that topic's alarm."""
    row = alarms()[f"{route}TopicAlarm"]
    topic = [{"Name": "TopicName", "Value": f"<{route}Topic.TopicName>"}]
    assert ("NumberOfNotificationsFailed", topic, 1) == (
        row["MetricName"],
        row["Dimensions"],
        row["Threshold"],
    )


def test_operations_topic_admits_alarms_and_has_only_a_key_that_cloudwatch_can_use() -> None:
    """The topic admits this account's alarms and the change rule over TLS; alias/aws/sns would silence it."""
    plain = Stack()
    assert "KmsMasterKeyId" not in plain.properties("OperationsTopic")
    assert Stack(OperationsKmsKeyArn=KEY).properties("OperationsTopic")["KmsMasterKeyId"] == KEY
    statements = plain.properties("OperationsTopicPolicy")["PolicyDocument"]["Statement"]
    allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "<OperationsTopic>"}
    assert [
        allow
        | {
            "Sid": "AllowAlarms",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        },
        allow
        | {
            "Sid": "AllowChangeRule",
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": "<ChangeRule.Arn>"}},
        },
        deny_without_tls("sns:Publish", "<OperationsTopic>"),
    ] == statements


def test_operations_email_is_subscribed_to_the_operations_topic() -> None:
    """OperationsEmail is subscribed; a topic given instead has no topic, policy or rule of this stack."""
    assert "OperationsEmailSubscription" not in Stack().resources
    subscription = Stack(OperationsEmail="ops@example.com").properties("OperationsEmailSubscription")
    assert {
        "TopicArn": "<OperationsTopic>",
        "Protocol": "email",
        "Endpoint": "ops@example.com",
    } == subscription
    given = Stack(OperationsTopicArn=OWN_TOPIC).resources
    assert not {"OperationsTopic", "OperationsTopicPolicy", "ChangeRule"} & given.keys()


def test_disabling_or_deleting_the_rule_is_notified() -> None:
    """CloudTrail's event of DisableRule or DeleteRule on this stack's rule reaches the operations topic."""
    rule = Stack().properties("ChangeRule")
    assert {
        "source": ["aws.events"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["events.amazonaws.com"],
            "eventName": ["DisableRule", "DeleteRule"],
            "requestParameters": {"name": ["<FindingRule>"]},
        },
    } == rule["EventPattern"]
    [target] = rule["Targets"]
    used = set(re.findall(r"<(\w+)>", target["InputTransformer"]["InputTemplate"]))
    assert ("<OperationsTopic>", used) == (target["Arn"], target["InputTransformer"]["InputPathsMap"].keys())


@pytest.mark.parametrize(
    "parameters", [{}, ALL_ON, {"SiemRoute": "off", "NotificationRoute": "chat"}], ids=str
)
def test_dashboard_is_valid_and_shows_metrics_that_exist(parameters: dict[str, str]) -> None:
    """The dashboard is JSON, needs no function of a route that is off, and shows metrics of the code."""
    body = json.loads(Stack(**parameters).properties("OperationsDashboard")["DashboardBody"])
    names: set[str] = set()
    for widget in body["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        previous: list[str] = []
        for row in widget["properties"]["metrics"]:
            dimensions = [item for item in row if isinstance(item, str)]
            # CloudWatch reads "." as the value above it.
            previous = [
                above if item == "." else item
                for item, above in zip(dimensions, previous or dimensions, strict=True)
            ]
            if previous[0] == "GuardDutyAttackEnricher":
                assert previous[2:5] == ["service", "stack", "route"]
                names.add(previous[1])
    assert {"Forwarded", "FindingAge", "Failed"} <= names
    assert not [name for name in names if f'"{name}"' not in CODE]
    assert "<SecurityHubFunction>" not in json.dumps(body) or "SecurityHubRoute" in parameters


def test_saved_queries_search_for_messages_that_the_code_logs() -> None:
    """Every message and field in a saved query occurs in the code."""
    queries = Stack(**ALL_ON).of_type("AWS::Logs::QueryDefinition")
    assert len(queries) == 5
    for row in queries.values():
        assert row["LogGroupNames"] == [f"<{route}Logs>" for route in ROUTES]
        for message in re.findall(r'message = "([^"]+)"', row["QueryString"]):
            assert f'"{message}"' in CODE, message
        for name in ("finding_type", "finding_arn", "remedy", "attempt", "techniques"):
            assert name not in row["QueryString"] or f'"{name}"' in CODE


def test_dashboard_and_queries_can_be_left_out() -> None:
    """With Dashboard=off there is neither a dashboard nor a saved query."""
    kinds = {row["Type"] for row in Stack(**ALL_ON, Dashboard="off").resources.values()}
    assert not {"AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition"} & kinds


def test_outputs_name_queues_topics_and_versions() -> None:
    """Outputs have the URL and ARN of every queue, and the versions of code, mapping and ATT&CK."""
    stack, outputs = Stack(), template()["Outputs"]
    assert not [name for name, row in outputs.items() if "Condition" in row]
    values = {name: stack.resolve(row["Value"]) for name, row in outputs.items()}
    queues = [f"{route}{kind}" for route in ROUTES for kind in ("Queue", "DeadLetterQueue")]
    for queue in [*queues, "EventBridgeDeadLetterQueue"]:
        assert (f"<{queue}>", f"<{queue}.Arn>") == (values[f"{queue}Url"], values[f"{queue}Arn"])
    attack = json.loads((ROOT / "mapping" / "attack.json").read_text(encoding="utf-8"))["version"]
    mapping = (ROOT / "mapping" / "VERSION").read_text(encoding="utf-8").strip()
    assert (enricher.__version__, mapping, attack) == tuple(
        values[name] for name in ("Version", "MappingVersion", "AttackRelease")
    )
    application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application["SemanticVersion"] == enricher.__version__
    assert all((ROOT / application[key]).is_file() for key in ("LicenseUrl", "ReadmeUrl"))


def test_there_are_at_most_35_parameters() -> None:
    """A template that nobody can read is not approved: at most 35 parameters, two of them of a release."""
    assert len(template()["Parameters"]) <= 33


#: The documented Regions, each with the account of its topic: guardduty_sns in the GuardDuty user guide.
@pytest.mark.parametrize(
    ("region", "account"),
    [
        ("us-east-1", "242987662583"),
        ("eu-west-1", "965013871422"),
        ("ap-southeast-7", "863518448376"),
        ("mx-central-1", "060795916546"),
        ("us-gov-west-1", "430639793359"),
        ("cn-northwest-1", "003033775354"),
    ],
)
def test_drift_watch_is_subscribed_to_the_topic_of_its_region(region: str, account: str) -> None:
    """GuardDutyAnnouncements belongs to another account in each Region."""
    stack = Stack.in_region(region)
    topic = stack.properties("DriftWatchFunction")["Events"]["Announcements"]["Properties"]["Topic"]
    assert f"arn:aws:sns:{region}:{account}:GuardDutyAnnouncements" == topic


@pytest.mark.parametrize("region", ["af-south-1", "eusc-de-east-1", "xx-future-1"])
def test_region_without_announcements_deploys_without_the_drift_watch(region: str) -> None:
    """A Region without a documented topic has no drift watch, and no look-up that fails."""
    assert not [name for name in Stack.in_region(region).resources if name.startswith("DriftWatch")]
    assert "FindInMap" not in json.dumps(template())


def test_each_region_has_one_announcements_topic() -> None:
    """Each Region of the conditions is in the topic's account once, with 12 digits."""
    conditions = template()["Conditions"]
    regions = {
        name: row["Fn::Equals"][1]
        for name, row in conditions.items()
        if row.get("Fn::Equals", [None])[0] == {"Ref": "AWS::Region"}
    }
    assert len(regions) == len(set(regions.values())) >= 36
    for region in regions.values():
        topic = Stack.in_region(region).properties("DriftWatchFunction")["Events"]["Announcements"]
        assert re.search(r":[0-9]{12}:GuardDutyAnnouncements$", topic["Properties"]["Topic"]), region


def test_drift_watch_may_only_log_and_notify() -> None:
    """The drift watch's role allows logging and publishing to the operations topic, with its key if any."""
    for parameters, topic in (({}, "<OperationsTopic>"), ({"OperationsTopicArn": OWN_TOPIC}, OWN_TOPIC)):
        stack = Stack(**parameters, OperationsKmsKeyArn=KEY)
        function, statements = stack.properties("DriftWatchFunction"), stack.statements("DriftWatch")
        assert topic == function["Environment"]["Variables"]["OPERATIONS_TOPIC_ARN"]
        assert "enricher.operations.drift_watch.handle" == function["Handler"]
        assert [
            ("WriteLogs", "<DriftWatchLogs.Arn>"),
            ("Notify", topic),
            ("UseOperationsKey", KEY),
        ] == [(row["Sid"], row["Resource"]) for row in statements]
    assert "DriftWatchFunction" not in Stack(DriftWatch="off").resources
