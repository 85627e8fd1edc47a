"""Read what the grammar of an unknown finding type still says."""

from __future__ import annotations

from enricher.entry import Entry
from enricher.mapping import Mapping


def read_type(finding_type: str, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries, of low confidence, that a type without a record spells by its name."""
    return ()
