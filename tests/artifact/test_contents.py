"""Test that the artifact contains what the routes need, little else, and starts quickly."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import botocore
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.regions import EndpointResolver

from build_tools.artifact import DRIFT_WATCH, OPERATIONS, trim_endpoints, zipped_sizes
from tests.artifact.deployment import batch, client, deploy
from tests.artifact.runtime import lambda_environment
from tests.examples import event
from tests.template.stack import ROOT, Stack
from tests.tiny_mapping import record

HANDLER: str = Stack().globals["Handler"]

#: Budgets with some room, so that a much larger dependency is a decision, not an accident. Bytes as zipped by
#: `sam package`: of all, and of what is neither boto3 nor botocore.
MAX_ZIPPED, MAX_ZIPPED_OTHERS = 3_300_000, 1_800_000
MAX_MODULES = 440

#: Operations that the code does not call, but botocore by itself.
CALLED_BY_BOTOCORE = {"CreateSession", "DescribeEndpoints", "HeadBucket"}

#: Import the handler as Lambda does, run one batch; print the modules imported at init and after it.
PROBE = """
import json, sys
artifact, handler = sys.argv[1:]
sys.path[:0] = [artifact]
import importlib
module, _, name = handler.rpartition(".")
handle = getattr(importlib.import_module(module), name)
at_init = set(sys.modules)
class Context:
    aws_request_id = "request"
    function_name = "function"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:function"
    def get_remaining_time_in_millis(self):
        return 60_000
response = handle(json.load(sys.stdin), Context())
after = sorted(set(sys.modules) - at_init)
print(json.dumps({"init": sorted(at_init), "after": after, "response": response}))
"""


def probe(artifact: Path, environment: dict[str, str], records: dict[str, Any]) -> dict[str, Any]:
    """Run the artifact's handler once in a new interpreter.

    Returns the modules imported at `init` and `after` it, and the handler's `response`.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, artifact, HANDLER],
        input=json.dumps(records),
        env=lambda_environment(artifact, HANDLER, "") | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize(
    ("route", "parameters"),
    [
        ("Siem", {}),
        ("Siem", {"SiemFormat": "ecs"}),
        ("Siem", {"SiemFormat": "ocsf"}),
        ("SecurityHub", {"SecurityHubRoute": "annotate"}),
        ("SecurityHub", {"SecurityHubRoute": "import"}),
        ("Notification", {}),
        ("Notification", {"NotificationRoute": "chat"}),
    ],
    ids=["siem", "ecs", "ocsf", "annotate", "import", "text", "chat"],
)
def test_all_modules_are_imported_at_init_and_within_budget(
    artifact: Path, endpoint: str, route: str, parameters: dict[str, str]
) -> None:
    """A batch must import no module: after init a small Lambda function has only a fraction of a vCPU."""
    if route == "SecurityHub":
        client("securityhub", endpoint).enable_security_hub()
    deployment = deploy(endpoint, route, f"probe-{route}{''.join(parameters.values())}", **parameters)
    finding = event("iam-root-credential-usage", accountId="123456789012", region="eu-west-1")
    records = batch(client("sqs", endpoint), deployment.queue_url, [json.dumps(finding)])
    found = probe(artifact, deployment.environment, records)
    # Security Hub does not have the finding yet: annotate delays it, which must import nothing either.
    failed = len(records["Records"]) if "annotate" in parameters.values() else 0
    assert ([], failed) == (found["after"], len(found["response"]["batchItemFailures"]))
    assert len(found["init"]) <= MAX_MODULES, f"{len(found['init'])} modules"
    # boto3 brings the S3 transfer manager and multiprocessing, urllib3's HTTP/2 what reads package metadata.
    unused = {"boto3", "s3transfer", "multiprocessing", "importlib.metadata"}
    assert [] == sorted(unused & set(found["init"]))


def test_settings_of_powertools_need_nothing_that_was_removed(artifact: Path, endpoint: str) -> None:
    """With every switch of Powertools' logger and metrics turned, a batch must still be delivered."""
    deployment = deploy(endpoint, "Siem", "powertools")
    finding = event("ec2-portscan")
    switches = {
        "POWERTOOLS_DEV": "true",
        "POWERTOOLS_DEBUG": "true",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "POWERTOOLS_LOGGER_LOG_EVENT": "true",
        "POWERTOOLS_LOGGER_SAMPLE_RATE": "1",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_METRICS_FUNCTION_NAME": "other",
        "TZ": "Europe/Berlin",
    }
    for environment in ({}, switches, switches | {"POWERTOOLS_DEV": "false"}):
        records = batch(client("sqs", endpoint), deployment.queue_url, [json.dumps(finding)])
        found = probe(artifact, deployment.environment | environment, records)
        assert {"batchItemFailures": []} == found["response"]


@pytest.mark.parametrize("source", ["s3://team-overrides/mapping.toml", "ssm:/team/overrides"])
def test_overrides_are_read_at_init_and_used(artifact: Path, endpoint: str, source: str) -> None:
    """With overrides in S3 or SSM the team's record must be used, and a batch still import nothing."""
    text = record("Recon:EC2/Portscan", confidence='"low"', provenance="", reviewed="")
    kind = source.partition(":")[0]
    if kind == "s3":
        s3 = client("s3", endpoint)
        configuration = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="team-overrides", CreateBucketConfiguration=configuration)
        s3.put_object(Bucket="team-overrides", Key="mapping.toml", Body=text)
    else:
        client("ssm", endpoint).put_parameter(Name="/team/overrides", Value=text, Type="String")
    deployment = deploy(endpoint, "Siem", f"overrides-{kind}", MappingOverrides=source)
    finding = event("ec2-portscan", service={"count": 1})
    found = probe(
        artifact,
        deployment.environment,
        batch(client("sqs", endpoint), deployment.queue_url, [json.dumps(finding)]),
    )
    [message] = deployment.received()
    technique = json.loads(message["Body"])["attack"]["techniques"][0]
    assert ([], {"batchItemFailures": []}) == (found["after"], found["response"])
    assert ("T1046", "low") == (technique["id"], technique["confidence"])
    assert technique["rationale"].startswith("Ports were scanned.")


def test_artifact_is_small(artifact: Path, tmp_path: Path) -> None:
    """The zipped artifact must be within its budget, and so must what is neither boto3 nor botocore."""
    sizes = zipped_sizes(artifact)
    with ZipFile(tmp_path / "artifact.zip", "w", ZIP_DEFLATED) as archive:
        for path in artifact.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(artifact))
    assert abs(sizes.total() - (tmp_path / "artifact.zip").stat().st_size) < 1000
    assert sizes.total() <= MAX_ZIPPED, f"{sizes.total()} bytes zipped"
    others = sizes.total() - sizes["boto3"] - sizes["botocore"]
    assert others <= MAX_ZIPPED_OTHERS, f"{others} bytes zipped without boto3 and botocore"


def test_licenses_of_the_libraries_are_in_the_artifact(artifact: Path) -> None:
    """Each bundled library must keep the license that its wheel has, whatever of it was removed."""
    libraries = [*artifact.glob("*.dist-info")]
    assert len(libraries) >= 9
    missing = [folder.name for folder in libraries if not [*folder.rglob("LICEN[CS]E*")]]
    assert [] == missing


def test_artifact_has_no_native_code(artifact: Path) -> None:
    """The artifact must contain no native libraries, so that it runs on arm64."""
    assert [] == [path.name for kind in ("*.so", "*.pyd", "*.dylib") for path in artifact.rglob(kind)]


#: Used only by the command line.
_NOT_IN_LAMBDA = tuple(
    f"enricher/{name}" for name in ("__main__.py", "authoring", "cli", "operations", "pages")
)


def test_artifact_contains_the_code_without_the_command_line(artifact: Path) -> None:
    """The artifact must contain the compiled mapping and every module except those of the command line."""
    packaged = {path.relative_to(artifact).as_posix() for path in artifact.glob("enricher/**/*.py")}
    clone = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("enricher/**/*.py")}
    assert clone >= packaged
    excluded = {path for path in clone if path.startswith(_NOT_IN_LAMBDA)} - {*DRIFT_WATCH}
    assert excluded == clone - packaged
    assert {"19.2"} == {
        json.loads((artifact / "enricher/bundle.json").read_text("utf-8"))["attack"]["version"]
    }


def test_bytecode_is_valid_whatever_the_date_of_its_source(artifact: Path) -> None:
    """Every module must have bytecode with an unchecked hash: SAM sets the dates of the sources to 1980."""
    for source in artifact.rglob("*.py"):
        header = Path(importlib.util.cache_from_source(source)).read_bytes()[:8]
        # PEP 552: flags = 1 is a hash-based .pyc that is not checked against its source.
        assert (importlib.util.MAGIC_NUMBER, 1) == (header[:4], int.from_bytes(header[4:8], "little")), source


def test_tracebacks_show_the_path_in_lambda(artifact: Path) -> None:
    """Bytecode must have the path of its source in Lambda, not of the build folder."""
    bytecode = Path(importlib.util.cache_from_source(artifact / "enricher" / "handler.py")).read_bytes()
    assert (True, False) == (b"/var/task/enricher/handler.py" in bytecode, str(artifact).encode() in bytecode)


def test_botocore_has_only_the_models_of_the_routes_services(artifact: Path) -> None:
    """Only the service models that the routes use must be left in botocore."""
    data = artifact / "botocore" / "data"
    assert set(OPERATIONS) == {path.name for path in data.iterdir() if path.is_dir()}


def calls_in(source: str) -> set[str]:
    """Return the names of the methods that a module calls."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def test_service_models_have_the_operations_that_the_code_calls(artifact: Path) -> None:
    """The models must have every operation of AWS that the packaged code calls, and no other."""
    sources = [path.read_text(encoding="utf-8") for path in artifact.glob("enricher/**/*.py")]
    called = set().union(*map(calls_in, sources))
    for service, kept in OPERATIONS.items():
        methods = {xform_name(name): name for name in full_model(service)["operations"]}
        assert {methods[name] for name in called & methods.keys()} == kept - CALLED_BY_BOTOCORE


def full_model(service: str) -> Any:
    """Return the model of a service as botocore ships it."""
    return Loader().load_service_model(service, "service-2")


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_service_models_keep_all_that_their_operations_need(artifact: Path, service: str) -> None:
    """Each operation must be as in the full model with every shape that it refers to, without the texts."""
    full = full_model(service)
    loader = Loader([str(artifact / "botocore" / "data")], include_default_search_paths=False)
    trimmed = loader.load_service_model(service, "service-2")
    assert OPERATIONS[service] == trimmed["operations"].keys()
    assert trimmed["shapes"].keys() >= {name for name, row in full["shapes"].items() if row.get("exception")}
    for part in ("operations", "shapes"):
        assert_trimmed({name: full[part][name] for name in trimmed[part]}, trimmed[part])
    assert_trimmed({**full, "operations": {}, "shapes": {}}, {**trimmed, "operations": {}, "shapes": {}})
    model = ServiceModel(trimmed, service)
    seen: set[str] = set()
    for name in model.operation_names:
        operation = model.operation_model(name)
        for shape in (operation.input_shape, operation.output_shape, *operation.error_shapes):
            resolve(shape, seen)
    assert [] == [*(artifact / "botocore" / "data" / service).glob("*/service-2.json.gz")]


def resolve(shape: Shape | None, seen: set[str]) -> None:
    """Resolve a shape and all that it refers to; raise NoShapeFoundError if one is missing."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    members = {**getattr(shape, "members", {})}
    members |= {name: getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)}
    for member in members.values():
        resolve(member, seen)


def assert_trimmed(full: Any, trimmed: Any) -> None:
    """Compare two models; in the trimmed one exactly the texts under the key `documentation` are ""."""
    if isinstance(full, dict):
        assert full.keys() == trimmed.keys()
        for key, value in full.items():
            if key == "documentation" and isinstance(value, str):
                assert trimmed[key] == ""
            else:
                assert_trimmed(value, trimmed[key])
    elif isinstance(full, list):
        assert len(full) == len(trimmed)
        for item, other in zip(full, trimmed, strict=True):
            assert_trimmed(item, other)
    else:
        assert full == trimmed


def test_trimmed_endpoints_resolve_as_before(artifact: Path) -> None:
    """For every service and Region the trimmed endpoints.json must resolve as the full one does."""
    # From its file: botocore's clients change what its loader has cached.
    full = json.loads(
        (Path(botocore.__file__).parent / "data" / "endpoints.json").read_text(encoding="utf-8")
    )
    trimmed = json.loads((artifact / "botocore" / "data" / "endpoints.json").read_text(encoding="utf-8"))
    assert trim_endpoints(full) == trimmed
    before, after = EndpointResolver(full), EndpointResolver(trimmed)
    regions = [region for partition in full["partitions"] for region in partition["regions"]]
    assert len(regions) > 30
    for service in OPERATIONS:
        for region in [*regions, "xx-future-1"]:
            assert before.construct_endpoint(service, region) == after.construct_endpoint(service, region)


def test_license_and_notice_are_in_the_artifact(artifact: Path) -> None:
    """Whoever receives the artifact must receive the license and MITRE's notice for its ATT&CK data."""
    for name in ("LICENSE", "NOTICE"):
        assert (artifact / name).read_bytes() == (ROOT / name).read_bytes()


def test_invalid_mapping_is_not_built(tmp_path: Path) -> None:
    """With an invalid record the build's compile step must fail, report the file and write no bundle."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("enricher", "mapping", "build_tools", "LICENSE", "NOTICE", "requirements.txt"):
        (clone / name).symlink_to(ROOT / name)
    (clone / "mapping").unlink()
    (clone / "mapping").mkdir()
    for path in (ROOT / "mapping").iterdir():
        (clone / "mapping" / path.name).symlink_to(path)
    (clone / "mapping" / "rds.toml").unlink()
    broken = (
        (ROOT / "mapping" / "rds.toml").read_text(encoding="utf-8").replace('tactic = "TA', 'tactic = "TX', 1)
    )
    (clone / "mapping" / "rds.toml").write_text(broken, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "enricher",
            "compile",
            "--root",
            clone / "mapping",
            "--output",
            tmp_path / "b.json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (1, True, False) == (done.returncode, "rds.toml" in done.stderr, (tmp_path / "b.json").exists())
