"""Read from the finding itself which technique it shows."""

from __future__ import annotations

from enricher.entry import Entry
from enricher.finding import Finding
from enricher.mapping import Mapping, Record


def find_evidence(finding: Finding, record: Record | None, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries that the finding's own content shows, strongest first, five at most."""
    return ()
