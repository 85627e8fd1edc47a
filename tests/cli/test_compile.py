"""Test the `compile` command."""

from __future__ import annotations

from pathlib import Path

from enricher.cli import main
from enricher.cli.golden import golden_files
from enricher.mapping.model import AttackMapping
from tests import examples


def test_compiled_mapping_reproduces_the_golden_files(tmp_path: Path) -> None:
    """The compiled mapping must give the golden files byte for byte, including the order of entries."""
    path = tmp_path / "bundle.json"
    assert main(["compile", "--output", str(path)]) == 0
    expected = dict(golden_files(examples.EVENTS, AttackMapping.load(path)))
    assert {name: name.read_text(encoding="utf-8") for name in expected} == expected
