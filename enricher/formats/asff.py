"""Convert a finding to the AWS Security Finding Format (ASFF), with its ATT&CK tags as searchable fields.

Limits: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
Types: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-type-taxonomy.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from enricher.enrichment.alert import UNKNOWN
from enricher.enrichment.attack_object import other_release
from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.event import Finding
from enricher.finding.fields import iso_time, time_at
from enricher.finding.safe_text import single_line
from enricher.formats.asff_activity import activity_fields
from enricher.formats.asff_resources import resources_of

#: Prefix of the keys of this project's fields; no other field is ever changed.
PREFIX = "attack/"
USER_VALUE_LIMIT, PRODUCT_VALUE_LIMIT = 1024, 2048
ID_LIMIT, TITLE_LIMIT, DESCRIPTION_LIMIT = 512, 256, 1024
TYPES_LIMIT = 50
#: Maximum size of a finding in bytes; Security Hub documents "240 KB", and 240,000 is the safe reading of it.
FINDING_LIMIT = 240_000

#: Value of an empty field. Every field is always written: whether an update replaces the map or merges into
#: it is not documented, so an omitted field might keep its old value.
NONE = "none"

#: Tactics in ASFF's types taxonomy. It has no category for the two tactics that replace Defense Evasion in
#: ATT&CK 19, and its namespace Effects covers what an attacker achieves.
_NAMESPACES = {
    "TA0043": "TTPs/Reconnaissance",
    "TA0042": "TTPs/Resource Development",
    "TA0005": "TTPs/Defense Evasion",
    "TA0112": "TTPs/Defense Evasion",
    "TA0010": "Effects/Data Exfiltration",
    "TA0040": "Effects",
}
_EFFECTS = {
    "T1485": "Effects/Data Destruction",
    "T1486": "Effects/Data Destruction",
    "T1490": "Effects/Data Destruction",
    "T1561": "Effects/Data Destruction",
    "T1498": "Effects/Denial of Service",
    "T1499": "Effects/Denial of Service",
    "T1496": "Effects/Resource Consumption",
}
_UNMAPPED_TYPE = "Unusual Behaviors"


def attack_fields(enriched: EnrichedFinding, limit: int = USER_VALUE_LIMIT) -> dict[str, str]:
    """Return the ATT&CK tags as text fields, most important first, each of 1 to `limit` characters.

    To search for a technique, filter on `attack/technique` (the primary one) or on `attack/technique-ids`
    (all techniques with their parents).
    """
    attack = enriched.attack
    techniques, tactics = attack["techniques"], attack["tactics"]
    primary: Mapping[str, Any] = techniques[0] if techniques else {}
    tactic = primary.get("tactic") or (tactics[0] if tactics else {})
    former = [other for row in techniques if "formerly" in row and (other := other_release(row))]
    values = {
        "technique": primary.get("id"),
        "technique-name": primary.get("name"),
        "tactic": tactic.get("id"),
        "tactic-name": tactic.get("name"),
        "technique-ids": _join(_with_parents(row["id"] for row in techniques), limit),
        "tactic-names": _join((row["name"] for row in tactics), limit),
        "status": attack["status"],
        "confidence": primary.get("confidence"),
        "source": primary.get("source"),
        "version": attack["version"],
        "mapping": attack["mapping"],
        "formerly": _join(
            (name for row in former for name in (row["id"], row["tactic"]["name"])),
            limit,
        ),
    }
    return {PREFIX + key: single_line(value or NONE, limit) for key, value in values.items()}


def _with_parents(ids: Iterable[str]) -> Iterable[str]:
    listed = tuple(ids)
    return (*listed, *(key.partition(".")[0] for key in listed))


def _join(values: Iterable[str], limit: int) -> str:
    """Return the distinct values joined with ", ", up to the last one that fits into `limit` characters."""
    text = ""
    for value in dict.fromkeys(values):
        longer = f"{text}, {value}" if text else value
        if len(longer) > limit:
            break
        text = longer
    return text


class Incomplete(ValueError):
    """A finding that lacks a value required by ASFF; the message names the field and the value found."""


def to_asff(enriched: EnrichedFinding) -> dict[str, Any]:
    """Return the finding as an ASFF finding of the account's own product (`default_product`).

    The ATT&CK fields are in ProductFields: UserDefinedFields are the customer's, and BatchImportFindings does
    not update them. Above FINDING_LIMIT the details of the activity are left out. Raise Incomplete if the
    finding lacks a value that ASFF requires.
    """
    finding, alert = enriched.finding, enriched.alert
    if not finding.arn or len(finding.arn) > ID_LIMIT:
        raise Incomplete(
            f"ASFF requires an Id of 1 to {ID_LIMIT} characters; the finding's ARN has {len(finding.arn)}"
        )
    if not re.fullmatch(r"[0-9]{12}", finding.account):
        raise Incomplete(f"ASFF requires an account ID of 12 digits; the finding has {finding.account!r:.40}")
    if not finding.region:
        raise Incomplete("ASFF requires a Region; the finding has none")
    created, updated = _time(finding, "createdAt"), _time(finding, "updatedAt")
    if not updated:
        raise Incomplete(f"ASFF requires UpdatedAt; the finding's updatedAt is {finding.updated_at!r:.40}")
    optional = {
        "FirstObservedAt": _time(finding, "service.eventFirstSeen"),
        "LastObservedAt": _time(finding, "service.eventLastSeen"),
    }
    asff = {
        "SchemaVersion": "2018-10-08",
        "Id": finding.arn,
        "ProductArn": default_product(finding),
        "ProductName": "GuardDuty ATT&CK Enricher",
        "GeneratorId": single_line(finding.arn.partition("/finding/")[0], ID_LIMIT) or "guardduty",
        "AwsAccountId": finding.account,
        "CreatedAt": created or updated,
        "UpdatedAt": updated,
        **{key: value for key, value in optional.items() if value},
        "Title": single_line(finding.text("title") or finding.type, TITLE_LIMIT) or "GuardDuty finding",
        "Description": single_line(finding.text("description"), DESCRIPTION_LIMIT) or alert["headline"],
        **({"SourceUrl": alert["console"]} if alert["console"] else {}),
        "FindingProviderFields": {
            "Severity": _severity(enriched),
            "Types": types_of(enriched),
        },
        "ProductFields": _product_fields(enriched),
        "Resources": resources_of(finding, enriched.context),
        "RecordState": "ARCHIVED" if finding.flag("service.archived") else "ACTIVE",
        "Sample": alert["sample"],
    }
    return _with_activity(asff, activity_fields(finding, enriched.context))


def _with_activity(asff: dict[str, Any], activity: dict[str, Any]) -> dict[str, Any]:
    """Add the objects of the activity, the last ones left out where the finding would exceed its limit."""
    names = list(activity)
    while names:
        whole = {**asff, **{name: activity[name] for name in names}}
        if len(json.dumps(whole)) <= FINDING_LIMIT:
            return whole
        names.pop()
    return asff


def default_product(finding: Finding) -> str:
    """Return the ARN of the default product, to which an account's own findings belong."""
    return (
        f"arn:{finding.partition}:securityhub:{finding.region}:{finding.account}"
        f":product/{finding.account}/default"
    )


def types_of(enriched: EnrichedFinding) -> list[str]:
    """Return 1 to 50 types of ASFF's taxonomy; the classifier (third part) is GuardDuty's finding type."""
    # A slash separates the three parts, so GuardDuty's own integration replaces it with a dash as well.
    classifier = single_line(enriched.finding.type, ID_LIMIT).replace("/", "-")
    attack = enriched.attack
    pairs = [(row["tactic"], row["id"]) for row in attack["techniques"]] or [
        (tactic, "") for tactic in attack["tactics"]
    ]
    categories = [_category(tactic, technique) for tactic, technique in pairs] or [_UNMAPPED_TYPE]
    types = (
        f"{category}/{classifier}" if "/" in category and classifier else category
        for category in dict.fromkeys(categories)
    )  # fmt: skip
    return list(types)[:TYPES_LIMIT]


def _category(tactic: Mapping[str, Any], technique: str) -> str:
    if tactic["id"] == "TA0040":
        return _EFFECTS.get(technique.partition(".")[0], _NAMESPACES["TA0040"])
    return _NAMESPACES.get(tactic["id"], f"TTPs/{tactic['name']}")


def _severity(enriched: EnrichedFinding) -> dict[str, str]:
    label = enriched.alert["severity"]
    number = enriched.finding.number("severity")
    severity: dict[str, str] = {"Label": "INFORMATIONAL" if label == UNKNOWN else label}
    return severity if number is None else {**severity, "Original": f"{number:g}"}


def _product_fields(enriched: EnrichedFinding) -> dict[str, str]:
    finding = enriched.finding
    values = {
        "guardduty/type": finding.type,
        "guardduty/id": finding.text("id"),
        "guardduty/detector": finding.text("service.detectorId"),
        "guardduty/count": finding.text("service.count"),
        "guardduty/resource-role": finding.text("service.resourceRole"),
        "guardduty/action": finding.text("service.action.actionType"),
        "guardduty/feature": finding.text("service.featureName"),
        "alert/headline": enriched.alert["headline"],
        "alert/dedup-id": enriched.alert["dedupId"],
    }
    ours = {key: text for key, value in values.items() if (text := single_line(value, PRODUCT_VALUE_LIMIT))}
    return attack_fields(enriched, PRODUCT_VALUE_LIMIT) | ours


def _time(finding: Finding, path: str) -> str:
    moment = time_at(finding.view, path)
    return iso_time(moment) if moment else ""
