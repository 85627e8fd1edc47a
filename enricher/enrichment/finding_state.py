"""Reduce a finding to the facts that matter for deduplication and detect material changes between updates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding

#: From low to high; a label that is not listed ranks below all others.
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

#: Maximum number of values stored of one kind, and maximum length of one value in characters. A value that
#: was dropped counts as new when it reappears. Three kinds of this size, as escaped JSON, stay below
#: DynamoDB's item size limit of 400 KB:
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_FACTS, MAX_FACT_LENGTH = 100, 128


@dataclass(frozen=True, slots=True)
class FindingState:
    """The facts of one finding whose change is material.

    updated_at: as GuardDuty wrote it; severity: a label of SEVERITIES; techniques: ATT&CK IDs;
    addresses: remote IP addresses and domains; principals: the actors that the finding names;
    severity_at: `updatedAt` of the update that `severity` is from, "" if that is `updated_at`.
    """

    updated_at: str = ""
    severity: str = ""
    archived: bool = False
    techniques: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    severity_at: str = ""

    @classmethod
    def of(cls, enriched: EnrichedFinding) -> FindingState:
        """Return the state of an enriched finding."""
        detail = enriched.finding.view
        return cls(
            updated_at=enriched.finding.updated_at,
            severity=enriched.alert["severity"],
            archived=enriched.finding.flag("service.archived"),
            techniques=_distinct(row["id"] for row in enriched.attack["techniques"]),
            addresses=_distinct(_texts(detail, _ADDRESSES)),
            principals=_distinct((*_key_owner(detail), *_texts(detail, _PRINCIPALS))),
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
        archived = data.get("archived") is True
        return cls(updated_at, severity, archived, techniques, addresses, principals, severity_at)

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
        return replace(before, updated_at=after.updated_at, archived=True, severity_at=_severity_time(before))
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


def _short(text: str) -> str:
    """Truncate a text and append a hash, so that different texts remain different."""
    if len(text) <= MAX_FACT_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{text[: MAX_FACT_LENGTH - 17]}#{digest}"


_IP = ("ipAddressV4", "ipAddressV6")
#: Paths under `detail`; a list on the path stands for each of its items.
_ADDRESSES = tuple(
    tuple(path.split("."))
    for path in (
        *(
            f"service.action.{action}.remoteIpDetails.{ip}"
            for action in (
                "awsApiCallAction",
                "networkConnectionAction",
                "portProbeAction.portProbeDetails",
                "kubernetesApiCallAction",
                "rdsLoginAttemptAction",
            )
            for ip in _IP
        ),
        "service.action.kubernetesApiCallAction.sourceIPs",
        "service.action.awsApiCallAction.domainDetails.domain",
        "service.action.dnsRequestAction.domain",
        "service.detection.sequence.endpoints.ip",
        "service.detection.sequence.endpoints.domain",
    )
)
_PRINCIPALS = tuple(
    tuple(path.split("."))
    for path in (
        "service.action.awsApiCallAction.remoteAccountDetails.accountId",
        "service.action.rdsLoginAttemptAction.LoginAttributes.user",
        "resource.kubernetesDetails.kubernetesUserDetails.username",
        "resource.rdsDbUserDetails.user",
        "service.detection.sequence.actors.user.name",
    )
)
_Detail = Mapping[str, Any]


def _key_owner(detail: _Detail) -> tuple[str, ...]:
    """Return the user or role that owns the access key; session names and temporary keys vary."""
    resource = detail.get("resource")
    keys = resource.get("accessKeyDetails") if isinstance(resource, dict) else None
    if not isinstance(keys, dict):
        return ()
    names = [keys.get(key) for key in ("userType", "userName")]
    owner = ":".join(name for name in names if isinstance(name, str) and name)
    principal = keys.get("principalId")
    return (owner or (principal.partition(":")[0] if isinstance(principal, str) else ""),)


def _texts(detail: _Detail, paths: Iterable[tuple[str, ...]]) -> list[str]:
    return [text for path in paths for text in _walk(detail, path)]


def _walk(value: Any, path: tuple[str, ...]) -> Iterable[str]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])
