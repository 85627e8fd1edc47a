"""The built artifact, run by Lambda's own runtime client, does what the code in the clone says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.mapping.model import Mapping
from tests.artifact.deployment import Deployment, batch, client, deploy
from tests.artifact.runtime import FunctionFailed, LambdaRuntime
from tests.examples import event, text_of
from tests.template.stack import Stack

HANDLER: str = Stack().globals["Handler"]
POISON = '{"not": "a finding"}'


@pytest.fixture(scope="module")
def siem(endpoint: str) -> Deployment:
    """Give the SIEM route's resources."""
    return deploy(endpoint, "Siem", "siem")


@pytest.fixture(scope="module")
def function(
    artifact: Path, siem: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LambdaRuntime]:
    """Give the SIEM route's function, running."""
    with LambdaRuntime(artifact, HANDLER, siem.environment, tmp_path_factory.mktemp("siem")) as running:
        yield running


def expected_body(name: str, mapping: Mapping, form: str = "guardduty") -> str:
    """Give what a route should publish of an example event."""
    return load_format(form)(enrich(Finding.from_event(event(name)), mapping, "19.2"), 250_000)


def test_a_batch_is_published_and_its_poison_fails_alone(
    function: LambdaRuntime, siem: Deployment, mapping: Mapping
) -> None:
    """Every finding of a batch reaches the subscribed queue; what is none fails, then is set aside."""
    names = [
        "ec2-portscan",
        "awkward-free-text",
        "attack-sequence-compromised-credentials",
        "awkward-severity-9-0",
    ]
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [POISON, *map(text_of, names)])
    poison = records["Records"][0]
    assert {"batchItemFailures": [{"itemIdentifier": poison["messageId"]}]} == function.invoke(records)
    poison["attributes"]["ApproximateReceiveCount"] = "2"
    assert {"batchItemFailures": []} == function.invoke({"Records": [poison]})
    bodies = sorted(message["Body"] for message in siem.received())
    assert sorted(expected_body(name, mapping) for name in names) == bodies
    [dead] = siem.dead_letters()
    assert (POISON, {"reason"}) == (dead["Body"], dead["MessageAttributes"].keys())


def test_a_batch_is_returned_when_its_topic_is_gone(artifact: Path, siem: Deployment, tmp_path: Path) -> None:
    """With a destination that refuses, the batch is answered as failed, and nothing raises."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("rds-successful-brute-force")])
    gone = siem.environment | {"TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:gone"}
    with LambdaRuntime(artifact, HANDLER, gone, tmp_path) as running:
        answer = running.invoke(records)
    assert {"batchItemFailures": [{"itemIdentifier": records["Records"][0]["messageId"]}]} == answer


def test_a_redelivered_batch_is_not_published_again(function: LambdaRuntime, siem: Deployment) -> None:
    """The same records once more succeed and publish nothing: the table of repeats is in use."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("ec2-tor-client")])
    assert {"batchItemFailures": []} == function.invoke(records)
    assert len(siem.received()) == 1
    assert {"batchItemFailures": []} == function.invoke(records)
    assert siem.received() == []


def test_a_bare_event_is_published(function: LambdaRuntime, siem: Deployment, mapping: Mapping) -> None:
    """An EventBridge event without a queue, as `sam local invoke -e` gives, is delivered too."""
    function.invoke(event("ec2-spambot"))
    assert [expected_body("ec2-spambot", mapping)] == [message["Body"] for message in siem.received()]


def test_a_bare_event_with_records_is_no_batch(function: LambdaRuntime, siem: Deployment) -> None:
    """A finding is delivered whatever stands beside its detail: it must not pass for an empty batch."""
    function.invoke({**event("ec2-rdp-brute-force"), "Records": []})
    assert [event("ec2-rdp-brute-force")["detail"]] == [
        json.loads(message["Body"])["detail"] for message in siem.received()
    ]


def test_a_bare_event_that_is_no_finding_raises(function: LambdaRuntime) -> None:
    """A bare event that is not a finding fails the invocation, and the function lives on."""
    with pytest.raises(FunctionFailed, match="MalformedEvent"):
        function.invoke({"source": "aws.guardduty", "detail-type": "GuardDuty Finding"})
    assert {"batchItemFailures": []} == function.invoke({"Records": []})


def test_logs_name_the_finding_and_not_its_content(function: LambdaRuntime, siem: Deployment) -> None:
    """The log says which finding went where, and holds none of the attacker's text."""
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("awkward-free-text")])
    function.invoke(records)
    siem.received()
    detail = event("awkward-free-text")["detail"]
    lines = [line for line in function.log_lines() if line.get("finding_arn") == detail["arn"]]
    assert {detail["type"]} == {line["finding_type"] for line in lines}
    log = function.log.read_text(encoding="utf-8")
    assert json.dumps(detail["description"])[1:40] not in log


def test_people_get_text(artifact: Path, endpoint: str, mapping: Mapping, tmp_path: Path) -> None:
    """The same artifact with the people route's environment publishes short texts."""
    people = deploy(endpoint, "People", "people")
    records = batch(client("sqs", endpoint), people.queue_url, [text_of("ec2-portscan")])
    with LambdaRuntime(artifact, HANDLER, people.environment, tmp_path) as running:
        assert {"batchItemFailures": []} == running.invoke(records)
    assert [expected_body("ec2-portscan", mapping, "text")] == [
        message["Body"] for message in people.received()
    ]


def test_security_hub_gets_findings_of_its_own(artifact: Path, endpoint: str, tmp_path: Path) -> None:
    """The same artifact with the environment of the import mode puts an own finding into Security Hub."""
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


def test_annotation_starts(artifact: Path, endpoint: str, tmp_path: Path) -> None:
    """The same artifact with the environment of the annotate mode starts and takes an empty batch."""
    annotates = deploy(endpoint, "SecurityHub", "annotate")
    with LambdaRuntime(artifact, HANDLER, annotates.environment, tmp_path) as running:
        assert {"batchItemFailures": []} == running.invoke({"Records": []})


def test_invalid_settings_stop_the_function_at_init(artifact: Path, siem: Deployment, tmp_path: Path) -> None:
    """A function with settings that make no sense fails at init and names every one of them."""
    wrong = siem.environment | {"FORMAT": "xml", "UPDATES": "never"}
    with (
        LambdaRuntime(artifact, HANDLER, wrong, tmp_path) as running,
        pytest.raises(FunctionFailed, match=r"(?s)FORMAT is 'xml'.*UPDATES is 'never'"),
    ):
        running.invoke({"Records": []})
