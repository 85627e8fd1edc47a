"""The bundled mapping, compiled once in each process of the tests."""

from __future__ import annotations

from functools import cache

from enricher.authoring.loader import read_mapping
from enricher.mapping.model import AttackMapping


@cache
def bundled_mapping() -> AttackMapping:
    """Return the bundled mapping, compiled from its source; no test may change it."""
    return read_mapping()
