"""Compile the mapping once for all commands: compiling it for each call took most of the tests' time."""

from __future__ import annotations

import pytest

from enricher.cli import evidence, golden, source
from enricher.mapping.model import AttackMapping


@pytest.fixture(autouse=True)
def compiled_mapping(mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands that only read the bundled mapping share the one that the tests compiled."""
    monkeypatch.setattr(source, "compiled_mapping", lambda: mapping)
    monkeypatch.setattr(golden, "read_mapping", lambda: mapping)
    monkeypatch.setattr(evidence, "read_mapping", lambda: mapping)
