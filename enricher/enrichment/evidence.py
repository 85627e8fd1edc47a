"""Derive techniques from the content of the finding (evidence rules, see `rules`)."""

from __future__ import annotations

from collections.abc import Sequence

from enricher.enrichment.finding_type import meaning_of
from enricher.enrichment.matching import CLUSTER, match_rules
from enricher.enrichment.ranking import rank_matches
from enricher.enrichment.rules import tables_of
from enricher.enrichment.tag import Entry
from enricher.finding.api_calls import Call, calls_of
from enricher.finding.event import Finding
from enricher.finding.fields import number_of
from enricher.finding.paths import Shown, shown
from enricher.mapping.model import AttackMapping, Record


def find_evidence(
    finding: Finding, record: Record | None, mapping: AttackMapping, calls: Sequence[Call] | None = None
) -> tuple[Entry, ...]:
    """Return the entries that the finding's content supports, at most MAX_ENTRIES.

    First those whose tactic is the type's (`TypeMeaning.has_tactic`), within that the strongest.
    record: the mapping record of the finding type, None for an unknown type; calls: the finding's, read here
    if None.
    """
    tables = tables_of(mapping)
    if tables is None:
        return ()
    meaning = meaning_of(finding.type, record, mapping)
    matches = match_rules(finding, calls_of(finding) if calls is None else calls, meaning, tables)
    return rank_matches(matches, meaning, _cluster_failure(finding)) if matches else ()


def call_failed(finding: Finding, calls: Sequence[Call]) -> bool:
    """Return whether every call of the finding failed, so that it shows only attempts."""
    return all(call.error for call in calls) if calls else _cluster_failure(finding) is not None


def _cluster_failure(finding: Finding) -> Shown | None:
    """Return the HTTP status of a Kubernetes API call that failed (400 or above), else None."""
    call = finding.action.get("kubernetesApiCallAction")
    status = call.get("statusCode") if isinstance(call, dict) else None
    failed = status is not None and (number_of(status) or 0) >= 400
    return shown(f"{CLUSTER}.statusCode", status) if failed else None
