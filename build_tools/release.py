"""Make a release of the built artifact, for those who may not use SAM: python -m build_tools.release.

Reads .aws-sam/build/SiemFunction (`make build`) and writes to dist/release/:
- guardduty-attack-enricher-VERSION.zip: the artifact of all functions, the same bytes for the same contents;
- guardduty-attack-enricher-VERSION.template.json: plain CloudFormation, without a transform; its parameters
  ArtifactBucketPrefix and ArtifactKey say where the zip is: in the bucket PREFIX-REGION of each Region;
- guardduty-attack-enricher-VERSION.cdx.json: what the zip contains (CycloneDX), with licences;
- SHA256SUMS: checksums of these files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

from build_tools.sam_template import ROOT, expand, read_template
from enricher import __version__

NAME = f"guardduty-attack-enricher-{__version__}"
ARTIFACT = ROOT / ".aws-sam" / "build" / "SiemFunction"
OUTPUT = ROOT / "dist" / "release"

#: The most that CloudFormation reads from a TemplateURL.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_TEMPLATE_BYTES = 1_048_576

#: The earliest time that a zip can store: the contents alone decide the checksum.
_NO_TIME = (1980, 1, 1, 0, 0, 0)

_PARAMETERS: dict[str, dict[str, Any]] = {
    "ArtifactBucketPrefix": {
        "Type": "String",
        "Description": (
            "Name, without -REGION, of the buckets with the artifact: the code of a function must be in a "
            "bucket of its own Region, so that the artifact for eu-west-1 is in PREFIX-eu-west-1."
        ),
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,44}$",
        "ConstraintDescription": "the beginning of a bucket name, at most 45 characters",
    },
    "ArtifactKey": {
        "Type": "String",
        "Description": "Key of the artifact, a zip, in these buckets; a new release needs another key.",
        "Default": f"{NAME}.zip",
        "AllowedPattern": "^[A-Za-z0-9_./=+@-]{1,1024}$",
        "ConstraintDescription": "the key of an S3 object",
    },
}


def plain_template() -> dict[str, Any]:
    """Return the template that needs no transform and takes the place of the artifact as parameters."""
    template = read_template()
    template["Parameters"] |= _PARAMETERS
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.insert(0, {"Label": {"default": "Artifact"}, "Parameters": list(_PARAMETERS)})
    bucket = {"Fn::Sub": "${ArtifactBucketPrefix}-${AWS::Region}"}
    plain = expand(template, {"Bucket": bucket, "Key": {"Ref": "ArtifactKey"}})
    # Facts for the Serverless Application Repository, and of the build: no use without SAM.
    del plain["Metadata"]["AWS::ServerlessRepo::Application"]
    for resource in plain["Resources"].values():
        resource.get("Metadata", {}).pop("BuildMethod", None)
    return plain


def write_template(path: Path) -> None:
    """Write the plain template, without spaces; exit if CloudFormation would not read it."""
    data = json.dumps(plain_template(), separators=(",", ":")).encode()
    if len(data) >= MAX_TEMPLATE_BYTES:
        raise SystemExit(
            f"{path.name}: {len(data)} bytes; CloudFormation reads less than {MAX_TEMPLATE_BYTES}"
        )
    path.write_bytes(data + b"\n")


def write_zip(path: Path, folder: Path) -> None:
    """Pack a folder: in name order, without times and with the same permissions everywhere."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(item for item in folder.rglob("*") if item.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def write_sbom(path: Path, cyclonedx: Path) -> None:
    """Write the bill of materials of the runtime libraries, read from an environment that has only these.

    cyclonedx: the command cyclonedx-py. A requirements file would give neither licences nor dependencies.
    """
    environment = ROOT / ".build" / "runtime"
    venv.create(environment, clear=True, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
            *("--disable-pip-version-check", "--require-hashes", "--no-deps"),
            *("--requirement", str(ROOT / "requirements.txt")),
        ],
        check=True,
    )
    subprocess.run(
        [
            *(str(cyclonedx), "environment", "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type"),
            *("application", "--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6"),
            *("--output-file", str(path), str(python)),
        ],
        check=True,
    )
    bill = json.loads(path.read_text(encoding="utf-8"))
    bill["metadata"]["component"]["version"] = __version__
    path.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS, which `sha256sum --check` reads."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


def main() -> None:
    """Make the release; the command line has the path of cyclonedx-py."""
    [cyclonedx] = map(Path, sys.argv[1:])
    if not ARTIFACT.is_dir():
        raise SystemExit(f"{ARTIFACT.relative_to(ROOT)} not found: run `make build` first")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    write_zip(OUTPUT / f"{NAME}.zip", ARTIFACT)
    write_template(OUTPUT / f"{NAME}.template.json")
    write_sbom(OUTPUT / f"{NAME}.cdx.json", cyclonedx)
    write_checksums(OUTPUT)
    for path in sorted(OUTPUT.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
