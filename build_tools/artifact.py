"""Build the Lambda deployment artifact: code, compiled mapping and runtime libraries, in one folder.

`sam build` runs this through the Makefile. Run it with the Python version of the Lambda runtime: bytecode
works only in the version that compiled it.

To keep the artifact small and the cold start short (measurements: docs/deployment.md):
- botocore contains models of over 400 AWS services; only those that a route calls are kept, and botocore's
  endpoints.json is trimmed to them; the models that are kept lose their documentation and compression;
- SAM sets the modification time of every packaged file to 1980, which would invalidate timestamp-based
  bytecode: it is compiled with unchecked hashes instead (PEP 552).
"""

from __future__ import annotations

import argparse
import compileall
import gzip
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
SERVICES = frozenset({"dynamodb", "organizations", "s3", "securityhub", "sns", "sqs", "ssm"})

#: Parts of this package that do not run in Lambda: the command line, what it does with a stack, its pages,
#: the upkeep of the mapping.
NOT_IN_LAMBDA = ("__pycache__", "__main__.py", "authoring", "cli", "operations", "pages")

#: The function that runs none of the routes; the rest of its package is for the command line.
DRIFT_WATCH = ("enricher/operations/__init__.py", "enricher/operations/drift_watch.py")

#: Parts of the libraries that no route uses, as paths relative to the artifact's root.
UNUSED = (
    "bin",  # console scripts of the libraries
    "boto3/data",  # models of boto3's resource objects; only clients are used
    "boto3/examples",
    "aws_lambda_powertools/event_handler",  # HTTP APIs
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parser",  # pydantic
    "aws_lambda_powertools/utilities/streaming",
)

#: The folder in which Lambda unpacks a function, for the paths in tracebacks.
TASK_ROOT = "/var/task"


def install_libraries(artifact: Path) -> None:
    """Install the locked runtime libraries for Lambda on arm64, from wheels only: nothing is compiled."""
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
    """Copy the parts of the package that run in Lambda, LICENSE and NOTICE."""
    ignored = shutil.ignore_patterns(*NOT_IN_LAMBDA)
    shutil.copytree(ROOT / "enricher", artifact / "enricher", ignore=ignored, dirs_exist_ok=True)
    for path in DRIFT_WATCH:
        (artifact / path).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / path, artifact / path)
    for name in ("LICENSE", "NOTICE"):
        shutil.copy2(ROOT / name, artifact / name)


def compile_mapping(artifact: Path) -> None:
    """Compile the mapping into the artifact; an invalid mapping fails the build and reports every problem."""
    output = artifact / "enricher" / "bundle.json"
    subprocess.run(
        [sys.executable, "-m", "enricher", "compile", "--output", str(output)], check=True, cwd=ROOT
    )


def remove_unused(artifact: Path) -> None:
    """Remove the parts of the libraries that no route uses."""
    for path in UNUSED:
        shutil.rmtree(artifact / path, ignore_errors=True)
    for service in (artifact / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for example in (artifact / "botocore" / "data").glob("*/*/examples-1.json*"):
        example.unlink()


def without_documentation(model: Any) -> Any:
    """Return a service model with "" for each documentation text, which botocore's S3 client requires.

    Shapes and members named documentation, which are objects, are kept.
    """
    if isinstance(model, list):
        return [without_documentation(item) for item in model]
    if not isinstance(model, dict):
        return model
    return {
        key: "" if key == "documentation" and isinstance(item, str) else without_documentation(item)
        for key, item in model.items()
    }


def trim_models(artifact: Path) -> None:
    """Replace each service model by one without documentation and compression, which is faster to read."""
    for path in (artifact / "botocore" / "data").glob("*/*/service-2.json.gz"):
        model = without_documentation(json.loads(gzip.decompress(path.read_bytes())))
        path.with_suffix("").write_text(json.dumps(model, separators=(",", ":")), encoding="utf-8")
        path.unlink()


def trim_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Return botocore's endpoints.json with only the services that a route calls; every Region is kept."""
    partitions = [
        partition | {"services": {key: row for key, row in partition["services"].items() if key in SERVICES}}
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def trim_endpoints_file(artifact: Path) -> None:
    """Trim the artifact's endpoints.json: parsing the full file is a sixth of the time to create a client."""
    path = artifact / "botocore" / "data" / "endpoints.json"
    trimmed = trim_endpoints(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(trimmed, separators=(",", ":")), encoding="utf-8")


def compile_bytecode(artifact: Path) -> None:
    """Compile all code to bytecode that does not depend on the modification time of its source."""
    done = compileall.compile_dir(
        artifact,
        quiet=1,
        stripdir=os.fspath(artifact),
        prependdir=TASK_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit("some modules failed to compile, see above")


def build(artifact: Path) -> None:
    """Build the artifact in a folder that is empty or does not exist; exit if it is not empty."""
    artifact.mkdir(parents=True, exist_ok=True)
    if any(artifact.iterdir()):
        raise SystemExit(f"{artifact} is not empty")
    copy_code(artifact)
    compile_mapping(artifact)
    install_libraries(artifact)
    remove_unused(artifact)
    trim_models(artifact)
    trim_endpoints_file(artifact)
    compile_bytecode(artifact)


def main() -> None:
    """Build into the folder given on the command line and print the number of files and the size."""
    parser = argparse.ArgumentParser(description="Build the Lambda deployment artifact.")
    parser.add_argument("folder", type=Path, help="output folder; must be empty or not exist")
    folder = parser.parse_args().folder.resolve()
    try:
        build(folder)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"build failed: {shlex.join(map(str, error.cmd))}: see its output above") from None
    files = [path for path in folder.rglob("*") if path.is_file()]
    print(f"{folder.name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
