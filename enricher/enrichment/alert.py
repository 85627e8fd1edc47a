"""Write the `alert` object: what an analyst and a rule look at first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from enricher.finding.activity import deed_of
from enricher.finding.event import Finding
from enricher.finding.fields import rows_at, text_at
from enricher.finding.safe_text import single_line

#: GuardDuty's labels, half-open: a severity of 6.95 is MEDIUM, 7.0 is HIGH.
#: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
_LABELS = ((9.0, "CRITICAL"), (7.0, "HIGH"), (4.0, "MEDIUM"))
UNKNOWN = "UNKNOWN"
#: Characters of a Region and a finding id in a link.
_ID_LIMIT = 80

_CONSOLES = {
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def severity_label(severity: float | None) -> str:
    """Give LOW < 4 <= MEDIUM < 7 <= HIGH < 9 <= CRITICAL; UNKNOWN if the finding has no severity."""
    if severity is None:
        return UNKNOWN
    return next((label for floor, label in _LABELS if severity >= floor), "LOW")


def alert_block(finding: Finding, attack: Mapping[str, Any]) -> dict[str, Any]:
    """Write the `alert` object of a finding with its `attack` object."""
    label = severity_label(finding.number("severity"))
    return {
        "headline": headline(finding, attack, label),
        "severity": label,
        "occurrence": "repeat" if (finding.number("service.count") or 1) > 1 else "first",
        "sample": finding.flag("service.additionalInfo.sample"),
        "dedupId": dedup_id(finding),
        "console": console_url(finding),
    }


def headline(finding: Finding, attack: Mapping[str, Any], label: str) -> str:
    """Write one line: how bad, which technique, what happened, to whom; safe for a mail subject."""
    subject = subject_of(finding)
    place = "/".join(filter(None, map(single_line, (finding.account, finding.region))))
    parts = [*map(single_line, (label, _what(finding, attack), deed_of(finding, subject)))]
    # Not cut as a whole: a long name must not push the account out.
    parts.append(f"{subject} in {place}" if place else subject)
    return " · ".join(filter(None, parts))


def _what(finding: Finding, attack: Mapping[str, Any]) -> str:
    if attack["techniques"]:
        first = attack["techniques"][0]
        return f"{first['name']} ({first['id']})"
    if attack["tactics"]:
        return f"{attack['tactics'][0]['name']} ({finding.type})"
    return finding.type


def subject_of(finding: Finding) -> str:
    """Name the resource the finding is about, in its shortest form that a console search finds."""
    for path in _SUBJECTS.get(finding.text("resource.resourceType"), ()) + _ANY_SUBJECT:
        name = finding.text(path) or _first_name(finding, path)
        if name:
            return single_line(name)
    return single_line(finding.text("resource.resourceType")) or "unnamed resource"


def _first_name(finding: Finding, path: str) -> str:
    head, _, key = path.rpartition(".")
    return next((text_at(row, key) for row in rows_at(finding.view, head)), "")


_SUBJECTS: dict[str, tuple[str, ...]] = {
    "AccessKey": ("resource.accessKeyDetails.userName", "resource.accessKeyDetails.principalId"),
    "S3Bucket": ("resource.s3BucketDetails.name",),
    "S3Object": ("resource.s3BucketDetails.name",),
    "EKSCluster": ("resource.eksClusterDetails.name",),
    "Lambda": ("resource.lambdaDetails.functionName",),
    "RDSDBInstance": ("resource.rdsDbInstanceDetails.dbInstanceIdentifier",),
    "RDSLimitlessDB": ("resource.rdsLimitlessDbDetails.dbShardGroupIdentifier",),
    "ECSCluster": ("resource.ecsClusterDetails.name",),
    "Container": ("resource.containerDetails.name",),
}
_ANY_SUBJECT = (
    "resource.instanceDetails.instanceId",
    "resource.eksClusterDetails.name",
    "resource.ecsClusterDetails.name",
    "resource.containerDetails.name",
    "resource.s3BucketDetails.name",
    "resource.lambdaDetails.functionName",
    "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
    "resource.accessKeyDetails.userName",
    "resource.accessKeyDetails.principalId",
    "service.detection.sequence.resources.name",
    "service.detection.sequence.resources.uid",
)


def dedup_id(finding: Finding) -> str:
    """Give the hex sha256 of `ARN|updatedAt`: the same for every copy of one update of one finding.

    Of the whole detail where it names no ARN: two findings without a name must not pass for one.
    """
    identity = f"{finding.arn}|{finding.updated_at}" if finding.arn else _text_of(finding)
    return hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()


def _text_of(finding: Finding) -> str:
    try:
        return json.dumps(finding.event["detail"], sort_keys=True)
    except RecursionError:
        return finding.type


def console_url(finding: Finding) -> str:
    """Point at the finding in the GuardDuty console of its own partition and Region."""
    host = _CONSOLES.get(finding.partition, "console.aws.amazon.com")
    region, finding_id = (
        quote(text[:_ID_LIMIT], safe="", errors="replace") for text in (finding.region, finding.text("id"))
    )
    return f"https://{host}/guardduty/home?region={region}#/findings?macros=current&fId={finding_id}"
