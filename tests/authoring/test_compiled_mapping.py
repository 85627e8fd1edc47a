"""Test that a clone compiles its mapping once, and again when something of it changes."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from enricher.authoring import compiled_mapping as module
from enricher.authoring.compiled_mapping import compiled_mapping
from enricher.authoring.loader import ROOT, read_mapping
from enricher.mapping.model import AttackMapping
from enricher.mapping.problems import InvalidMapping
from tests.tiny_mapping import record, write_mapping

TYPE = "Recon:EC2/One"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small mapping folder."""
    return write_mapping(tmp_path / "mapping", {"ec2.toml": record(TYPE)}, {TYPE: "ec2"})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return where the compiled mapping is kept."""
    return tmp_path / "__pycache__" / "mapping.json"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Count the compilations."""
    done: list[Path] = []
    compile_mapping = read_mapping

    def count(root: Path) -> AttackMapping:
        done.append(root)
        return compile_mapping(root)

    monkeypatch.setattr(module, "read_mapping", count)
    return done


def test_kept_mapping_is_the_compiled_one(mapping: AttackMapping, cache: Path) -> None:
    """What is read back must equal what was compiled, in every part."""
    for _ in ("compiled", "kept"):
        read = compiled_mapping(ROOT, cache)
        assert [] == [
            part.name for part in fields(mapping) if getattr(mapping, part.name) != getattr(read, part.name)
        ]


def test_unchanged_source_is_compiled_once(root: Path, cache: Path, compilations: list[Path]) -> None:
    """Commands on the same source must share one compilation."""
    assert compiled_mapping(root, cache).records == compiled_mapping(root, cache).records
    assert [root] == compilations
    assert ["mapping.json"] == [path.name for path in cache.parent.iterdir()]


def test_changed_source_is_compiled_again(root: Path, cache: Path) -> None:
    """An edited record must be what the next command uses, also if the file keeps its size."""
    before = compiled_mapping(root, cache).records[TYPE]
    path = root / "ec2.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("Ports", "Hosts"), encoding="utf-8")
    after = compiled_mapping(root, cache).records[TYPE]
    assert ("Ports", "Hosts") == (before.rationale[:5], after.rationale[:5])


def test_changed_compiler_compiles_again(
    root: Path, cache: Path, compilations: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the code that compiles must void what another version kept."""
    compiled_mapping(root, cache)
    (tmp_path / "authoring").mkdir()
    (tmp_path / "authoring" / "loader.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    compiled_mapping(root, cache)
    assert [root, root] == compilations


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"key": 1}', b"\xff"])
def test_damaged_file_is_compiled_again(kept: bytes, root: Path, cache: Path) -> None:
    """A kept file that cannot be used must be replaced."""
    cache.parent.mkdir()
    cache.write_bytes(kept)
    assert TYPE in compiled_mapping(root, cache).records
    assert TYPE in json.loads(cache.read_bytes())["bundle"]["records"]


def test_mapping_that_cannot_be_kept_is_used(root: Path, tmp_path: Path) -> None:
    """Where nothing can be written the mapping must be compiled each time."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert TYPE in compiled_mapping(root, tmp_path / "file" / "mapping.json").records


def test_invalid_source_is_reported_each_time(root: Path, cache: Path) -> None:
    """An invalid mapping must never be served from what was kept before."""
    compiled_mapping(root, cache)
    (root / "ec2.toml").write_text("nonsense", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(InvalidMapping):
            compiled_mapping(root, cache)
