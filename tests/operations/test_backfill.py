"""Test the `backfill` command: GuardDuty and its export, filters, memory, interruptions."""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from enricher.cli import main
from enricher.finding.event import Finding
from enricher.operations import backfill
from enricher.operations.aws import Aws, Pace
from tests.examples import event
from tests.fault_injection.moto_extension import GuardDutyResponse, extended_moto, sample
from tests.operations.deployed import REGION, AfterwardsInterrupted, Deployed, deployed

ACCOUNT = "123456789012"
NOW = datetime.now(UTC).replace(microsecond=0)


class GuardDuty:
    """The findings of detectors in moto."""

    def __init__(self, store: type[GuardDutyResponse]) -> None:
        self.store = store
        self.detectors: dict[str, str] = {}

    def add(self, number: int, region: str = REGION, **changes: Any) -> dict[str, Any]:
        """Add a finding that was last updated `number` minutes before now; changes: its keys."""
        if region not in self.detectors:
            client: Any = boto3.client("guardduty", region_name=region)
            self.detectors[region] = client.create_detector(Enable=True)["DetectorId"]
        made = sample("Recon:EC2/Portscan", self.detectors[region], ACCOUNT, region, number)
        made["updatedAt"] = f"{NOW - timedelta(minutes=number):%Y-%m-%dT%H:%M:%S}.123Z"
        made["service"]["archived"] = changes.pop("archived", False)
        made |= changes
        self.store.findings.setdefault((ACCOUNT, region), []).append(made)
        return made


@pytest.fixture
def stack() -> Iterator[Deployed]:
    """Return a deployed stack."""
    with deployed() as found:
        yield found


@pytest.fixture
def guardduty(stack: Deployed) -> Iterator[GuardDuty]:
    """Return the GuardDuty of the stack's account."""
    with extended_moto() as (_, store):
        yield GuardDuty(store)


def run(*arguments: str) -> int:
    """Run the command as fast as it can."""
    return main(["backfill", "--rate", "100000", *arguments])


def received(stack: Deployed, queue: str = "SiemQueueUrl") -> list[dict[str, Any]]:
    """Take the events off a queue."""
    return [json.loads(row["Body"]) for row in stack.take(queue)]


def ids(events: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the findings of events, sorted."""
    return sorted(int(row["detail"]["id"], 16) for row in events)


def test_findings_have_the_shape_of_eventbridge(stack: Deployed, guardduty: GuardDuty) -> None:
    """A finding of the API must arrive in camelCase, in EventBridge's envelope, with its sample flag."""
    made = guardduty.add(1)
    assert 0 == run()
    [found] = received(stack)
    live = event("ec2-portscan")
    assert live.keys() == found.keys()
    assert {key: live[key] for key in ("version", "detail-type", "source", "resources")} == {
        key: found[key] for key in ("version", "detail-type", "source", "resources")
    }
    assert (ACCOUNT, REGION) == (found["account"], found["region"])
    assert datetime.strptime(found["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) == NOW - timedelta(
        minutes=1
    )
    assert made["resource"] == found["detail"]["resource"]
    assert {**made["service"]["additionalInfo"], "sample": True} == found["detail"]["service"][
        "additionalInfo"
    ]
    assert Finding.from_event(found).arn == made["arn"]


def test_regions_and_detectors_are_all_read(stack: Deployed, guardduty: GuardDuty) -> None:
    """The findings of every chosen Region must arrive on every chosen route; of the others none."""
    for number, region in enumerate((REGION, "us-east-1", "eu-north-1")):
        guardduty.add(number, region)
    assert 0 == run("--regions", REGION, "us-east-1", "--route", "siem", "--route", "security-hub")
    assert [0, 1] == ids(received(stack)) == ids(received(stack, "SecurityHubQueueUrl"))
    assert [] == received(stack, "NotificationQueueUrl")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [1, 2, 4]),
        (["--days", "1"], [1, 2]),
        (["--minimum-severity", "HIGH"], [2]),
        (["--type", "Trojan:EC2/DropPoint"], [4]),
        (["--archived", "only"], [3]),
        (["--archived", "include"], [1, 2, 3, 4]),
    ],
)
@pytest.mark.parametrize("source", ["guardduty", "s3"])
def test_filters_are_the_same_for_both_sources(
    stack: Deployed, guardduty: GuardDuty, options: list[str], expected: list[int], source: str
) -> None:
    """Age, severity, type and archived must choose the same findings, from the API and from the export."""
    rows = [
        guardduty.add(1),
        guardduty.add(2, severity=7.0),
        guardduty.add(3, archived=True),
        guardduty.add(4, type="Trojan:EC2/DropPoint"),
        guardduty.add(5),
    ]
    for row, days in ((rows[3], 3), (rows[4], 91)):
        row["updatedAt"] = f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z"
    if source == "s3":
        export({key_of(NOW): rows})
        options = [*options, "--s3", "s3://findings/"]
    assert 0 == run(*options)
    assert expected == ids(received(stack))


def key_of(day: datetime, name: str = "a") -> str:
    """Return the key of an object of the export."""
    return f"AWSLogs/{ACCOUNT}/GuardDuty/{REGION}/{day:%Y/%m/%d}/{name}.jsonl.gz"


def export(objects: dict[str, list[dict[str, Any]] | bytes]) -> None:
    """Write objects of the export: findings, or the bytes of a damaged one."""
    client: Any = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="findings")
    for key, rows in objects.items():
        body = rows if isinstance(rows, bytes) else gzip.compress("\n".join(map(json.dumps, rows)).encode())
        client.put_object(Bucket="findings", Key=key, Body=body)


def test_damaged_object_costs_no_other(
    stack: Deployed, guardduty: GuardDuty, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged object or line must be named with its place, and everything else arrive; exit code 1."""
    rows = [guardduty.add(number) for number in range(120)]
    lines = [json.dumps(row) for row in rows[:60]]
    lines[7] = "{broken"
    damaged = gzip.compress("\n".join(map(json.dumps, rows[100:110])).encode())[:-9]
    export(
        {
            key_of(NOW, "a"): gzip.compress("\n".join(lines).encode()),
            key_of(NOW, "b"): damaged,
            key_of(NOW, "c"): b"no gzip",
            key_of(NOW, "d"): rows[60:100],
            key_of(NOW - timedelta(days=400)): b"too old to be read",
        }
    )
    assert 1 == run("--s3", "s3://findings/AWSLogs/")
    found = ids(received(stack))
    assert set(range(100)) - {7} <= set(found)
    errors = capsys.readouterr().err
    assert f"s3://findings/{key_of(NOW, 'a')}: line 8: " in errors
    assert f"{key_of(NOW, 'b')}: not a valid gzip file" in errors
    assert f"{key_of(NOW, 'c')}: not a valid gzip file" in errors
    assert "too old" not in errors
    assert 3 == len(errors.splitlines()) - errors.count("findings sent")


def _findings_in_memory() -> int:
    return sum(isinstance(item, Finding) for item in gc.get_objects())


def test_forty_pages_are_read_in_bounded_memory(guardduty: GuardDuty) -> None:
    """Two thousand findings must be read once each, with no more than two pages of them in memory."""
    for number in range(1, 2_001):
        guardduty.add(number)
    for row in guardduty.store.findings[(ACCOUNT, REGION)][600:730]:
        row["updatedAt"] = guardduty.store.findings[(ACCOUNT, REGION)][600]["updatedAt"]
    filters = backfill.Filters(NOW - timedelta(days=90), NOW, archived="include")
    found: list[str] = []
    kept = _findings_in_memory()  # by other tests of this process
    for number, page in enumerate(backfill.from_guardduty(Aws.open(None, REGION), REGION, filters, {})):
        found += [finding.text("id") for finding in page.findings]
        assert len(page.findings) <= 50
        if number % 10 == 0:
            assert _findings_in_memory() - kept <= 100
    assert (2_000, 2_000) == (len(found), len(set(found)))


def test_findings_updated_meanwhile_cost_no_other(stack: Deployed, guardduty: GuardDuty) -> None:
    """A finding that leaves the list while it is read must not push another one out of sight."""
    rows = [guardduty.add(number) for number in range(200)]

    def update() -> None:
        for row in rows[150:160]:
            row["updatedAt"] = f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z"

    stack.after["GetFindings"] = update
    assert 0 == run()
    assert set(range(200)) - set(range(150, 160)) <= set(ids(received(stack)))


@pytest.mark.parametrize("operation", ["ListFindings", "GetFindings", "SendMessageBatch"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), AfterwardsInterrupted()], ids=["before", "after"])
@pytest.mark.parametrize("source", ["guardduty", "s3"])
def test_interrupted_run_goes_on(  # noqa: PLR0917 - pytest's fixtures
    stack: Deployed, guardduty: GuardDuty, operation: str, fault: BaseException, source: str, tmp_path: Path
) -> None:
    """Interrupted at any call and run again with its state, every finding must have been put on the queue."""
    rows = [guardduty.add(number) for number in range(70)]
    options = ["--state", str(tmp_path / "state.json"), "--resend"]
    if source == "s3":
        export({key_of(NOW, str(number)): rows[number : number + 10] for number in range(40, 70, 10)})
        export_rows = set(range(40, 70))
        options += ["--s3", "s3://findings/"]
        operation = {"ListFindings": "GetObject", "GetFindings": "ListObjectsV2"}.get(operation, operation)
    stack.faults[operation] = [fault] if operation == "ListObjectsV2" else [None, fault]
    assert 130 == run(*options)
    assert 0 == run(*options)
    messages = stack.take("SiemQueueUrl")
    found = ids([json.loads(row["Body"]) for row in messages])
    assert (export_rows if source == "s3" else set(range(70))) == set(found)
    assert len(found) <= len(set(found)) + 50
    assert (
        1 == len({row["MessageAttributes"]["resend"]["StringValue"] for row in messages}) or not stack.calls
    )


def test_state_of_other_options_is_rejected(
    stack: Deployed, guardduty: GuardDuty, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A state file must serve only the options that it was written with; a damaged one must be named."""
    guardduty.add(1)
    path = tmp_path / "state.json"
    assert 0 == run("--state", str(path))
    assert 2 == run("--state", str(path), "--days", "3")
    assert "is of a run with other options" in capsys.readouterr().err
    path.write_text("{", encoding="utf-8")
    assert 2 == run("--state", str(path))
    assert "not the state of a backfill" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [{}, {"Failed": [{"Id": "0", "Code": "InternalError"}]}])
def test_message_that_is_not_confirmed_ends_the_run(
    stack: Deployed, guardduty: GuardDuty, answer: dict[str, Any], tmp_path: Path
) -> None:
    """What SQS does not confirm must end the run before the position is saved, and arrive with the next."""
    guardduty.add(1)
    stack.faults["SendMessageBatch"] = [answer]
    assert 2 == run("--state", str(tmp_path / "state.json"))
    assert 0 == run("--state", str(tmp_path / "state.json"))
    assert [1] == ids(received(stack))


def test_dry_run_counts_and_sends_nothing(
    stack: Deployed, guardduty: GuardDuty, capsys: pytest.CaptureFixture[str]
) -> None:
    """--dry-run must count the findings by type and put none on a queue."""
    for number in range(60):
        guardduty.add(number, type="Trojan:EC2/DropPoint" if number % 3 else "Recon:EC2/Portscan")
    assert 0 == run("--dry-run")
    expected = ["40 Trojan:EC2/DropPoint", "20 Recon:EC2/Portscan", "60 findings"]
    assert expected == [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [] == received(stack)


def test_rate_is_kept() -> None:
    """Messages must be spaced so that no more than the rate are sent in a second."""
    now, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(10, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        pace.wait(10)
    assert [1.0, 1.0, 1.0] == slept


def test_times_that_boto3_parses_are_written_as_the_api_sends_them() -> None:
    """A time that boto3 parsed must be seconds since 1970, as on the wire."""
    detail = {**event("ec2-portscan")["detail"], "eks": {"createdAt": datetime(2026, 1, 1, tzinfo=UTC)}}
    message = backfill.message_of(Finding.from_detail(detail), "")
    assert 1767225600.0 == json.loads(message.body)["detail"]["eks"]["createdAt"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--regions", "us-west-2"], "no GuardDuty detector in us-west-2"),
        (["--s3", "findings"], "expected s3://BUCKET/PREFIX"),
        (["--s3", "s3://absent/"], "ListObjectsV2: NoSuchBucket"),
    ],
)
def test_error_names_thing_and_place(
    stack: Deployed,
    guardduty: GuardDuty,
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the command cannot read must be one line, and the exit code 2."""
    assert 2 == run(*arguments)
    assert expected in capsys.readouterr().err
