"""Test that `make` stops with its own message where no Python fits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.template.stack import ROOT


@pytest.mark.parametrize("target", ["demo", "test", "build", "splunk-addon"])
def test_make_stops_where_no_python_fits(target: str, tmp_path: Path) -> None:
    """Without a Python that fits, make must say which one it needs, and run no command after that."""
    for name in ("Makefile", "build_tools", "requirements-dev.txt", "requirements-sam.txt", "siem"):
        (tmp_path / name).symlink_to(ROOT / name)
    make, empty = shutil.which("make"), tmp_path / "bin"
    assert make is not None
    empty.mkdir()
    done = subprocess.run(
        [make, target], cwd=tmp_path, env={"PATH": str(empty)}, capture_output=True, text=True, check=False
    )
    said, stopped = done.stderr.splitlines()
    assert said.startswith("No Python 3.11 or later with the venv module found")
    assert stopped.endswith("No Python to work with, see above.  Stop.")
    assert (2, "") == (done.returncode, done.stdout)
