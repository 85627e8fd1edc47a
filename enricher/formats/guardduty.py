"""Render the enriched event itself, so that existing GuardDuty parsers of a SIEM keep working."""

from __future__ import annotations

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.base import TooLarge
from enricher.formats.json_text import dump_json, utf8_size
from enricher.formats.truncation import truncate_detail


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the enriched event as JSON of at most `limit` UTF-8 bytes.

    Above the limit `truncate_detail` removes parts of `detail` and the additional key `truncated` lists their
    paths, separated by spaces. Raise TooLarge if the required parts exceed the limit.
    """
    event = enriched.as_event()
    text = dump_json(event)
    whole = utf8_size(text)
    if whole <= limit:
        return text
    for detail, removed in truncate_detail(enriched.finding.event["detail"]):
        text = dump_json({**event, "detail": detail, "truncated": " ".join(removed)})
        if utf8_size(text) <= limit:
            return text
    raise TooLarge(f"{whole} bytes, {utf8_size(text)} after truncation: the limit is {limit} bytes")
