"""Render the enriched event itself, so that existing GuardDuty parsers of a SIEM keep working."""

from __future__ import annotations

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.json_text import dump_json
from enricher.formats.truncation import Removals, fit


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the enriched event as JSON of at most `limit` UTF-8 bytes.

    Above the limit parts of `detail` are removed, and the additional key `truncated` is a text that lists
    their paths. Raise TooLarge if the required parts exceed the limit.
    """
    event = enriched.as_event()
    removals = Removals(enriched.finding.event["detail"])

    def truncated(count: int) -> str:
        detail, removed = removals.detail(count)
        return dump_json({**event, "detail": detail, "truncated": ", ".join(removed)} if count else event)

    return fit(truncated, removals.__len__, limit)
