"""Test the commands on a stack where nothing is installed, and how they show progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from enricher.cli import progress

ROOT = Path(__file__).parents[2]


def run_bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a new interpreter without site-packages."""
    script = "import sys; sys.path.insert(0, '.'); from enricher.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["redrive", "verify", "backfill"])
def test_help_needs_no_package(command: str) -> None:
    """--help must work from a clone; the command must name the package that it lacks, and return 2."""
    done = run_bare(command, "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert "--dry-run" in done.stdout
    done = run_bare(command)
    assert (2, f"enricher: {command} needs boto3: pip install boto3\n") == (done.returncode, done.stderr)


def test_progress_is_lines_where_stderr_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe progress must be plain lines on stderr, one in each interval, and none on stdout."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    with progress.advancing("findings sent", 1500) as advance:
        advance(1000)
        monkeypatch.setattr(progress, "LINE_SECONDS", 3600)
        advance(500)
    assert ("", "findings sent: 1,000 of about 1,500\n") == tuple(capsys.readouterr())


def test_progress_is_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal with rich installed a bar must be shown on stderr, and nothing on stdout."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress.advancing("findings sent", 2) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "findings sent" in captured.err
    assert "100%" in captured.err
