"""Build the Lambda deployment artifact: code, compiled mapping and runtime libraries, in one folder.

`sam build` runs this through the Makefile. Run it with the Python version of the Lambda runtime: bytecode
works only in the version that compiled it.

To keep the artifact small and the cold start short (measurements: docs/deployment.md):
- botocore contains models of over 400 AWS services; only the operations that a function calls are kept,
  without documentation and compression, and botocore's endpoints.json is trimmed to their services;
- SAM sets the modification time of every packaged file to 1980, which would invalidate timestamp-based
  bytecode: it is compiled with unchecked hashes instead (PEP 552).
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

#: The operations that a function calls, and those that botocore itself calls: DynamoDB's endpoint discovery,
#: S3's look-up of a bucket's Region and its sessions with a directory bucket.
OPERATIONS = {
    "dynamodb": frozenset(("BatchGetItem", "BatchWriteItem", "PutItem", "DescribeEndpoints")),
    "organizations": frozenset(("DescribeAccount",)),
    "s3": frozenset(("GetObject", "HeadBucket", "CreateSession")),
    "securityhub": frozenset(("BatchImportFindings", "BatchUpdateFindings", "GetFindings")),
    "sns": frozenset(("Publish", "PublishBatch")),
    "sqs": frozenset(("ChangeMessageVisibility", "SendMessage")),
    "ssm": frozenset(("GetParameter",)),
}

#: Parts of this package that do not run in Lambda: the command line, what it does with a stack, its pages,
#: the upkeep of the mapping.
NOT_IN_LAMBDA = ("__pycache__", "__main__.py", "authoring", "cli", "operations", "pages")

#: The function that runs none of the routes; the rest of its package is for the command line.
DRIFT_WATCH = ("enricher/operations/__init__.py", "enricher/operations/drift_watch.py")

#: Parts of the libraries that no function imports, as paths relative to the artifact's root. The licenses of
#: the libraries stay, and what Powertools' environment variables can switch on.
UNUSED = (
    "bin",  # console scripts of the libraries
    "aws_lambda_powertools/event_handler",  # HTTP APIs
    "aws_lambda_powertools/metrics/provider/datadog",
    *(
        f"aws_lambda_powertools/utilities/{name}"
        for name in (
            *("auth_alpha", "batch", "circuit_breaker", "data_classes", "data_masking", "feature_flags"),
            *("idempotency", "kafka", "metadata", "parameters", "parser", "streaming", "validation"),
        )
    ),
    "boto3/data",  # models of boto3's resource objects; only clients are used
    "boto3/examples",
    "dateutil/easter.py",
    "dateutil/rrule.py",  # recurrences
    "dateutil/zoneinfo",  # time zones for a system without; botocore uses UTC and local time
    "s3transfer/crt.py",  # needs awscrt
    "s3transfer/processpool.py",
    "urllib3/contrib/emscripten",
    "urllib3/contrib/pyopenssl.py",  # needs PyOpenSSL
    "urllib3/contrib/socks.py",  # needs PySocks
    "urllib3/http2/connection.py",  # needs h2
)
#: A module whose content only urllib3/http2/connection.py needs. Every connection imports it, and it imports
#: importlib.metadata, a fortieth of init's time.
EMPTIED = "urllib3/http2/__init__.py"

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
    for path in map(artifact.joinpath, UNUSED):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with (artifact / EMPTIED).open("r+b") as module:  # fails if a release has moved it
        module.truncate()
    data = artifact / "botocore" / "data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in OPERATIONS:
            shutil.rmtree(service)
    for name in ("examples-1", "paginators-1", "waiters-2"):
        for path in data.glob(f"*/*/{name}.*"):
            path.unlink()


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


def shapes_of(value: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part of a service model refers to."""
    if isinstance(value, list):
        for item in value:
            yield from shapes_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "shape" and isinstance(item, str):
                yield item
            else:
                yield from shapes_of(item)


def trim_model(model: dict[str, Any], operations: Collection[str]) -> dict[str, Any]:
    """Return a service model with only these operations and the shapes that they and any error refer to."""
    model = without_documentation(model)
    kept = {name: operation for name, operation in model["operations"].items() if name in operations}
    shapes = model["shapes"]
    errors = [name for name, shape in shapes.items() if shape.get("exception")]
    waiting, used = [*shapes_of(kept), *errors], set()
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += shapes_of(shapes[name])
    return model | {"operations": kept, "shapes": {name: shapes[name] for name in shapes if name in used}}


def trim_models(artifact: Path) -> None:
    """Trim each service model and leave it uncompressed, which is faster to read."""
    for service, operations in OPERATIONS.items():
        for path in (artifact / "botocore" / "data" / service).glob("*/service-2.json.gz"):
            model = trim_model(json.loads(gzip.decompress(path.read_bytes())), operations)
            path.with_suffix("").write_text(json.dumps(model, separators=(",", ":")), encoding="utf-8")
            path.unlink()


def trim_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Return botocore's endpoints.json with only the services that a route calls; every Region is kept."""
    partitions = [
        partition
        | {"services": {key: row for key, row in partition["services"].items() if key in OPERATIONS}}
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def trim_endpoints_file(artifact: Path) -> None:
    """Trim the artifact's endpoints.json: parsing the full file is a sixth of the time to create a client."""
    path = artifact / "botocore" / "data" / "endpoints.json"
    trimmed = trim_endpoints(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(trimmed, separators=(",", ":")), encoding="utf-8")


def compile_bytecode(artifact: Path) -> None:
    """Compile all code to bytecode that does not depend on the modification time of its source.

    Without the columns of each instruction, a tenth of the artifact: tracebacks name file and line.
    """
    subprocess.run(
        [
            *(sys.executable, "-X", "no_debug_ranges", "-m", "compileall", "-q"),
            *("--invalidation-mode", "unchecked-hash", "-s", artifact, "-p", TASK_ROOT, artifact),
        ],
        check=True,
    )


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


def zipped_sizes(artifact: Path) -> Counter[str]:
    """Return the bytes of an artifact as `sam package` zips it, by library; "enricher" is our own."""
    sizes: Counter[str] = Counter()
    for path in artifact.rglob("*"):
        if path.is_file():
            name = path.relative_to(artifact)
            deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            size = len(deflate.compress(path.read_bytes()) + deflate.flush())
            # An entry has its name and 76 bytes twice: before its content, and in the archive's directory.
            top = name.parts[1] if name.parts[0] == "__pycache__" else name.parts[0]
            sizes[re.split(r"[-.]", top)[0]] += size + 76 + 2 * len(name.as_posix())
    return sizes


def main() -> None:
    """Build into the folder given on the command line and print the number of files and the size."""
    parser = argparse.ArgumentParser(description="Build the Lambda deployment artifact.")
    parser.add_argument("folder", type=Path, help="output folder; must be empty or not exist")
    folder = parser.parse_args().folder.resolve()
    try:
        build(folder)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"build failed: {shlex.join(map(str, error.cmd))}: see its output above") from None
    sizes = zipped_sizes(folder)
    others = sizes.total() - sizes["boto3"] - sizes["botocore"]
    zipped = f"{sizes.total() / 1e6:.1f} MB zipped, {others / 1e6:.1f} without boto3 and botocore"
    print(f"{folder.name}: {zipped}")


if __name__ == "__main__":
    main()
