"""Test the `validate` command, and `compile` with valid and invalid mappings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.cli import main
from enricher.mapping.model import AttackMapping
from tests.tiny_mapping import record, write_mapping

INVALID = {
    "ec2.toml": record("Recon:EC2/One", confidence='"sure"')
    + record("Recon:EC2/Two", provenance='"hearsay"'),
}
TYPES = {"Recon:EC2/One": "ec2", "Recon:EC2/Two": "ec2"}


def test_bundled_mapping_is_valid(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled mapping must be valid, and the output say what was checked."""
    assert main(["validate"]) == 0
    expected = f"mapping {mapping.version}, ATT&CK 19.2: {len(mapping.records)} records, no problems\n"
    assert capsys.readouterr().out == expected


def test_every_problem_is_reported_with_file_and_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All problems must be reported in one run, one per line, and the exit code be 1."""
    idiom = 'caveats = "It scans for a living."\n'
    root = write_mapping(tmp_path / "mapping", {"ec2.toml": INVALID["ec2.toml"] + idiom}, TYPES)
    assert main(["validate", str(root)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"{root}/ec2.toml:9: Recon:EC2/One: invalid value for `confidence`: "
        "expected high, medium, low, got 'sure'",
        f"{root}/ec2.toml:18: Recon:EC2/Two: invalid value for `provenance`: "
        "expected 2020, aws, project, got 'hearsay'",
        f"{root}/ec2.toml:19: 'for a living' is an idiom: use plain words",
        "3 problems; the examples of rules and the tense of their texts are checked once these are fixed",
    ]


@pytest.mark.parametrize(
    ("text", "code", "printed"),
    [
        (record("Recon:EC2/Portscan"), 0, "overrides own.toml: no problems\n"),
        (record("Recon:EC2/Portscan", confidence='"sure"'), 1, "got 'sure'"),
        ("x" + ".x" * 101 + " = 1", 1, "own.toml:1: more than 100 dots"),
    ],
    ids=["valid", "invalid", "dots"],
)
def test_overrides_are_checked_as_the_function_reads_them(
    text: str, code: int, printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of overrides must be checked before it is uploaded, each problem named."""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    assert code == main(["validate", "--overrides", str(path)])
    captured = capsys.readouterr()
    assert printed in (captured.err if code else captured.out)
    assert not (captured.out if code else captured.err)


def test_invalid_mapping_is_not_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For an invalid mapping the exit code must be 1 and no bundle be written: it cannot be deployed."""
    root = write_mapping(tmp_path / "mapping", INVALID, TYPES)
    output = tmp_path / "bundle.json"
    assert main(["compile", "--root", str(root), "--output", str(output)]) == 1
    assert f"{root}/ec2.toml:9: Recon:EC2/One: invalid value for `confidence`" in capsys.readouterr().err
    assert not output.exists()


def test_compiled_mapping_loads_as_the_same_mapping(tmp_path: Path, mapping: AttackMapping) -> None:
    """The records of the compiled mapping must equal those it was compiled from."""
    output = tmp_path / "bundle.json"
    assert main(["compile", "--output", str(output)]) == 0
    loaded = AttackMapping.load(output)
    assert loaded.records == mapping.records
    assert json.loads(output.read_text(encoding="utf-8"))["version"] == mapping.version


def test_folder_without_a_mapping_returns_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without attack.json must be reported as a usage error."""
    assert main(["validate", str(tmp_path)]) == 2
    assert str(tmp_path / "attack.json") in capsys.readouterr().err
