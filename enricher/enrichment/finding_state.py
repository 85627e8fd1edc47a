"""Say what a finding shows, in a few facts, and which of them are news to someone who saw it before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding

#: From low to high; what is not listed ranks below all.
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

#: The most that is remembered of one kind, and of one value in characters. What falls out is told again when
#: it comes back. Three kinds of this size, as escaped JSON, stay below DynamoDB's 400 kB for an item.
MOST_FACTS, LONGEST_FACT = 100, 128


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold what is told about one finding, as far as it can become news.

    updated_at: as GuardDuty wrote it; severity: a label of SEVERITIES; techniques: ATT&CK ids;
    addresses: remote IP addresses and domains; principals: who acted, as far as the finding names anyone;
    severity_at: the time of the update that told the severity, "" where it is `updated_at`.
    """

    updated_at: str = ""
    severity: str = ""
    archived: bool = False
    techniques: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    severity_at: str = ""

    @classmethod
    def of(cls, enriched: EnrichedFinding) -> Picture:
        """Read the facts off a finding."""
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
    def from_json(cls, data: object) -> Picture | None:
        """Read what `as_json` gave; None for anything else, such as what another version wrote."""
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
        """Give the facts as JSON types."""
        return {
            "updatedAt": self.updated_at,
            "severity": self.severity,
            "severityAt": self.severity_at,
            "archived": self.archived,
            "techniques": list(self.techniques),
            "addresses": list(self.addresses),
            "principals": list(self.principals),
        }


def material_changes(before: Picture, after: Picture) -> list[str]:
    """Name what `after` tells someone who was told `before`; empty if it tells nothing new.

    Not material: a higher count, a later time, a lower severity, archiving, and whatever is left out.
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
    # An older update that arrives late says nothing about what an analyst has archived since.
    if before.archived and not after.archived and is_later(after.updated_at, before.updated_at):
        reasons.append("un-archived")
    return reasons


def merge_pictures(before: Picture, after: Picture) -> Picture:
    """Give what someone knows who was told both; severity and archived are those of the later update."""
    last = before if is_later(before.updated_at, after.updated_at) else after
    # Not `last`: what is noted of an update that was not told moves the time on, but told no severity.
    graded = before if is_later(_severity_time(before), _severity_time(after)) else after
    return Picture(
        updated_at=last.updated_at,
        severity=graded.severity,
        severity_at=_severity_time(graded) if graded is not last else last.severity_at,
        archived=last.archived,
        techniques=_distinct((*before.techniques, *after.techniques)),
        addresses=_distinct((*before.addresses, *after.addresses)),
        principals=_distinct((*before.principals, *after.principals)),
    )


def note_archived(before: Picture, after: Picture) -> Picture:
    """Give `before` with the one thing that an update leaves behind even if not told: that it was archived.

    Without it the finding could not be seen to be un-archived.
    """
    if after.archived and not before.archived and is_later(after.updated_at, before.updated_at):
        return replace(before, updated_at=after.updated_at, archived=True, severity_at=_severity_time(before))
    return before


def _severity_time(picture: Picture) -> str:
    return picture.severity_at or picture.updated_at


def is_later(one: str, other: str) -> bool:
    """Tell whether a time as GuardDuty writes it is later than another; as text where either is no time."""
    try:
        return datetime.fromisoformat(one) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return one > other


def _rank(label: str) -> int:
    return SEVERITIES.index(label) if label in SEVERITIES else -1


def _distinct(values: Iterable[object]) -> tuple[str, ...]:
    """Give the last MOST_FACTS distinct texts, none longer than LONGEST_FACT, in order."""
    texts = dict.fromkeys(_short(value) for value in values if isinstance(value, str) and value)
    return tuple(texts)[-MOST_FACTS:]


def _short(text: str) -> str:
    """Cut a text so that two that differ stay different."""
    if len(text) <= LONGEST_FACT:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{text[: LONGEST_FACT - 17]}#{mark}"


_IP = ("ipAddressV4", "ipAddressV6")
#: Paths from `detail`; a list on the way stands for each of its members.
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
_Read = Mapping[str, Any]


def _key_owner(detail: _Read) -> tuple[str, ...]:
    """Name the owner of an access key: its user or role, as sessions and temporary keys differ each time."""
    resource = detail.get("resource")
    keys = resource.get("accessKeyDetails") if isinstance(resource, dict) else None
    if not isinstance(keys, dict):
        return ()
    names = [keys.get(key) for key in ("userType", "userName")]
    owner = ":".join(name for name in names if isinstance(name, str) and name)
    principal = keys.get("principalId")
    return (owner or (principal.partition(":")[0] if isinstance(principal, str) else ""),)


def _texts(detail: _Read, paths: Iterable[tuple[str, ...]]) -> list[str]:
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
