"""The `golden` command, and the golden files themselves."""

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
    """Give a folder with three events: a plain one, one that 18.1 says differently, one that is refused."""
    folder = tmp_path / "events"
    folder.mkdir()
    for name in CHOSEN:
        shutil.copy(examples.EVENTS / f"{name}.json", folder)
    return folder


def test_each_event_has_its_golden_files(events: Path) -> None:
    """A finding must have its enriched event, a refused input its reason, 18.1 what it says differently."""
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


def test_check_names_what_is_not_current(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check must name a changed, a missing and a surplus file, and write nothing."""
    main(["golden", "--events", str(events)])
    assert main(["golden", "--check", "--events", str(events)]) == 0
    folder = events / "enriched"
    (folder / "ec2-portscan.json").write_text("{}\n", encoding="utf-8")
    (folder / "not-a-finding-malware-scan-result.error.txt").unlink()
    (folder / "nobody.json").write_text("{}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["golden", "--check", "--events", str(events)]) == 1
    named = [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()]
    assert named == [
        str(folder / name)
        for name in ("ec2-portscan.json", "not-a-finding-malware-scan-result.error.txt", "nobody.json")
    ]
    assert (folder / "ec2-portscan.json").read_text(encoding="utf-8") == "{}\n"


def test_writing_removes_what_has_no_event(events: Path) -> None:
    """A golden file whose event is gone must go with it."""
    main(["golden", "--events", str(events)])
    (events / "ec2-portscan.json").unlink()
    assert main(["golden", "--events", str(events)]) == 0
    assert not (events / "enriched" / "ec2-portscan.json").exists()


def test_folder_without_events_gives_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that holds no event must be named, as checking nothing proves nothing."""
    assert main(["golden", "--check", "--events", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err == f"enricher: {tmp_path / 'absent'}: holds no event (*.json)\n"


def test_golden_files_are_current() -> None:
    """Every byte of the enriched example events must be as reviewed; `enricher golden` renews them."""
    assert main(["golden", "--check"]) == 0
