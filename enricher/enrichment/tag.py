"""Define one ATT&CK entry of a finding: pair, confidence, source, rationale and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enricher.attack.catalog import Pair
from enricher.finding.paths import Shown
from enricher.mapping.model import Confidence

#: Where an entry comes from, in order of precedence.
Source = Literal["guardduty", "evidence", "finding-type", "threat-purpose"]
SOURCES: tuple[Source, ...] = ("guardduty", "evidence", "finding-type", "threat-purpose")


@dataclass(frozen=True, slots=True)
class Entry:
    """One (tactic, technique) pair of a finding with its rationale.

    evidence: the fields of the finding that support the pair; () for the sources "finding-type" and
    "threat-purpose".
    """

    pair: Pair
    confidence: Confidence
    source: Source
    rationale: str
    evidence: tuple[Shown, ...] = ()
