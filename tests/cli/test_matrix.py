"""Tests of the `matrix` command."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.cli import main
from tests import examples


def test_files_are_written_with_their_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command must write the page and the picture, and print the size of each."""
    page, picture = tmp_path / "new" / "matrix.html", tmp_path / "matrix.svg"
    assert main(["matrix", "--html", str(page), "--svg", str(picture)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    assert [str(page), str(picture)] == [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()]


def test_nothing_to_write_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file to write the command must exit with 2 and name the options."""
    assert main(["matrix"]) == 2
    assert "state --html FILE or --svg FILE" in capsys.readouterr().err


def test_rejected_input_is_reported_and_the_others_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An input that is not a finding must be reported, and the page of the others written."""
    files = [str(examples.EVENTS / f"{name}.json") for name in (examples.NOT_A_FINDING, "ec2-portscan")]
    page = tmp_path / "matrix.html"
    assert main(["matrix", "--html", str(page), "--observed", *files]) == 1
    assert f"enricher: rejected: {files[0]}" in capsys.readouterr().err
    assert '"T1046 TA0007"' in page.read_text(encoding="utf-8")


def test_enriched_event_counts_as_the_event_it_was_made_of(tmp_path: Path) -> None:
    """An enriched event must be read like the event itself, so that the page's mapping decides."""
    pages = []
    for folder in (examples.EVENTS, examples.EVENTS / "enriched" / "guardduty"):
        path = tmp_path / f"{folder.name}.html"
        assert main(["matrix", "--html", str(path), "--observed", str(folder / "ec2-portscan.json")]) == 0
        pages.append(path.read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
