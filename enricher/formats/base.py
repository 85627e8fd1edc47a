"""Turn an enriched finding into the body that a destination carries; one small module for each format.

A format is a pure function `render(enriched, limit) -> str`: the body, never more than `limit` UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from enricher.enrichment.enrich import EnrichedFinding

Render = Callable[[EnrichedFinding, int], str]


class TooLarge(ValueError):
    """Say that a finding is beyond what its destination or JSON can carry, with no word of what it holds."""
