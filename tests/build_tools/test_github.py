"""Test the CI workflow, the issue forms and the list of make targets in CONTRIBUTING."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.template.stack import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_has_least_permissions_and_pinned_actions(path: Path) -> None:
    """A workflow must only read the repository, keep no token, and use GitHub's own actions by their hash."""
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    used = [
        line.split("uses: ")[1] for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert [use for use in used if not PINNED.fullmatch(use)] == []
    for job in workflow["jobs"].values():
        checkout = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout"))
        assert checkout["with"]["persist-credentials"] is False
        assert "timeout-minutes" in job


def test_ci_runs_all_checks_and_the_core_in_every_supported_python() -> None:
    """CI must run .ci/run, and the core in each minor version from `requires-python` to the newest."""
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["check"]["steps"]]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    versions = jobs["core"]["strategy"]["matrix"]["python"]
    assert oldest == f">={versions[0]}"
    minors = [int(version.removeprefix("3.")) for version in versions]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_ci_runs_the_heavy_targets() -> None:
    """The targets with environments of their own that .ci/run leaves out must have a job each."""
    heavy = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["heavy"]["strategy"]["matrix"]["include"]
    assert {".ci/browser", "make site", "make spark"} == {row["run"] for row in heavy}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_form_is_one_that_github_accepts(path: Path) -> None:
    """A form must have a name, a description and questions: each a unique id, a label and its options."""
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    questions = [row for row in form["body"] if row["type"] != "markdown"]
    assert {row["type"] for row in questions} <= {"input", "textarea", "dropdown", "checkboxes"}
    ids = [row["id"] for row in questions]
    assert len(ids) == len(set(ids)) > 0
    for row in questions:
        assert row["attributes"]["label"]
        assert (row["type"] == "dropdown") == ("options" in row["attributes"])


def test_contributing_lists_every_make_target() -> None:
    """CONTRIBUTING must have a row for each target that `make help` lists, and for no other."""
    listed = set(
        re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    rows = re.findall(
        r"^\| `make .*?\|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {target for row in rows for target in re.findall(r"`make ([a-z-]+)`", row)} == listed
