"""Test, each in a fresh process, what may be imported where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = (
    "finding", "attack", "mapping", "entry", "evidence", "native", "grammar", "enrich", "alert",
    "formats.guardduty", "formats.ecs", "formats.ocsf", "formats.text", "formats.chat",
)  # fmt: skip
FORBIDDEN = ("boto3", "botocore", "aws_lambda_powertools", "logging", "argparse", "tomllib")


def imported(statement: str, *options: str) -> set[str]:
    """Run a statement in a fresh interpreter; give the top-level modules that it brought in."""
    script = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, *options, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", CORE)
def test_core_is_standard_library_only(module: str) -> None:
    """A core module must bring in no AWS, no logging, no command line and no TOML parser."""
    assert imported(f"import enricher.{module}") & set(FORBIDDEN) == set()


def test_core_needs_nothing_installed() -> None:
    """The core must run without site-packages, as in a clone with nothing installed."""
    brought = imported(
        "sys.path.insert(0, '.'); import enricher.cli.enrich, enricher.cli.explain", "-I", "-S"
    )
    assert not [name for name in brought if name.partition(".")[0] in ("boto3", "yaml", "moto")]


def test_handler_imports_only_what_its_route_uses(tmp_path: Path) -> None:
    """An SNS function must import no other destination, no other format and nothing of authoring."""
    bundle = tmp_path / "bundle.json"
    subprocess.run([sys.executable, "-m", "enricher", "compile", "--output", bundle], cwd=ROOT, check=True)
    brought = imported(
        "import os\n"
        "os.environ.update(TOPIC_ARN='arn:aws:sns:x:111122223333:t', AWS_DEFAULT_REGION='eu-west-1')\n"
        f"from enricher import mapping; from pathlib import Path; mapping.BUNDLE = Path({str(bundle)!r})\n"
        "import enricher.handler"
    )
    ours = {name for name in brought if name.startswith("enricher.")}
    unused = (
        "cli",
        "authoring",
        "intake",
        "attack_import",
        "overrides",
        "security_hub",
        "ecs",
        "ocsf",
        "text",
        "chat",
        "asff",
    )
    assert {name for name in ours if any(part in name for part in unused)} == {"enricher.formats.json_text"}
    assert not brought & {"tomllib", "aws_lambda_powertools.utilities.idempotency", "pydantic"}
