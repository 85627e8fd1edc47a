"""Render the enriched event itself, so that existing GuardDuty parsers of a SIEM keep working."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.base import TooLarge
from enricher.formats.json_text import dump_json, utf8_size
from enricher.formats.truncation import truncate_detail


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the enriched event as JSON of at most `limit` UTF-8 bytes; truncated as `within_limit` says."""
    event = enriched.as_event()

    def body(detail: Mapping[str, Any]) -> dict[str, Any]:
        return {**event, "detail": detail}

    return within_limit(enriched.finding.event["detail"], body, limit)


def within_limit(
    detail: Mapping[str, Any], body: Callable[[Mapping[str, Any]], dict[str, Any]], limit: int
) -> str:
    """Return `body(detail)` as JSON of at most `limit` UTF-8 bytes.

    Above the limit `truncate_detail` removes parts of `detail` and the additional key `truncated` lists them:
    {"bytes": original size, "removed": [paths]}. Raise TooLarge if the required parts exceed the limit.
    """
    text = dump_json(body(detail))
    whole = utf8_size(text)
    if whole <= limit:
        return text
    for smaller, removed in truncate_detail(detail):
        text = dump_json({**body(smaller), "truncated": {"bytes": whole, "removed": removed}})
        if utf8_size(text) <= limit:
            return text
    raise TooLarge(f"{whole} bytes, {utf8_size(text)} after truncation: the limit is {limit} bytes")
