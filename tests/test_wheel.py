"""Test the built wheel in an empty environment, as `pip install .` gives it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.examples import EVENTS

ROOT = Path(__file__).parent.parent
#: What a clone has that a build reads; the rest (environments, artifacts) would only be copied.
SOURCES = (
    "enricher",
    "mapping",
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "NOTICE",
)

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources; return its path."""
    clone = tmp_path_factory.mktemp("clone")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("__pycache__", "bundle.json"))
        else:
            shutil.copy2(source, clone / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."]
    subprocess.run(command, cwd=clone, check=True)
    [built] = (clone / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def enricher(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone, without its dependencies, in an empty environment; return its `enricher`."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, *install], check=True)
    return environment / "bin" / "enricher"


def run(command: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command outside of the clone."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_installed_command_explains_validates_and_enriches(enricher: Path, tmp_path: Path) -> None:
    """With nothing but the wheel, `explain`, `validate` and `enrich` must work outside of a clone."""
    explained = run(enricher, "explain", "--json", "Recon:EC2/Portscan", folder=tmp_path)
    assert "T1046" == json.loads(explained.stdout)["attack"]["techniques"][0]["id"], explained.stderr
    validated = run(enricher, "validate", folder=tmp_path)
    assert (0, True) == (validated.returncode, validated.stdout.rstrip().endswith("no problems"))
    event = EVENTS / "ec2-portscan.json"
    enriched = run(enricher, "enrich", str(event), folder=tmp_path)
    assert json.loads(event.read_text("utf-8"))["detail"] == json.loads(enriched.stdout)["detail"]


def test_package_works_from_a_zip(wheel: Path, tmp_path: Path) -> None:
    """From a zip on the path, as Spark's --py-files has it, findings must be enriched."""
    event = (EVENTS / "ec2-portscan.json").read_text("utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from enricher.lines import enrich_lines\n"
        "print(next(enrich_lines(sys.stdin.read())).technique)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, wheel],
        cwd=tmp_path, input=event, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "T1046\n" == done.stdout, done.stderr


def test_wheel_holds_the_licences_and_the_mapping(wheel: Path) -> None:
    """LICENSE, NOTICE (MITRE's terms), the compiled mapping and its source must be in the wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("/LICENSE", "/NOTICE", "enricher/bundle.json", "enricher/authoring/mapping/attack.json"):
        assert any(item.endswith(name) for item in names), name
