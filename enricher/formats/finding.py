"""Render the bare finding with `attack` and `alert`, for parsers that do not know EventBridge's envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.formats.guardduty import within_limit


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the finding as JSON of at most `limit` UTF-8 bytes: its own keys at the top level.

    This is the form of GuardDuty's S3 export, plus `attack` and `alert`. Truncated as the format guardduty.
    """
    added = {"attack": enriched.attack, "alert": enriched.alert}

    def body(detail: Mapping[str, Any]) -> dict[str, Any]:
        return {**detail, **added}

    return within_limit(enriched.finding.event["detail"], body, limit)
