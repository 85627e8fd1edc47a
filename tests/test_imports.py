"""Test what may import what: by the source for packages, in a fresh process for libraries."""

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


#: What each package of `enricher` may import of the others; `settings` and the version are everybody's.
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
    "cli": ("authoring", "formats", "enrichment", "mapping", "attack", "finding"),
    "settings": (),
    "handler": ("delivery", "mapping"),
    "__main__": ("cli",),
    "__init__": (),
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "enricher").rglob("*.py"))
}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full name of all that a module imports: `package.name` for `from package import name`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str:
    """Return the module of ours that holds `name`, "" if none does."""
    return next((part for part in (name, name.rpartition(".")[0]) if part in MODULES), "")


@pytest.mark.parametrize("module", MODULES)
def test_package_imports_only_what_its_layer_may(module: str) -> None:
    """A module imports its own package and the layers below it; no product code imports tests or the demo."""
    package = module.removeprefix("enricher").lstrip(".").partition(".")[0] or "__init__"
    allowed = {package, "settings", "__version__", *ALLOWED[package]}
    names = [name.split(".") for name in imports_of(MODULES[module])]
    wrong = [name for name in names if name[0] == "enricher" and name[1] not in allowed]
    wrong += [name for name in names if name[0] in ("tests", "demo", "build_tools", "bench")]
    assert [] == wrong


def test_modules_import_each_other_in_no_cycle() -> None:
    """Every module can be read with only those before it in mind."""
    graph = {
        module: {module_of(name) for name in imports_of(path)} - {module, ""}
        for module, path in MODULES.items()
    }
    assert len(MODULES) == len(list(TopologicalSorter(graph).static_order()))


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
        "from enricher.mapping import model; from pathlib import Path\n"
        f"model.BUNDLE = Path({str(bundle)!r}); import enricher.handler"
    )
    ours = {name for name in brought if name.startswith("enricher.")}
    parts = {part for name in ours for part in name.split(".")[1:]}
    unused = {"cli", "authoring", "overrides", "asff", "security_hub", "ecs", "ocsf", "text", "chat"}
    assert set() == parts & unused
    assert not brought & {"tomllib", "aws_lambda_powertools.utilities.idempotency", "pydantic"}
