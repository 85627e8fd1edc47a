"""The `validate` and `compile` commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.cli import main
from enricher.mapping.model import Mapping
from tests.tiny_mapping import record, write_mapping

FAULTY = {
    "ec2.toml": record("Recon:EC2/One", confidence='"sure"') + record("Recon:EC2/Two", lineage='"hearsay"'),
}
TYPES = {"Recon:EC2/One": "ec2", "Recon:EC2/Two": "ec2"}


def test_bundled_mapping_has_no_fault(mapping: Mapping, capsys: pytest.CaptureFixture[str]) -> None:
    """The mapping that ships must be valid, and the answer say what was checked."""
    assert main(["validate"]) == 0
    assert capsys.readouterr().out == f"mapping {mapping.version}, ATT&CK 19.2: 253 records, no fault\n"


def test_every_fault_is_named_with_file_and_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All faults must be named in one run, one a line, and give 1."""
    root = write_mapping(tmp_path / "mapping", FAULTY, TYPES)
    assert main(["validate", str(root)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "ec2.toml: Recon:EC2/One: confidence is 'sure': expected high, medium, low",
        "ec2.toml: Recon:EC2/Two: lineage is 'hearsay': expected 2020, aws, project",
        "2 faults",
    ]


def test_invalid_mapping_is_not_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid mapping must give 1 with its faults and leave no bundle: so it cannot be deployed."""
    root = write_mapping(tmp_path / "mapping", FAULTY, TYPES)
    output = tmp_path / "bundle.json"
    assert main(["compile", "--root", str(root), "--output", str(output)]) == 1
    assert "ec2.toml: Recon:EC2/One: confidence is 'sure'" in capsys.readouterr().err
    assert not output.exists()


def test_compiled_mapping_is_the_mapping(tmp_path: Path, mapping: Mapping) -> None:
    """The compiled file must load as the mapping itself."""
    output = tmp_path / "bundle.json"
    assert main(["compile", "--output", str(output)]) == 0
    loaded = Mapping.load(output)
    assert loaded.records == mapping.records
    assert json.loads(output.read_text(encoding="utf-8"))["version"] == mapping.version


def test_missing_folder_gives_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is no mapping must be named, as the mistake is in the call."""
    assert main(["validate", str(tmp_path)]) == 2
    assert str(tmp_path / "attack.json") in capsys.readouterr().err
