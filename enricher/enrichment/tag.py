"""Hold one ATT&CK entry of a finding: what, how sure, on whose word, and what in the finding shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enricher.attack.catalog import Pair
from enricher.finding.paths import Shown
from enricher.mapping.model import Confidence

#: Who says so, in the order in which they are believed.
Source = Literal["guardduty", "evidence", "finding-type", "threat-purpose"]
SOURCES: tuple[Source, ...] = ("guardduty", "evidence", "finding-type", "threat-purpose")


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one (tactic, technique) pair with its grounds; `evidence` is empty unless the finding shows it."""

    pair: Pair
    confidence: Confidence
    source: Source
    rationale: str
    evidence: tuple[Shown, ...] = ()
