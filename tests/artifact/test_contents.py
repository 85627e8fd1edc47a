"""The artifact holds what a route needs and little else, and starts quickly."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from build_tools.artifact import SERVICES, cut_endpoints
from tests.artifact.deployment import batch, client, deploy
from tests.artifact.runtime import lambda_environment
from tests.examples import event
from tests.template.stack import ROOT, Stack
from tests.tiny_mapping import record

HANDLER: str = Stack().globals["Handler"]

#: Budgets with some room: a library that brings in much more must be a decision, not an accident.
MOST_BYTES = 13_000_000
MOST_MODULES = 500

#: Import the handler as Lambda does, run one batch; print what was imported by then and what after.
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
answer = handle(json.load(sys.stdin), Context())
after = sorted(set(sys.modules) - at_init)
print(json.dumps({"init": sorted(at_init), "after": after, "answer": answer}))
"""


def probe(artifact: Path, environment: dict[str, str], records: dict[str, Any]) -> dict[str, Any]:
    """Run the artifact's handler once in a fresh interpreter; give what it imported when."""
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
    [("Siem", {}), ("SecurityHub", {"SecurityHubRoute": "import"}), ("People", {})],
    ids=["siem", "security-hub", "people"],
)
def test_all_is_imported_at_init_and_within_budget(
    artifact: Path, endpoint: str, route: str, parameters: dict[str, str]
) -> None:
    """A delivery imports no module: after init Lambda gives a small function a fraction of a core."""
    if route == "SecurityHub":
        client("securityhub", endpoint).enable_security_hub()
    made = deploy(endpoint, route, f"probe-{route}", **parameters)
    finding = event("iam-root-credential-usage", accountId="123456789012", region="eu-west-1")
    records = batch(client("sqs", endpoint), made.queue_url, [json.dumps(finding)])
    found = probe(artifact, made.environment, records)
    assert ([], {"batchItemFailures": []}) == (found["after"], found["answer"])
    assert len(found["init"]) <= MOST_MODULES, f"{len(found['init'])} modules"


@pytest.mark.parametrize("source", ["s3://team-overrides/mapping.toml", "ssm:/team/overrides"])
def test_overrides_are_read_at_init_and_served(artifact: Path, endpoint: str, source: str) -> None:
    """With overrides in S3 or SSM the delivery tells the team's own record, and still imports nothing."""
    text = record("Recon:EC2/Portscan", confidence='"low"', lineage="", reviewed="")
    kind = source.partition(":")[0]
    if kind == "s3":
        s3 = client("s3", endpoint)
        where = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="team-overrides", CreateBucketConfiguration=where)
        s3.put_object(Bucket="team-overrides", Key="mapping.toml", Body=text)
    else:
        client("ssm", endpoint).put_parameter(Name="/team/overrides", Value=text, Type="String")
    made = deploy(endpoint, "Siem", f"overrides-{kind}", MappingOverrides=source)
    finding = event("ec2-portscan", service={"count": 1})
    found = probe(
        artifact, made.environment, batch(client("sqs", endpoint), made.queue_url, [json.dumps(finding)])
    )
    [message] = made.received()
    technique = json.loads(message["Body"])["attack"]["techniques"][0]
    assert ([], {"batchItemFailures": []}) == (found["after"], found["answer"])
    assert ("T1046", "low", "Ports were scanned.") == tuple(
        technique[key] for key in ("id", "confidence", "rationale")
    )


def test_artifact_is_small(artifact: Path) -> None:
    """The artifact's bytes stay within the budget."""
    assert sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) <= MOST_BYTES


def test_artifact_is_free_of_machine_code(artifact: Path) -> None:
    """Nothing in it is compiled for one processor, so the same artifact is right for arm64."""
    assert [] == [path.name for kind in ("*.so", "*.pyd", "*.dylib") for path in artifact.rglob(kind)]


#: What only the command line imports.
_NOT_IN_LAMBDA = ("enricher/__main__.py", "enricher/authoring", "enricher/cli")


def test_artifact_holds_the_code_and_not_the_command_line(artifact: Path) -> None:
    """Every module is there but those that only the command line uses, and the compiled mapping."""
    inside = {path.relative_to(artifact).as_posix() for path in artifact.glob("enricher/**/*.py")}
    clone = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("enricher/**/*.py")}
    assert clone >= inside
    left_out = {path for path in clone if path.startswith(_NOT_IN_LAMBDA)}
    assert left_out == clone - inside
    assert {"19.2"} == {
        json.loads((artifact / "enricher/bundle.json").read_text("utf-8"))["attack"]["version"]
    }


def test_bytecode_is_taken_whatever_the_date_of_its_source(artifact: Path) -> None:
    """Every module has bytecode that is valid without a look at its source, which SAM dates 1980."""
    for source in artifact.rglob("*.py"):
        header = Path(importlib.util.cache_from_source(source)).read_bytes()[:8]
        # PEP 552: the flag word of a hash-based file that is not checked is 1.
        assert (importlib.util.MAGIC_NUMBER, 1) == (header[:4], int.from_bytes(header[4:8], "little")), source


def test_tracebacks_show_the_path_in_lambda(artifact: Path) -> None:
    """Bytecode names its source where Lambda has it, not where it was built."""
    built = Path(importlib.util.cache_from_source(artifact / "enricher" / "handler.py")).read_bytes()
    assert (True, False) == (b"/var/task/enricher/handler.py" in built, str(artifact).encode() in built)


def test_botocore_knows_the_routes_services_only(artifact: Path) -> None:
    """Of botocore's descriptions of services those of the routes are left."""
    data = artifact / "botocore" / "data"
    assert set(SERVICES) == {path.name for path in data.iterdir() if path.is_dir()}


def test_cut_endpoints_resolve_as_before(artifact: Path) -> None:
    """For every service of a route and every Region the cut table says what the full one says."""
    full = Loader().load_data("endpoints")
    cut = json.loads((artifact / "botocore" / "data" / "endpoints.json").read_text(encoding="utf-8"))
    assert cut_endpoints(full) == cut
    before, after = EndpointResolver(full), EndpointResolver(cut)
    regions = [region for partition in full["partitions"] for region in partition["regions"]]
    assert len(regions) > 30
    for service in SERVICES:
        for region in [*regions, "xx-future-1"]:
            assert before.construct_endpoint(service, region) == after.construct_endpoint(service, region)


def test_an_invalid_mapping_is_not_built(tmp_path: Path) -> None:
    """A clone whose mapping has an invalid record yields no artifact, and the fault is named."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("enricher", "mapping", "build_tools", "NOTICE", "requirements.txt"):
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
