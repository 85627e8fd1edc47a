"""Test the files of a release: template, zip and checksums."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from build_tools import release
from build_tools.release import plain_template, write_checksums, write_template, write_zip
from tests.template.stack import template


def test_template_needs_no_transform_and_is_small(tmp_path: Path) -> None:
    """A template with a transform is refused by service-managed StackSets, one of 1 MB by TemplateURL."""
    path = tmp_path / "template.json"
    write_template(path)
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 1_048_576
    assert not {"Transform", "Globals"} & plain.keys()
    assert not [name for name, row in plain["Resources"].items() if "Serverless" in row["Type"]]


def test_template_that_is_too_large_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template at CloudFormation's limit must stop the release and name the sizes."""
    monkeypatch.setattr(release, "MAX_TEMPLATE_BYTES", 1000)
    with pytest.raises(SystemExit, match="CloudFormation reads less than 1000"):
        write_template(tmp_path / "template.json")


def test_every_function_takes_the_artifact_of_its_own_region() -> None:
    """All functions have the same artifact: ArtifactKey in the bucket ArtifactBucketPrefix-REGION."""
    functions = [
        row for row in plain_template()["Resources"].values() if row["Type"] == "AWS::Lambda::Function"
    ]
    location = {
        "S3Bucket": {"Fn::Sub": "${ArtifactBucketPrefix}-${AWS::Region}"},
        "S3Key": {"Ref": "ArtifactKey"},
    }
    assert len(functions) >= 3
    assert [location] * len(functions) == [row["Properties"]["Code"] for row in functions]


def test_plain_template_keeps_parameters_outputs_and_retention() -> None:
    """Only the two parameters of the artifact are added; what holds findings is retained as in the source."""
    plain, source = plain_template(), template()
    added = {"ArtifactBucketPrefix", "ArtifactKey"}
    assert plain["Parameters"].keys() == source["Parameters"].keys() | added
    assert len(plain["Parameters"]) <= 35
    assert plain["Outputs"].keys() == source["Outputs"].keys()
    groups = plain["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert plain["Parameters"].keys() == {name for group in groups for name in group["Parameters"]}
    for name, row in source["Resources"].items():
        assert row.get("DeletionPolicy") == plain["Resources"][name].get("DeletionPolicy"), name
        assert row.get("Condition") == plain["Resources"][name].get("Condition"), name


def test_zip_depends_on_the_contents_only(tmp_path: Path) -> None:
    """The same files must make the same zip, whatever their dates, and be readable in Lambda."""
    zips = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        (folder / "package").mkdir(parents=True)
        for name in ("b.py", "a.py") if number == 1 else ("a.py", "b.py"):
            (folder / "package" / name).write_text(name, encoding="utf-8")
            (folder / "package" / name).chmod(0o600 if number == 1 else 0o755)
        write_zip(tmp_path / f"{number}.zip", folder)
        zips.append((tmp_path / f"{number}.zip").read_bytes())
    assert zips[0] == zips[1]
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert ["package/a.py", "package/b.py"] == archive.namelist()
        assert {0o644} == {entry.external_attr >> 16 for entry in archive.infolist()}


def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    """SHA256SUMS has one line for each other file, in the form that `sha256sum --check` reads."""
    (tmp_path / "a.zip").write_bytes(b"abc")
    write_checksums(tmp_path)
    write_checksums(tmp_path)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert f"{digest}  a.zip\n" == (tmp_path / "SHA256SUMS").read_text(encoding="ascii")
