"""Test the `verify` command: samples on every route, what cannot arrive, and what is removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from enricher.cli import main
from enricher.destinations.sns import attributes_of
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.formats.asff import attack_fields
from enricher.mapping.model import AttackMapping
from enricher.operations import verify
from enricher.operations.stack import Route
from enricher.operations.temporary_queue import Arrival
from enricher.settings import FORMATS
from tests.examples import EVENTS
from tests.fault_injection.moto_extension import GuardDutyResponse, HubResponse, extended_moto
from tests.operations.deployed import REGION, Deployed, deployed, finding, refused


class Account:
    """GuardDuty, the rule and the functions of a deployed stack.

    skips: (route, finding type) that is not delivered.
    """

    def __init__(
        self,
        stack: Deployed,
        hubs: type[HubResponse],
        guardduty: type[GuardDutyResponse],
        mapping: AttackMapping,
    ) -> None:
        self.stack, self.hubs, self.guardduty, self.mapping = stack, hubs, guardduty, mapping
        self.client: Any = boto3.client("guardduty", region_name=REGION)
        self.skips: set[tuple[str, str]] = set()
        self.done: set[str] = set()

    def findings(self) -> list[dict[str, Any]]:
        """Return every finding of the account."""
        return [item for rows in self.guardduty.findings.values() for item in rows]

    def deliver(self) -> None:
        """Deliver the findings that are new, as the stack's functions would."""
        for item in self.findings():
            if item["id"] not in self.done:
                self.done.add(item["id"])
                self.publish(Finding.from_detail(item))

    def publish(self, finding: Finding) -> None:
        """Deliver a finding to both topics and to Security Hub."""
        enriched = enrich(finding, self.mapping)
        for name, form in (("siem", "guardduty"), ("notification", "text")):
            if (name, finding.type) not in self.skips:
                body = load_format(form)(enriched, 262_144)
                topic = self.stack.outputs[f"{name.capitalize()}TopicArn"]
                attributes: Any = attributes_of(enriched)
                sns: Any = boto3.client("sns", region_name=REGION)
                sns.publish(TopicArn=topic, Message=body, MessageAttributes=attributes)
        if ("security-hub", finding.type) not in self.skips:
            product = f"arn:aws:securityhub:{REGION}::product/aws/guardduty"
            [hub] = self.hubs.hubs.values()
            hub.findings[(finding.arn, product)] = {
                "Id": finding.arn, "ProductArn": product, "UserDefinedFields": attack_fields(enriched),
            }  # fmt: skip

    def leftovers(self) -> list[object]:
        """Return the queues and subscriptions that the command made and did not remove."""
        queues = self.stack.sqs.list_queues(QueueNamePrefix="guardduty").get("QueueUrls", [])
        sns: Any = boto3.client("sns", region_name=REGION)
        return [*queues, *sns.list_subscriptions()["Subscriptions"]]


@pytest.fixture
def parameters() -> dict[str, str]:
    """Return the stack's parameters; a test replaces them with its own."""
    return {}


@pytest.fixture
def account(
    monkeypatch: pytest.MonkeyPatch, mapping: AttackMapping, parameters: dict[str, str]
) -> Iterator[Account]:
    """Return a deployed stack whose findings arrive as soon as they are made; polling does not wait."""
    monkeypatch.setattr(verify, "POLL", 1)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with deployed(**parameters) as stack, extended_moto() as (hubs, guardduty):
        found = Account(stack, hubs, guardduty, mapping)
        found.client.create_detector(Enable=True, FindingPublishingFrequency="SIX_HOURS")
        boto3.client("securityhub", region_name=REGION).get_findings()
        stack.after["CreateSampleFindings"] = found.deliver
        yield found


def test_samples_arrive_on_every_route(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """Each sample must be seen on every route that is on; what was made must be removed or archived."""
    assert 0 == main(["verify", "--wait", "20"])
    output = capsys.readouterr().out
    for route in ("siem", "security-hub", "notification"):
        for name in ("Trojan:EC2/DropPoint", "Backdoor:EC2/C&CActivity.B"):
            assert f"{route}: {name} arrived after" in output
    assert [] == account.leftovers()
    assert [True, True] == [item["service"]["archived"] for item in account.findings()]


def test_sample_that_does_not_arrive_fails_with_where_to_look(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """A route without the sample must be named, with what its queues tell, and the exit code be 1."""
    account.skips.add(("notification", "Trojan:EC2/DropPoint"))
    account.stack.put("NotificationDeadLetterQueueUrl", "{}")
    assert 1 == main(["verify", "--wait", "2"])
    output = capsys.readouterr().out
    assert "notification: Trojan:EC2/DropPoint did not arrive within 2 s" in output
    assert "1 in its dead-letter queue: enricher redrive --dry-run --queue notification" in output
    assert "siem: Trojan:EC2/DropPoint arrived after" in output
    assert [] == account.leftovers()


def test_types_without_a_finding_are_chosen(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """A type that has a finding must not be chosen, as GuardDuty may hold its update back."""
    [detector] = account.client.list_detectors()["DetectorIds"]
    account.client.create_sample_findings(DetectorId=detector, FindingTypes=["Trojan:EC2/DropPoint"])
    assert 0 == main(["verify", "--wait", "20"])
    assert "Backdoor:EC2/C&CActivity.B, PenTest:IAMUser/KaliLinux" in capsys.readouterr().out


def test_existing_samples_are_inconclusive(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample that exists and does not arrive must be inconclusive (3), with the time it may take."""
    [detector] = account.client.list_detectors()["DetectorIds"]
    account.client.create_sample_findings(DetectorId=detector, FindingTypes=list(verify.SAMPLES))
    before = len(account.findings())
    assert 3 == main(["verify", "--wait", "20"])
    assert len(account.findings()) == before
    account.stack.after.clear()
    assert 3 == main(["verify", "--type", "Trojan:EC2/DropPoint", "--wait", "1"])
    output = capsys.readouterr().out
    assert 2 == output.count("inconclusive: ")
    assert "GuardDuty may hold an update of it back for 6 hours" in output
    assert not [item for item in account.findings() if item["service"]["archived"]]


@pytest.mark.parametrize("parameters", [{"SampleFindings": "exclude"}])
def test_excluded_samples_are_inconclusive(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """With SampleFindings=exclude no sample must be made, and the exit code be 3."""
    assert 3 == main(["verify", "--wait", "20"])
    assert "SampleFindings is exclude" in capsys.readouterr().out
    assert [] == account.findings()


@pytest.mark.parametrize("parameters", [{"NotificationMinimumSeverity": "HIGH"}])
def test_sample_below_the_minimum_severity_is_not_waited_for(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sample below a route's minimum severity must be named and not be waited for on that route."""
    assert 0 == main(["verify", "--wait", "20", "--type", "Trojan:EC2/DropPoint"])
    output = capsys.readouterr().out
    line = (
        "notification: Trojan:EC2/DropPoint cannot arrive: its severity is 5 and NotificationMinimumSeverity"
    )
    assert line in output
    assert "waiting up to 20 s for 2 deliveries" in output


@pytest.mark.parametrize("parameters", [{"NotificationMinimumSeverity": "HIGH"}])
def test_chosen_samples_reach_every_route(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """The types that the command chooses must have a severity that reaches every route."""
    main(["verify", "--dry-run"])
    assert "Backdoor:EC2/C&CActivity.B, Policy:S3/BucketAnonymousAccessGranted" in capsys.readouterr().out
    assert [] == account.findings()


def test_own_event_goes_to_the_queues_and_not_through_the_rule(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """--event must put the event on each route's queue, with an id that passes the deduplication."""
    path = EVENTS / "ec2-portscan.json"
    own = Finding.from_json(path.read_text(encoding="utf-8"))
    account.stack.after["SendMessageBatch"] = lambda: account.publish(own) if not account.done else None
    assert 0 == main(["verify", "--wait", "20", "--event", str(path)])
    output = capsys.readouterr().out
    assert "the rule are not tested" in output
    assert "security-hub: Recon:EC2/Portscan cannot arrive: annotate needs" in output
    assert "siem: Recon:EC2/Portscan arrived" in output
    [message] = account.stack.take("SiemQueueUrl")
    assert own.event == json.loads(message["Body"])
    assert message["MessageAttributes"]["resend"]["StringValue"].startswith("verify-")


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]"])
def test_event_that_is_not_one_finding_is_rejected(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--event with anything but one finding must be rejected with 2 before AWS is asked."""
    path = tmp_path / "event.json"
    path.write_text(text, encoding="utf-8")
    assert 2 == main(["verify", "--wait", "20", "--event", str(path)])
    assert "expected a file with one finding" in capsys.readouterr().err


@pytest.mark.parametrize("operation", ["Subscribe", "CreateSampleFindings", "ReceiveMessage"])
def test_failure_at_any_call_removes_what_was_made(
    account: Account, operation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever fails, the temporary queue and its subscriptions must be removed."""
    account.stack.faults[operation] = [refused("AccessDenied", operation)]
    assert 2 == main(["verify", "--wait", "20"])
    assert f"{operation}: AccessDenied" in capsys.readouterr().err
    assert [] == account.leftovers()


@pytest.mark.parametrize("operation", ["ReceiveMessage", "GetFindings"])
def test_interruption_removes_what_was_made(account: Account, operation: str) -> None:
    """Ctrl-C at any time must remove the queue and the subscriptions, and archive the samples."""
    account.stack.faults[operation] = [KeyboardInterrupt()]
    assert 130 == main(["verify", "--wait", "20"])
    assert [] == account.leftovers()
    assert [True, True] == [item["service"]["archived"] for item in account.findings()]


def test_samples_that_cannot_be_archived_do_not_change_the_result(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """What arrived has arrived: samples that cannot be archived must only be reported."""
    account.stack.faults["ArchiveFindings"] = [refused("AccessDeniedException", "ArchiveFindings")]
    assert 0 == main(["verify", "--wait", "20"])
    assert "allow ArchiveFindings for this identity" in capsys.readouterr().err


def test_region_without_a_detector_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a detector the command must say so with the Region, and return 2."""
    with deployed(), extended_moto():
        assert 2 == main(["verify", "--wait", "20"])
    assert "no GuardDuty detector in eu-west-1: enable GuardDuty there" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMATS)
def test_expected_finding_is_recognized_in_every_format(mapping: AttackMapping, form: str) -> None:
    """A message in any format must be taken for its finding, and not for another of the same type."""
    one, other = (Finding.from_event(finding(number)) for number in (1, 2))
    route = Route("siem", "on", "url", "arn", "url", "topic", form)
    attributes: Any = attributes_of(enrich(one, mapping))
    texts = {key: row["StringValue"] for key, row in attributes.items()}
    arrival = Arrival("topic", load_format(form)(enrich(one, mapping), 262_144), texts)
    assert verify.Expected(route, one).is_in(arrival)
    assert FORMATS[form].has_finding_id is not verify.Expected(route, other).is_in(arrival)
    assert not verify.Expected(route, one).is_in(replace(arrival, topic_arn="other"))
