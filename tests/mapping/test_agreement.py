"""Test the agreement of the mapping with public sources, and its table in docs/mapping.md."""

from __future__ import annotations

import pytest

from enricher.mapping.model import AttackMapping
from tests.mapping.agreement import agreements, main


def test_table_is_current() -> None:
    """docs/mapping.md must have the current table."""
    assert main(["--check"]) == 0


@pytest.mark.parametrize(("place", "share"), [(0, 1.0), (1, 1.0), (2, 0.87), (3, 0.85)])
def test_mapping_agrees_with_public_sources(place: int, share: float, mapping: AttackMapping) -> None:
    """At least this share of each source's statements must be among the entries."""
    item = list(agreements(mapping))[place]
    assert item.any_entry / item.total >= share, item.missing
