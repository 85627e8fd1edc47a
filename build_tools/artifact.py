"""Build the Lambda's artifact: the code, the compiled mapping and the libraries it runs with, in one folder.

`sam build` comes here through the Makefile. Run it with the Lambda's own Python: the bytecode is of the
interpreter that runs this.

What makes it small and quick to start, each step measured (docs/deployment.md):
- botocore describes over 400 AWS services; only those that a route calls stay, and its table of endpoints is
  cut to them in place;
- SAM dates every file of a package 1980, so that time-stamped bytecode would be stale on arrival: it is
  compiled to be taken without a look at its source.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import py_compile
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

#: The services that a route may call.
SERVICES = frozenset({"dynamodb", "s3", "securityhub", "sns", "sqs", "ssm"})

#: Of this package only what runs in Lambda: the command line and the mapping's maintenance stay out.
NOT_IN_LAMBDA = ("__pycache__", "__main__.py", "authoring", "cli")

#: Parts of the libraries that no route reaches, by path from the artifact's root.
UNREACHED = (
    "bin",  # console scripts of the libraries
    "boto3/data",  # descriptions of boto3's resource objects; only clients are made
    "boto3/examples",
    "aws_lambda_powertools/event_handler",  # HTTP APIs
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parser",  # pydantic
    "aws_lambda_powertools/utilities/streaming",
)

#: Where Lambda unpacks a function: what tracebacks will say.
TASK_ROOT = "/var/task"


def install_libraries(artifact: Path) -> None:
    """Install the locked run-time libraries for Lambda's arm64; wheels only: nothing is compiled here."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"),
            *("--platform", "manylinux2014_aarch64", "--implementation", "cp", "--python-version", "3.13"),
            *("--target", str(artifact), "--requirement", str(ROOT / "requirements.txt")),
        ],
        check=True,
    )


def copy_code(artifact: Path) -> None:
    """Copy the package as far as a route needs it."""
    ignored = shutil.ignore_patterns(*NOT_IN_LAMBDA)
    shutil.copytree(ROOT / "enricher", artifact / "enricher", ignore=ignored, dirs_exist_ok=True)
    shutil.copy2(ROOT / "NOTICE", artifact / "NOTICE")


def compile_mapping(artifact: Path) -> None:
    """Compile the mapping into the artifact; an invalid record fails the build with every fault named."""
    output = artifact / "enricher" / "bundle.json"
    subprocess.run(
        [sys.executable, "-m", "enricher", "compile", "--output", str(output)], check=True, cwd=ROOT
    )


def remove_unreached(artifact: Path) -> None:
    """Remove what no route reaches."""
    for place in UNREACHED:
        shutil.rmtree(artifact / place, ignore_errors=True)
    for service in (artifact / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for example in (artifact / "botocore" / "data").glob("*/*/examples-1.json*"):
        example.unlink()


def cut_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Cut botocore's table of endpoints to the services that a route calls; every Region stays."""
    partitions = [
        partition | {"services": {key: row for key, row in partition["services"].items() if key in SERVICES}}
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def shrink_endpoints(artifact: Path) -> None:
    """Cut the artifact's copy of the table, in place: parsing all of it is a sixth of a client's start."""
    path = artifact / "botocore" / "data" / "endpoints.json"
    cut = cut_endpoints(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(cut, separators=(",", ":")), encoding="utf-8")


def compile_bytecode(artifact: Path) -> None:
    """Compile all code to bytecode that is valid whatever date its source file bears."""
    done = compileall.compile_dir(
        artifact,
        quiet=1,
        stripdir=os.fspath(artifact),
        prependdir=TASK_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit("some code does not compile")


def build(artifact: Path) -> None:
    """Build the artifact in an empty or missing folder."""
    artifact.mkdir(parents=True, exist_ok=True)
    if any(artifact.iterdir()):
        raise SystemExit(f"{artifact} is not empty")
    copy_code(artifact)
    compile_mapping(artifact)
    install_libraries(artifact)
    remove_unreached(artifact)
    shrink_endpoints(artifact)
    compile_bytecode(artifact)


def main() -> None:
    """Build into the folder named on the command line and say what came of it."""
    parser = argparse.ArgumentParser(description="Build the Lambda's artifact.")
    parser.add_argument("folder", type=Path, help="where to build it; must be empty or missing")
    folder = parser.parse_args().folder.resolve()
    try:
        build(folder)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"not built: {shlex.join(map(str, error.cmd))} failed, as it says above") from None
    files = [path for path in folder.rglob("*") if path.is_file()]
    print(f"{folder.name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
