"""Render the enriched event itself, so that every GuardDuty parser a SIEM already has keeps working."""

from __future__ import annotations

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.base import TooLarge
from enricher.formats.json_text import dump_json, utf8_size
from enricher.formats.slimming import slim_detail


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Give the enriched event as JSON of at most `limit` UTF-8 bytes.

    Above the limit `slim_detail` leaves out parts of `detail`, and a third key, `slimmed`, names them:
    {"bytes": size of the whole, "removed": [paths]}. Raise TooLarge if what must stay is larger than that.
    """
    event = enriched.as_event()
    text = dump_json(event)
    whole = utf8_size(text)
    if whole <= limit:
        return text
    for detail, removed in slim_detail(enriched.finding.event["detail"]):
        text = dump_json({**event, "detail": detail, "slimmed": {"bytes": whole, "removed": removed}})
        if utf8_size(text) <= limit:
            return text
    raise TooLarge(f"{whole} bytes, and {utf8_size(text)} without what can be left out: the limit is {limit}")
