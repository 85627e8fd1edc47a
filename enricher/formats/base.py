"""Define the interface of the output formats; each format is one module.

A format is a pure function `render(enriched, limit) -> str` that returns a message body of at most `limit`
UTF-8 bytes or raises TooLarge.
"""

from __future__ import annotations

from collections.abc import Callable

from enricher.enrichment.enrich import EnrichedFinding

Render = Callable[[EnrichedFinding, int], str]


class TooLarge(ValueError):
    """A finding that exceeds a size limit or cannot be JSON; the message contains no finding content."""
