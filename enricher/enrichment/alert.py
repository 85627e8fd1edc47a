"""Build the `alert` object: the fields that analysts and alerting rules use first."""

from __future__ import annotations

import hashlib
import json
from typing import Final, Literal, TypedDict
from urllib.parse import quote

from enricher.enrichment.entities import Entity, entities_of
from enricher.finding.event import Finding
from enricher.finding.fields import TEXT_LIMIT, rows_at, text_at, text_of
from enricher.finding.safe_text import single_line

SeverityLabel = Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]

#: GuardDuty's labels, half-open: a severity of 6.95 is MEDIUM, 7.0 is HIGH.
#: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
_LABELS: tuple[tuple[float, SeverityLabel], ...] = ((9.0, "CRITICAL"), (7.0, "HIGH"), (4.0, "MEDIUM"))
UNKNOWN: Final = "UNKNOWN"
#: Maximum length, in characters, of the Region and of the finding ID in a console URL.
_ID_LIMIT = 80

#: Console hosts by partition. The consoles of other partitions are not documented: no link beats a wrong one.
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}
#: Version of `attack` and `alert`; it rises on an incompatible change (docs/enriched-event.schema.json).
SCHEMA = "1"


class Alert(TypedDict):
    """The `alert` object, as docs/enriched-event.md describes it; a text that does not apply is ""."""

    headline: str
    severity: SeverityLabel
    occurrence: Literal["first", "repeat"]
    sample: bool
    archived: bool
    dedupId: str
    check: str
    benign: str
    changes: str
    related: str
    entities: list[Entity]
    schema: str
    accountName: str
    console: str


def severity_label(severity: float | None) -> SeverityLabel:
    """Return the label of a severity: LOW < 4 <= MEDIUM < 7 <= HIGH < 9 <= CRITICAL; UNKNOWN for None."""
    if severity is None:
        return UNKNOWN
    return next((label for floor, label in _LABELS if severity >= floor), "LOW")


def alert_block(finding: Finding, headline: str, check: str, benign: str) -> Alert:
    """Return the `alert` object of a finding, as docs/enriched-event.md describes it."""
    return {
        "headline": headline,
        "severity": severity_label(finding.number("severity")),
        "occurrence": "repeat" if (finding.number("service.count") or 1) > 1 else "first",
        "sample": finding.flag("service.additionalInfo.sample"),
        "archived": finding.flag("service.archived"),
        "dedupId": dedup_id(finding),
        "check": check,
        "benign": benign,
        "changes": "",
        "related": related_findings(finding),
        "entities": entities_of(finding),
        "schema": SCHEMA,
        "accountName": "",
        "console": console_url(finding),
    }


def dedup_id(finding: Finding) -> str:
    """Return the hex SHA-256 of `ARN|updatedAt`: identical for every copy of one update of a finding.

    A finding without an ARN is hashed as a whole (`detail`), so that two such findings have different IDs.
    """
    identity = f"{finding.arn}|{finding.updated_at}" if finding.arn else _canonical_json(finding)
    return hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()


def _canonical_json(finding: Finding) -> str:
    try:
        return json.dumps(finding.event["detail"], sort_keys=True)
    except RecursionError:
        return finding.type


def console_url(finding: Finding) -> str:
    """Return the URL of the finding in GuardDuty's console; "" if the partition's host is not documented."""
    host = _CONSOLES.get(finding.partition)
    if host is None:
        return ""
    region, finding_id = _quoted(finding.region), _quoted(finding.text("id"))
    return f"https://{host}/guardduty/home?region={region}#/findings?macros=current&fId={finding_id}"


def _quoted(text: str) -> str:
    text = text[:_ID_LIMIT]
    # Region and ID are letters, digits and hyphens, unless somebody made them up.
    is_plain = text.isascii() and text.replace("-", "").isalnum()
    return text if is_plain else quote(text, safe="", errors="replace")


def related_findings(finding: Finding) -> str:
    """Return the IDs of other findings that this one names, distinct, separated by spaces; "" if none."""
    service = finding.service
    scan, sequence = service.get("ebsVolumeScanDetails"), finding.view.get("associatedAttackSequenceArn")
    ids = [text_at(scan, "triggerFindingId"), text_of(sequence)[:TEXT_LIMIT]]
    if "detection" in service:
        signals = rows_at(service, "detection.sequence.signals")
        ids += [text_at(signal, "uid") for signal in signals if text_at(signal, "type") == "FINDING"]
    return " ".join(dict.fromkeys("".join(single_line(name, 512).split()) for name in ids if name))
