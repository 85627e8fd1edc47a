"""Tests of the `report` command."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from enricher.cli import main
from enricher.cli.report import with_limits
from enricher.pages.observed import Period
from tests import examples


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Period(), (date(2026, 3, 2), date(2026, 3, 31))),
        (Period(until=date(2026, 2, 28)), (date(2026, 1, 30), date(2026, 2, 28))),
        (Period(since=date(2026, 3, 30)), (date(2026, 3, 30), date(2026, 3, 31))),
        (Period(since=date(2026, 4, 5)), (date(2026, 4, 5), date(2026, 4, 5))),
    ],
)
def test_period_has_thirty_days_up_to_today_by_default(given: Period, expected: tuple[date, date]) -> None:
    """A limit that is not given must be today, and 29 days before the last day."""
    period = with_limits(given, date(2026, 3, 31))
    assert expected == (period.since, period.until)


def test_s3_export_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gzip file of one finding a line, as in the S3 export, must be read."""
    details = [examples.event("ec2-portscan", arn=f"arn:{number}")["detail"] for number in range(3)]
    export = tmp_path / "export.jsonl.gz"
    export.write_bytes(gzip.compress("\n".join(map(json.dumps, details)).encode()))
    page = tmp_path / "report.html"
    last = details[0]["service"]["eventLastSeen"][:10]
    options = ["--observed", str(export), "--html", str(page), "--until", last]
    assert main(["report", *options]) == 0
    assert "3 findings" in capsys.readouterr().out
    assert "T1046" in page.read_text(encoding="utf-8")


def test_rejected_input_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An input that is not a finding must be reported with exit code 1, and the report written."""
    file = str(examples.EVENTS / f"{examples.NOT_A_FINDING}.json")
    assert main(["report", "--observed", file, "--html", str(tmp_path / "r.html")]) == 1
    assert "enricher: rejected: " in capsys.readouterr().err
    assert (tmp_path / "r.html").is_file()
