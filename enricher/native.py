"""Read the ATT&CK data that GuardDuty itself puts into a finding."""

from __future__ import annotations

from enricher.entry import Entry
from enricher.finding import Finding
from enricher.mapping import Mapping


def find_native(finding: Finding, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries that GuardDuty states in `service.detection.sequence`, in its own order."""
    return ()
