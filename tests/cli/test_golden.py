"""Test the `golden` command, and that the golden files are up to date."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from enricher.cli import main
from tests import examples

CHOSEN = ("ec2-portscan", "iam-cloudtrail-logging-disabled", examples.NOT_A_FINDING)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return a folder of three events: a plain one, one that differs in 18.1, and one that is rejected."""
    folder = tmp_path / "events"
    folder.mkdir()
    for name in CHOSEN:
        shutil.copy(examples.EVENTS / f"{name}.json", folder)
    return folder


def test_each_event_has_its_golden_files(events: Path) -> None:
    """A finding must get its enriched event, and one for 18.1 if it differs; a rejected event its error."""
    assert main(["golden", "--events", str(events)]) == 0
    written = sorted(path.relative_to(events).as_posix() for path in events.glob("*/*"))
    assert written == [
        "enriched-18.1/iam-cloudtrail-logging-disabled.json",
        "enriched/ec2-portscan.json",
        "enriched/iam-cloudtrail-logging-disabled.json",
        "enriched/not-a-finding-malware-scan-result.error.txt",
    ]
    event = json.loads((events / "ec2-portscan.json").read_text(encoding="utf-8"))
    golden = json.loads((events / "enriched" / "ec2-portscan.json").read_text(encoding="utf-8"))
    assert {key: value for key, value in golden.items() if key not in ("attack", "alert")} == event
    assert golden["attack"]["techniques"][0]["id"] == "T1046"


def test_check_reports_files_that_are_out_of_date(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check must report a changed, a missing and a surplus file, and write nothing."""
    main(["golden", "--events", str(events)])
    assert main(["golden", "--check", "--events", str(events)]) == 0
    folder = events / "enriched"
    (folder / "ec2-portscan.json").write_text("{}\n", encoding="utf-8")
    (folder / "not-a-finding-malware-scan-result.error.txt").unlink()
    (folder / "surplus.json").write_text("{}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["golden", "--check", "--events", str(events)]) == 1
    reported = [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()]
    assert reported == [
        str(folder / name)
        for name in ("ec2-portscan.json", "not-a-finding-malware-scan-result.error.txt", "surplus.json")
    ]
    assert (folder / "ec2-portscan.json").read_text(encoding="utf-8") == "{}\n"


def test_writing_removes_files_without_an_event(events: Path) -> None:
    """A golden file whose event was removed must be removed."""
    main(["golden", "--events", str(events)])
    (events / "ec2-portscan.json").unlink()
    assert main(["golden", "--events", str(events)]) == 0
    assert not (events / "enriched" / "ec2-portscan.json").exists()


def test_folder_without_events_returns_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without events must be reported as a usage error: a check of nothing must not pass."""
    assert main(["golden", "--check", "--events", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err == f"enricher: {tmp_path / 'absent'}: no events found (*.json)\n"


def test_golden_files_are_up_to_date() -> None:
    """The enriched example events must equal the golden files; `enricher golden` regenerates them."""
    assert main(["golden", "--check"]) == 0
