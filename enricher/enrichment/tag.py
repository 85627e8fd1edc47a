"""Define one ATT&CK entry of a finding: pair, confidence, source, rationale and evidence."""

from __future__ import annotations

from typing import Literal, NamedTuple

from enricher.attack.catalog import Pair
from enricher.finding.paths import Shown
from enricher.mapping.model import CONFIDENCES, Confidence

#: Where an entry comes from, in order of precedence.
Source = Literal["guardduty", "evidence", "finding-type", "threat-purpose"]
SOURCES: tuple[Source, ...] = ("guardduty", "evidence", "finding-type", "threat-purpose")


class Entry(NamedTuple):
    """One (tactic, technique) pair of a finding with its rationale.

    evidence: the fields of the finding that support the pair; () for the sources "finding-type" and
    "threat-purpose"; rules_out: techniques that this evidence contradicts;
    of_call: it rests on an AWS API call.
    """

    pair: Pair
    confidence: Confidence
    source: Source
    rationale: str
    evidence: tuple[Shown, ...] = ()
    rules_out: tuple[str, ...] = ()
    of_call: bool = False


def surer(entry: Entry, other: Entry) -> bool:
    """Return whether an entry has a higher confidence than another."""
    return CONFIDENCES.index(entry.confidence) < CONFIDENCES.index(other.confidence)


def lowered(confidence: Confidence, steps: int = 1) -> Confidence:
    """Return a confidence lowered by some steps, `low` at least."""
    return CONFIDENCES[min(CONFIDENCES.index(confidence) + steps, len(CONFIDENCES) - 1)]
