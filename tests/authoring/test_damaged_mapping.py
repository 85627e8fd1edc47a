"""Tests that damaged files of the mapping are reported with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.authoring.loader import read_mapping
from enricher.mapping.problems import InvalidMapping
from tests.tiny_mapping import record, write_mapping


def test_catalogue_that_is_not_json_is_reported(tmp_path: Path) -> None:
    """A damaged attack.json must be reported with the remedy."""
    root = write_mapping(tmp_path / "mapping", {}, {}, catalogue="{")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert [problem.file for problem in caught.value.problems] == ["attack.json"]
    assert str(caught.value).endswith("restore the file")


@pytest.mark.parametrize("catalogue", ["[]", "{}", '{"version": "19.2", "tactics": [], "techniques": {}}'])
def test_malformed_catalogue_is_reported(catalogue: str, tmp_path: Path) -> None:
    """JSON that is not a catalogue must be reported as a problem, not raise another exception."""
    root = write_mapping(tmp_path / "mapping", {}, {}, catalogue=catalogue)
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert [problem.file for problem in caught.value.problems] == ["attack.json"]


@pytest.mark.parametrize("name", ["ec2.toml", "VERSION", "finding-types.csv", "attack.json"])
def test_file_that_is_not_utf8_is_reported(name: str, tmp_path: Path) -> None:
    """A file of the mapping that is not UTF-8 must be reported with the byte position."""
    root = write_mapping(tmp_path / "mapping", {}, {})
    (root / name).write_bytes(b"# caf\xe9")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert f"{root}/{name}:1: byte 5: not UTF-8: save it as UTF-8" in str(caught.value).splitlines()


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """A TOML file saved with a byte order mark must be read."""
    root = write_mapping(
        tmp_path / "mapping", {"ec2.toml": "\ufeff" + record("Recon:EC2/One")}, {"Recon:EC2/One": "ec2"}
    )
    assert list(read_mapping(root).records) == ["Recon:EC2/One"]


@pytest.mark.parametrize("name", ["finding-types.csv", "choices-2020.csv", "aws-custom-detection-rules.csv"])
def test_list_without_its_columns_is_reported(name: str, tmp_path: Path) -> None:
    """A list whose header lacks a column must be reported at its header, after comments."""
    root = write_mapping(tmp_path / "mapping", {}, {})
    (root / name).write_text("# a comment\ntype,finding_type,tactic\n", encoding="utf-8")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    [problem] = caught.value.problems
    assert (name, 2) == (problem.file, problem.line)
    assert problem.message.startswith("the header has no ")
