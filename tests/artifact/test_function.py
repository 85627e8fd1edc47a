"""Test the built artifact, run by Lambda's runtime interface client, against the code in the clone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.mapping.model import AttackMapping
from tests.artifact.deployment import Deployment, batch, client, deploy
from tests.artifact.runtime import FunctionFailed, LambdaRuntime
from tests.examples import event, text_of
from tests.template.stack import Stack

HANDLER: str = Stack().globals["Handler"]
INVALID_MESSAGE = '{"not": "a finding"}'


@pytest.fixture(scope="module")
def siem(endpoint: str) -> Deployment:
    """Return the SIEM route's resources."""
    return deploy(endpoint, "Siem", "siem")


@pytest.fixture(scope="module")
def function(
    artifact: Path, siem: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LambdaRuntime]:
    """Yield the running function of the SIEM route."""
    with LambdaRuntime(artifact, HANDLER, siem.environment, tmp_path_factory.mktemp("siem")) as running:
        yield running


def expected_body(name: str, mapping: AttackMapping, form: str = "guardduty") -> str:
    """Return the message body that a route should publish for an example event."""
    return load_format(form)(enrich(Finding.from_event(event(name)), mapping, "19.2"), 250_000)


def test_batch_is_published_and_only_its_invalid_message_fails(
    function: LambdaRuntime, siem: Deployment, mapping: AttackMapping
) -> None:
    """Every finding must reach the subscribed queue; an invalid one is retried once, then dead-lettered."""
    names = [
        "ec2-portscan",
        "awkward-free-text",
        "attack-sequence-compromised-credentials",
        "awkward-severity-9-0",
    ]
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [INVALID_MESSAGE, *map(text_of, names)])
    invalid = records["Records"][0]
    assert {"batchItemFailures": [{"itemIdentifier": invalid["messageId"]}]} == function.invoke(records)
    invalid["attributes"]["ApproximateReceiveCount"] = "2"
    assert {"batchItemFailures": []} == function.invoke({"Records": [invalid]})
    bodies = sorted(message["Body"] for message in siem.received())
    assert sorted(expected_body(name, mapping) for name in names) == bodies
    [dead] = siem.dead_letters()
    assert (INVALID_MESSAGE, {"reason"}) == (dead["Body"], dead["MessageAttributes"].keys())


def test_batch_is_returned_for_retry_when_its_topic_does_not_exist(
    artifact: Path, siem: Deployment, tmp_path: Path
) -> None:
    """If the topic rejects the batch, its messages must be batchItemFailures and no exception be raised."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("rds-successful-brute-force")])
    environment = siem.environment | {"TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:gone"}
    with LambdaRuntime(artifact, HANDLER, environment, tmp_path) as running:
        response = running.invoke(records)
    assert {"batchItemFailures": [{"itemIdentifier": records["Records"][0]["messageId"]}]} == response


def test_redelivered_batch_is_not_published_again(function: LambdaRuntime, siem: Deployment) -> None:
    """Records delivered again must succeed and publish nothing: the deduplication table is in use."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("ec2-tor-client")])
    assert {"batchItemFailures": []} == function.invoke(records)
    assert len(siem.received()) == 1
    assert {"batchItemFailures": []} == function.invoke(records)
    assert siem.received() == []


def test_bare_event_is_published(function: LambdaRuntime, siem: Deployment, mapping: AttackMapping) -> None:
    """An EventBridge event without a queue, as with `sam local invoke -e`, must be published."""
    function.invoke(event("ec2-spambot"))
    assert [expected_body("ec2-spambot", mapping)] == [message["Body"] for message in siem.received()]


def test_bare_event_with_records_is_not_a_batch(function: LambdaRuntime, siem: Deployment) -> None:
    """A bare event with an empty `Records` key must be published, not taken for an empty batch."""
    function.invoke({**event("ec2-rdp-brute-force"), "Records": []})
    assert [event("ec2-rdp-brute-force")["detail"]] == [
        json.loads(message["Body"])["detail"] for message in siem.received()
    ]


def test_bare_event_that_is_not_a_finding_raises(function: LambdaRuntime) -> None:
    """A bare event that is not a finding must fail the invocation, and the function keep running."""
    with pytest.raises(FunctionFailed, match="MalformedEvent"):
        function.invoke({"source": "aws.guardduty", "detail-type": "GuardDuty Finding"})
    assert {"batchItemFailures": []} == function.invoke({"Records": []})


def test_logs_identify_the_finding_without_its_content(function: LambdaRuntime, siem: Deployment) -> None:
    """The log must have the ARN and type of the finding, and no text that an attacker can choose."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("awkward-free-text")])
    function.invoke(records)
    siem.received()
    detail = event("awkward-free-text")["detail"]
    lines = [line for line in function.log_lines() if line.get("finding_arn") == detail["arn"]]
    assert {detail["type"]} == {line["finding_type"] for line in lines}
    log = function.log.read_text(encoding="utf-8")
    assert json.dumps(detail["description"])[1:40] not in log


def test_notification_route_publishes_text(
    artifact: Path, endpoint: str, mapping: AttackMapping, tmp_path: Path
) -> None:
    """With the notification route's environment the artifact must publish text messages."""
    notification = deploy(endpoint, "Notification", "notification")
    records = batch(client("sqs", endpoint), notification.queue_url, [text_of("ec2-portscan")])
    with LambdaRuntime(artifact, HANDLER, notification.environment, tmp_path) as running:
        assert {"batchItemFailures": []} == running.invoke(records)
    assert [expected_body("ec2-portscan", mapping, "text")] == [
        message["Body"] for message in notification.received()
    ]


def test_import_mode_imports_findings_into_security_hub(
    artifact: Path, endpoint: str, tmp_path: Path
) -> None:
    """With the environment of the import mode the artifact must import a finding into Security Hub."""
    hub = client("securityhub", endpoint)
    hub.enable_security_hub()
    imports = deploy(endpoint, "SecurityHub", "hub", SecurityHubRoute="import")
    finding = event("ec2-portscan", accountId="123456789012", region="eu-west-1")
    records = batch(client("sqs", endpoint), imports.queue_url, [json.dumps(finding)])
    with LambdaRuntime(artifact, HANDLER, imports.environment, tmp_path) as running:
        assert {"batchItemFailures": []} == running.invoke(records)
    arn = finding["detail"]["arn"]
    [found] = [row for row in hub.get_findings()["Findings"] if row["Id"] == arn]
    product = "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default"
    assert ("123456789012", product) == (found["AwsAccountId"], found["ProductArn"])


def test_annotate_mode_starts(artifact: Path, endpoint: str, tmp_path: Path) -> None:
    """With the environment of the annotate mode the artifact must start and accept an empty batch."""
    annotates = deploy(endpoint, "SecurityHub", "annotate")
    with LambdaRuntime(artifact, HANDLER, annotates.environment, tmp_path) as running:
        assert {"batchItemFailures": []} == running.invoke({"Records": []})


def test_invalid_settings_stop_the_function_at_init(artifact: Path, siem: Deployment, tmp_path: Path) -> None:
    """A function with invalid settings must fail at init and report every one of them."""
    wrong = siem.environment | {"FORMAT": "xml", "UPDATES": "never"}
    with (
        LambdaRuntime(artifact, HANDLER, wrong, tmp_path) as running,
        pytest.raises(FunctionFailed, match=r"(?s)FORMAT is 'xml'.*UPDATES is 'never'"),
    ):
        running.invoke({"Records": []})
