"""Reduce a finding to the facts that matter for deduplication and detect material changes between updates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.context import Context

#: From low to high; a label that is not listed ranks below all others.
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

#: Maximum number of values stored of one kind, and maximum length of one value in characters. A value that
#: was dropped counts as new when it reappears. Three kinds of this size, as escaped JSON, stay below
#: DynamoDB's item size limit of 400 KB:
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_FACTS, MAX_FACT_LENGTH = 100, 128
#: Maximum number of new values of one kind that are named in what an update changed.
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class FindingState:
    """The facts of one finding whose change is material.

    updated_at: as GuardDuty wrote it; severity: a label of SEVERITIES; techniques: ATT&CK IDs;
    addresses: remote IP addresses and domains; principals: the actors that the finding names;
    severity_at: `updatedAt` of the update that `severity` is from, "" if that is `updated_at`; told: what was
    said of the update `updated_at` to have changed, "" if nothing was.
    """

    updated_at: str = ""
    severity: str = ""
    archived: bool = False
    techniques: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    severity_at: str = ""
    told: str = ""

    @classmethod
    def of(cls, enriched: EnrichedFinding) -> FindingState:
        """Return the state of an enriched finding."""
        context = enriched.context
        return cls(
            updated_at=enriched.finding.updated_at,
            severity=enriched.alert["severity"],
            archived=enriched.finding.flag("service.archived"),
            techniques=_distinct(row["id"] for row in enriched.attack["techniques"]),
            addresses=_distinct(_addresses(context)),
            principals=_distinct(_principals(context)),
        )

    @classmethod
    def from_json(cls, data: object) -> FindingState | None:
        """Return the state that `as_json` wrote; None for any other data, such as another version's."""
        if not isinstance(data, dict):
            return None
        lists = [data.get(key) for key in ("techniques", "addresses", "principals")]
        texts = [data.get(key) for key in ("updatedAt", "severity", "severityAt")]
        if not all(isinstance(item, list) for item in lists) or not all(
            isinstance(item, str) for item in texts
        ):
            return None
        techniques, addresses, principals = (_distinct(item) for item in lists if isinstance(item, list))
        updated_at, severity, severity_at = map(str, texts)
        archived, told = data.get("archived") is True, data.get("told")
        return cls(
            updated_at, severity, archived, techniques, addresses, principals, severity_at,
            told if isinstance(told, str) else "",
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return the state as a JSON object, as the deduplication table stores it."""
        return {
            "updatedAt": self.updated_at,
            "severity": self.severity,
            "severityAt": self.severity_at,
            "archived": self.archived,
            "techniques": list(self.techniques),
            "addresses": list(self.addresses),
            "principals": list(self.principals),
            "told": self.told,
        }


def material_changes(before: FindingState, after: FindingState) -> list[str]:
    """Return the material changes from `before` to `after`, one text each; [] if there are none.

    Not material: a higher count, a later time, a lower severity, archiving, and values that are missing.
    """
    reasons = []
    if _rank(after.severity) > _rank(before.severity):
        reasons.append(f"severity rose from {before.severity or 'none'} to {after.severity}")
    for kind, known, seen in (
        ("technique", before.techniques, after.techniques),
        ("remote address", before.addresses, after.addresses),
        ("principal", before.principals, after.principals),
    ):
        reasons += [f"new {kind} {value}" for value in seen if value not in known]
    # An older update that arrives late does not undo an archiving that came after it.
    if before.archived and not after.archived and is_later(after.updated_at, before.updated_at):
        reasons.append("unarchived")
    return reasons


def describe_changes(before: FindingState, after: FindingState) -> str:
    """Return what an update changed, for people: "severity LOW to HIGH; new remote address 203.0.113.77".

    A redelivered update is described as it was the first time. "" where nothing is known to have changed. A
    value that was cut for storage is not named.
    """
    if before.updated_at == after.updated_at:
        return before.told
    changes = []
    # An older update that arrives late changes nothing that was sent since.
    later = is_later(after.updated_at, before.updated_at)
    if later and before.severity and after.severity != before.severity:
        changes.append(f"severity {before.severity} to {after.severity}")
    if later and before.archived != after.archived:
        changes.append("archived" if after.archived else "no longer archived")
    for kind, known, seen in (
        ("remote address", before.addresses, after.addresses),
        ("principal", before.principals, after.principals),
        ("technique", before.techniques, after.techniques),
    ):
        new = [value for value in seen if value not in known]
        named = [value for value in new if not is_cut(value)][:MAX_NAMED]
        if named:
            more = f" and {len(new) - len(named)} more" if len(new) > len(named) else ""
            changes.append(f"new {kind} {', '.join(named)}{more}")
        elif new:
            changes.append(f"new {kind}")
    return "; ".join(changes)


def merge_states(before: FindingState, after: FindingState) -> FindingState:
    """Return the combined state of two updates that were sent; severity and archived are the later one's."""
    last = before if is_later(before.updated_at, after.updated_at) else after
    # Not `last`: a suppressed update that was only noted as archived advances the time, not the severity.
    rated = before if is_later(_severity_time(before), _severity_time(after)) else after
    return FindingState(
        updated_at=last.updated_at,
        severity=rated.severity,
        severity_at=_severity_time(rated) if rated is not last else last.severity_at,
        archived=last.archived,
        techniques=_distinct((*before.techniques, *after.techniques)),
        addresses=_distinct((*before.addresses, *after.addresses)),
        principals=_distinct((*before.principals, *after.principals)),
    )


def note_archived(before: FindingState, after: FindingState) -> FindingState:
    """Return `before` with the one fact that is stored even of a suppressed update: that it was archived.

    Otherwise a later unarchiving could not be detected.
    """
    if after.archived and not before.archived and is_later(after.updated_at, before.updated_at):
        time = _severity_time(before)
        return replace(before, updated_at=after.updated_at, archived=True, severity_at=time, told="")
    return before


def _severity_time(state: FindingState) -> str:
    return state.severity_at or state.updated_at


def is_later(one: str, other: str) -> bool:
    """Return whether an ISO 8601 time, as in a finding's `updatedAt`, is later than another.

    The two are compared as text if either is not a valid time.
    """
    try:
        return datetime.fromisoformat(one) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return one > other


def _rank(label: str) -> int:
    return SEVERITIES.index(label) if label in SEVERITIES else -1


def _distinct(values: Iterable[object]) -> tuple[str, ...]:
    """Return the last MAX_FACTS distinct texts in order, none longer than MAX_FACT_LENGTH."""
    texts = dict.fromkeys(_short(value) for value in values if isinstance(value, str) and value)
    return tuple(texts)[-MAX_FACTS:]


def is_cut(text: str) -> bool:
    """Return whether a stored value is a cut one with a hash, which says nothing to people."""
    return len(text) == MAX_FACT_LENGTH and text[-17] == "#"


def _short(text: str) -> str:
    """Truncate a text and append a hash, so that different texts remain different."""
    if len(text) <= MAX_FACT_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{text[: MAX_FACT_LENGTH - 17]}#{digest}"


def _addresses(context: Context) -> Iterable[str]:
    for connection in context.connections:
        yield from (connection.remote.ip, connection.remote.domain)
    yield context.domain


def _principals(context: Context) -> Iterable[str]:
    """Yield the users and roles that the finding names; session names and temporary keys vary."""
    for principal in context.principals:
        owner = principal.name or principal.uid.partition(":")[0]
        yield f"{principal.kind}:{owner}" if principal.kind else owner
    yield context.remote_account
