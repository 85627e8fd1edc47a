"""Render the enriched event itself, so that existing GuardDuty parsers of a SIEM keep working."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.json_text import dump_json
from enricher.formats.truncation import Removals, fit


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

    Above the limit parts of `detail` are removed, and the additional key `truncated` is a text that lists
    their paths. Raise TooLarge if the required parts exceed the limit.
    """
    removals = Removals(detail)

    def truncated(count: int) -> str:
        smaller, removed = removals.detail(count)
        document = body({} if smaller is None else smaller)
        return dump_json({**document, "truncated": ", ".join(removed)} if count else document)

    return fit(truncated, removals.__len__, limit)
