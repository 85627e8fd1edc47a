"""Test the `golden` command, and that the golden files are up to date."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from enricher.cli import main
from enricher.cli.golden import ALERTS, golden_files, with_mails
from enricher.settings import FORMATS
from tests import examples
from tests.bundled import bundled_mapping

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
    """A finding must get each format, and one file for 18.1 if it differs; a rejected event its error."""
    assert main(["golden", "--events", str(events)]) == 0
    written = sorted(path.relative_to(events).as_posix() for path in events.glob("enriched*/**/*.*"))
    findings = ("ec2-portscan", "iam-cloudtrail-logging-disabled")
    assert written == sorted(
        [
            "enriched-18.1/iam-cloudtrail-logging-disabled.json",
            "enriched/not-a-finding-malware-scan-result.error.txt",
            *(f"enriched/text/{name}.txt" for name in findings),
            *(
                f"enriched/{format_name}/{name}.json"
                for format_name in {*FORMATS, "asff"} - {"text"}
                for name in findings
            ),
        ]
    )
    event = json.loads((events / "ec2-portscan.json").read_text(encoding="utf-8"))
    golden = json.loads((events / "enriched/guardduty/ec2-portscan.json").read_text(encoding="utf-8"))
    assert {key: value for key, value in golden.items() if key not in ("attack", "alert")} == event
    assert golden["attack"]["techniques"][0]["id"] == "T1046"


@pytest.mark.parametrize("format_name", FORMATS)
def test_golden_file_is_what_the_command_enrich_prints(
    format_name: str, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A golden file must be what `enrich` prints, apart from indentation and the version of the mapping."""
    main(["golden", "--events", str(events)])
    capsys.readouterr()
    main(["enrich", "--format", format_name, str(events / "ec2-portscan.json")])
    printed = capsys.readouterr().out.replace(bundled_mapping().version, "0000.00.0")
    (path,) = (events / "enriched" / format_name).glob("ec2-portscan.*")
    golden = path.read_text(encoding="utf-8")
    if format_name == "text":
        assert golden.strip() == printed.strip()
    else:
        assert json.loads(golden) == json.loads(printed)


def test_new_version_of_the_mapping_changes_no_golden_file(events: Path) -> None:
    """The golden files must not depend on the version of the mapping, so that their diff shows changes."""
    mapping = bundled_mapping()
    assert dict(golden_files(events, mapping)) == dict(
        golden_files(events, replace(mapping, version="2031.12.7"))
    )


def test_finding_that_security_hub_cannot_have_has_the_reason(events: Path) -> None:
    """Where ASFF lacks a required value, the golden file must be the reason instead of a finding."""
    event = json.loads((events / "ec2-portscan.json").read_text(encoding="utf-8"))
    del event["detail"]["updatedAt"]
    (events / "ec2-portscan.json").write_text(json.dumps(event), encoding="utf-8")
    assert main(["golden", "--events", str(events)]) == 0
    reason = (events / "enriched" / "asff" / "ec2-portscan.error.txt").read_text(encoding="utf-8")
    assert reason == "ASFF requires UpdatedAt; the finding's updatedAt is ''\n"


def test_check_reports_files_that_are_out_of_date(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check must report a changed, a missing and a surplus file, and write nothing."""
    main(["golden", "--events", str(events)])
    assert main(["golden", "--check", "--events", str(events)]) == 0
    folder = events / "enriched"
    (folder / "ocsf" / "ec2-portscan.json").write_text("{}\n", encoding="utf-8")
    (folder / "not-a-finding-malware-scan-result.error.txt").unlink()
    (folder / "retired-format").mkdir()
    (folder / "retired-format" / "surplus.json").write_text("{}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["golden", "--check", "--events", str(events)]) == 1
    reported = {line.split(": ")[1] for line in capsys.readouterr().err.splitlines()}
    assert reported == {
        str(folder / name)
        for name in (
            "ocsf/ec2-portscan.json",
            "not-a-finding-malware-scan-result.error.txt",
            "retired-format/surplus.json",
        )
    }
    assert (folder / "ocsf" / "ec2-portscan.json").read_text(encoding="utf-8") == "{}\n"


def test_writing_removes_files_without_an_event(events: Path) -> None:
    """A golden file whose event was removed must be removed."""
    main(["golden", "--events", str(events)])
    (events / "ec2-portscan.json").unlink()
    assert main(["golden", "--events", str(events)]) == 0
    assert list((events / "enriched").glob("*/ec2-portscan.*")) == []


def test_page_shows_the_e_mails_as_they_are() -> None:
    """A documented e-mail and its number of words must be replaced by the present ones, and nothing else."""
    name = "iam-anomalous-impact-denied"
    table = f"| {name} | at once | 7 |\n| other | 7 |\n"
    page = f"Intro.\n\n<!-- mail {name} -->\n\nstale\n\n<!-- end -->\n\n{table}"
    written = with_mails(page, bundled_mapping())
    body = (examples.EVENTS / "enriched" / "text" / f"{name}.txt").read_text(encoding="utf-8")
    words = len(body.partition("\nOPEN ")[0].split())
    assert written.startswith(f"Intro.\n\n<!-- mail {name} -->\n\n```text\nSubject: [HIGH] 111122223333 ")
    assert f"\n\n{body}```\n\n<!-- end -->\n\n| {name} | at once | {words} |\n| other | 7 |\n" in written
    assert with_mails(written, bundled_mapping()) == written
    assert f"<!-- mail {name} -->\n\n```text\n" in ALERTS.read_text(encoding="utf-8")


def test_folder_without_events_returns_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without events must be reported as a usage error: a check of nothing must not pass."""
    assert main(["golden", "--check", "--events", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err == f"enricher: {tmp_path / 'absent'}: no events found (*.json)\n"


def test_golden_files_are_up_to_date() -> None:
    """The enriched example events must equal the golden files; `enricher golden` regenerates them."""
    assert main(["golden", "--check"]) == 0
