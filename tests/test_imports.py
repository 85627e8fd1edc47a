"""Test the import rules: from the source for packages, in a new process for libraries."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = (
    "finding.event", "attack.catalog", "mapping.model", "enrichment.enrich",
    "formats.guardduty", "formats.ecs", "formats.ocsf", "formats.text", "formats.chat",
)  # fmt: skip
FORBIDDEN = ("boto3", "botocore", "aws_lambda_powertools", "logging", "argparse", "tomllib")


#: The packages of `enricher` that each package may import; all may import `settings` and `__version__`.
#: Imports inside functions and under TYPE_CHECKING count.
ALLOWED = {
    "finding": (),
    "attack": (),
    "mapping": ("attack",),
    "enrichment": ("finding", "attack", "mapping"),
    "formats": ("enrichment", "finding", "attack"),
    "destinations": ("formats", "enrichment", "finding"),
    "delivery": ("destinations", "enrichment", "mapping", "finding"),
    "authoring": ("enrichment", "mapping", "attack", "finding"),
    "pages": ("authoring", "enrichment", "mapping", "attack", "finding"),
    "lines": ("formats", "enrichment", "mapping", "finding"),
    "operations": ("destinations", "formats", "enrichment", "mapping", "finding"),
    "cli": ("operations", "pages", "authoring", "formats", "enrichment", "mapping", "attack", "finding"),
    "settings": (),
    "handler": ("delivery", "destinations", "mapping"),
    "__main__": ("cli",),
    "__init__": (),
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "enricher").rglob("*.py"))
}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full name of each import of a module: `package.name` for `from package import name`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import, use the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str:
    """Return the module of `enricher` that defines `name`, "" if none does."""
    return next((part for part in (name, name.rpartition(".")[0]) if part in MODULES), "")


@pytest.mark.parametrize("module", MODULES)
def test_package_imports_only_its_layer_and_below(module: str) -> None:
    """A module must import only its own package and the layers below it, and no tests, demo or tools."""
    package = module.removeprefix("enricher").lstrip(".").partition(".")[0] or "__init__"
    allowed = {package, "settings", "__version__", *ALLOWED[package]}
    names = [name.split(".") for name in imports_of(MODULES[module])]
    wrong = [name for name in names if name[0] == "enricher" and name[1] not in allowed]
    wrong += [name for name in names if name[0] in ("tests", "demo", "build_tools", "bench")]
    assert [] == wrong


def test_imports_have_no_cycle() -> None:
    """The imports between modules must have no cycle."""
    graph = {
        module: {module_of(name) for name in imports_of(path)} - {module, ""}
        for module, path in MODULES.items()
    }
    assert len(MODULES) == len(list(TopologicalSorter(graph).static_order()))


def imported(statement: str, *options: str) -> set[str]:
    """Run a statement in a new interpreter; return the names of the modules that it imported."""
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
def test_core_imports_only_the_standard_library(module: str) -> None:
    """A core module must import no AWS library, logging, argparse or TOML parser."""
    assert imported(f"import enricher.{module}") & set(FORBIDDEN) == set()


def test_command_line_runs_without_site_packages() -> None:
    """`enrich` and `explain` must be importable without site-packages, as in a clone without a venv."""
    modules = imported(
        "sys.path.insert(0, '.'); import enricher.cli.enrich, enricher.cli.explain", "-I", "-S"
    )
    assert not [name for name in modules if name.partition(".")[0] in ("boto3", "yaml", "moto")]


def test_handler_imports_only_what_its_route_uses(tmp_path: Path) -> None:
    """An SNS function must import no other destination, no other format and no authoring module."""
    bundle = tmp_path / "bundle.json"
    subprocess.run([sys.executable, "-m", "enricher", "compile", "--output", bundle], cwd=ROOT, check=True)
    modules = imported(
        "import os\n"
        "os.environ.update(TOPIC_ARN='arn:aws:sns:x:111122223333:t', AWS_DEFAULT_REGION='eu-west-1')\n"
        "from enricher.mapping import model; from pathlib import Path\n"
        f"model.BUNDLE = Path({str(bundle)!r}); import enricher.handler"
    )
    own_modules = {name for name in modules if name.startswith("enricher.")}
    parts = {part for name in own_modules for part in name.split(".")[1:]}
    unused = {"cli", "authoring", "overrides", "asff", "security_hub", "ecs", "ocsf", "text", "chat"}
    assert set() == parts & unused
    assert not modules & {"tomllib", "aws_lambda_powertools.utilities.idempotency", "pydantic"}
