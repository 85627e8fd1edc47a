"""The `compile` command."""

from __future__ import annotations

from pathlib import Path

from enricher.cli import main
from enricher.cli.golden import golden_files
from enricher.mapping.model import Mapping
from tests import examples


def test_compiled_mapping_enriches_as_reviewed(tmp_path: Path) -> None:
    """What a function loads must give the golden files byte for byte, also where order decides."""
    path = tmp_path / "bundle.json"
    assert main(["compile", "--output", str(path)]) == 0
    wanted = dict(golden_files(examples.EVENTS, Mapping.load(path)))
    assert {name: name.read_text(encoding="utf-8") for name in wanted} == wanted
