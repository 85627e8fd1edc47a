"""Render a finding as an OCSF Detection Finding (class 2004) with the cloud profile.

The event is built for 1.8.0; `ocsf_versions` converts it to an older release.
Schema: https://schema.ocsf.io/1.8.0/classes/detection_finding?profiles=cloud
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from enricher.attack.catalog import archived_url
from enricher.enrichment.attack_object import is_sub_technique
from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.context import Context, moment_of
from enricher.finding.event import Finding
from enricher.finding.fields import TEXT_LIMIT, epoch_milliseconds, text_at, time_at, whole_at
from enricher.formats.json_text import dump_json, filled, utf8_size
from enricher.formats.ocsf_evidences import account_of, evidences_of, malware_of, resources_of
from enricher.formats.ocsf_observables import observables_of
from enricher.formats.ocsf_versions import to_version
from enricher.formats.technique_text import parent_of
from enricher.formats.truncation import Removals, fit
from enricher.settings import OCSF_VERSIONS

_CLASS, _CATEGORY = 2004, 2
_ACTIVITIES = {1: "Create", 2: "Update", 3: "Close"}
_STATUSES = {1: "New", 5: "Archived"}
_SEVERITIES = {"UNKNOWN": 0, "LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}

#: Attributes removed, in this order, if the event without raw_data is still too large.
TRUNCATION_ORDER = ("observables", "malware", "evidences", "resources", "unmapped", "enrichments")


def render(enriched: EnrichedFinding, limit: int, version: str = OCSF_VERSIONS[0]) -> str:
    """Return the event in an OCSF version, as JSON of at most `limit` UTF-8 bytes.

    Above the limit parts of raw_data are removed, then raw_data, then attributes in TRUNCATION_ORDER. A
    truncated event has metadata.is_truncated true, metadata.untruncated_size in kilobytes (both in 1.8.0) and
    one label `removed:<path>` in metadata for each removed part. Raise TooLarge if the required parts exceed
    the limit.
    """
    event = _event(enriched)
    detail = enriched.finding.event["detail"]
    removals = Removals(detail, "raw_data", [key for key in TRUNCATION_ORDER if key in event])
    whole = 0

    def truncated(count: int) -> str:
        nonlocal whole
        smaller, removed = removals.detail(count)
        left = {key: value for key, value in event.items() if key not in removed}
        if smaller is not None:
            left["raw_data"] = dump_json(smaller)
        if removed:
            labels = [*event["metadata"].get("labels", ()), *(f"removed:{path}" for path in removed)]
            size = {"is_truncated": True, "untruncated_size": (whole + 1023) // 1024}
            left["metadata"] = {**event["metadata"], "labels": labels, **size}
        text = dump_json(to_version(left, version))
        whole = whole or utf8_size(text)
        return text

    return fit(truncated, removals.__len__, limit)


def _event(enriched: EnrichedFinding) -> dict[str, Any]:
    finding, alert = enriched.finding, enriched.alert
    view, context = finding.view, enriched.context
    number = finding.number("severity")
    event = filled(
        {
            **_classification(enriched),
            **_control(context),
            "time": epoch_milliseconds(moment_of(finding)),
            "start_time": _milliseconds(time_at(view, "service.eventFirstSeen")),
            "end_time": _milliseconds(time_at(view, "service.eventLastSeen")),
            "count": whole_at(view, "service.count", 2**31 - 1),
            "is_alert": True,
            "message": alert["headline"],
            "metadata": _metadata(enriched, context),
            "cloud": {
                "provider": "AWS",
                "account": account_of(finding.account[:TEXT_LIMIT], alert["accountName"][:TEXT_LIMIT]),
                "region": finding.region[:TEXT_LIMIT],
                "cloud_partition": finding.partition[:TEXT_LIMIT],
            },
            "finding_info": _finding_info(enriched),
            "remediation": {"desc": alert["check"]},
            "resources": resources_of(finding, context),
            "evidences": evidences_of(finding, context),
            "malware": malware_of(context),
            "vendor_attributes": {"severity": "" if number is None else f"{number:g}"},
            "enrichments": [
                {
                    "name": "finding_info.types",
                    "value": finding.type[:TEXT_LIMIT],
                    "type": "MITRE ATT&CK",
                    "provider": "guardduty-attack-enricher",
                    "data": enriched.attack,
                }
            ],
            "unmapped": {
                **{fact.path: ", ".join(fact.values) for fact in enriched.facts},
                "customDetectionRuleName": text_at(view, "customDetectionRuleName"),
                "service.action.actionType": text_at(view, "service.action.actionType"),
                "service.featureName": text_at(view, "service.featureName"),
                "service.resourceRole": text_at(view, "service.resourceRole"),
            },
        }
    )
    observables = observables_of(event)
    return {**event, "observables": observables} if observables else event


def _control(context: Context) -> dict[str, Any]:
    """Return what became of the activity; {} unless GuardDuty states that it was blocked."""
    if not context.blocked:
        return {}
    return {"action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked"}


def _classification(enriched: EnrichedFinding) -> dict[str, Any]:
    alert, archived = enriched.alert, enriched.finding.flag("service.archived")
    activity = 3 if archived else 2 if alert["occurrence"] == "repeat" else 1
    status = 5 if archived else 1
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "severity_id": _SEVERITIES[alert["severity"]],
        "severity": alert["severity"].capitalize(),
        "status_id": status,
        "status": _STATUSES[status],
    }


def _metadata(enriched: EnrichedFinding, context: Context) -> dict[str, Any]:
    return {
        "version": OCSF_VERSIONS[0],
        "profiles": ["cloud", "security_control"] if context.blocked else ["cloud"],
        "product": {"name": "GuardDuty", "vendor_name": "AWS"},
        "uid": enriched.alert["dedupId"],
        "event_code": enriched.finding.type[:TEXT_LIMIT],
        "labels": ["sample"] if enriched.alert["sample"] else [],
    }


def _finding_info(enriched: EnrichedFinding) -> dict[str, Any]:
    finding, view = enriched.finding, enriched.finding.view
    times = {
        "created_time": "createdAt",
        "modified_time": "updatedAt",
        "first_seen_time": "service.eventFirstSeen",
        "last_seen_time": "service.eventLastSeen",
    }
    identity = text_at(view, "id")
    return {
        # Required; GuardDuty's findings always have an ARN, but one without it is forwarded as well.
        "uid": finding.arn[:TEXT_LIMIT] or identity or enriched.alert["dedupId"],
        "uid_alt": identity,
        # Required in 1.1.0.
        "title": text_at(view, "title") or finding.type[:TEXT_LIMIT] or "GuardDuty finding",
        "desc": text_at(view, "description"),
        "types": [finding.type[:TEXT_LIMIT]] if finding.type else [],
        "src_url": enriched.alert["console"],
        "analytic": _analytic(finding),
        "attacks": attacks_of(enriched.attack),
        **{name: _milliseconds(time_at(view, path)) for name, path in times.items()},
    }


def _analytic(finding: Finding) -> dict[str, Any]:
    rule = text_at(finding.view, "customDetectionRuleName")
    is_anomaly = "AnomalousBehavior" in finding.type
    kind, caption = (1, "Rule") if rule else (4, "Learning (ML/DL)") if is_anomaly else (0, "Unknown")
    name = rule or finding.type[:TEXT_LIMIT]
    uid = text_at(finding.view, "service.detectorId")
    return {"name": name, "uid": uid, "type_id": kind, "type": caption} if name or uid else {}


def attacks_of(attack: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the OCSF `attack` objects, primary first: techniques, else tactics alone; ATLAS entries last.

    attack: the `attack` object of the enriched event.
    """
    version = attack["version"]
    attacks = []
    for row in attack["techniques"]:
        tactic = next(tactic for tactic in attack["tactics"] if tactic["id"] == row["tactic"]["id"])
        entry = {"tactic": _named(tactic, version), "version": version}
        if is_sub_technique(row):
            entry |= {"technique": _named(parent_of(row), version), "sub_technique": _named(row, version)}
        else:
            entry["technique"] = _named(row, version)
        attacks.append(entry)
    if not attacks:
        attacks = [{"tactic": _named(tactic, version), "version": version} for tactic in attack["tactics"]]
    return attacks + [{"technique": {"uid": atlas_id}} for atlas_id in attack["atlas"].split()]


def _named(row: Mapping[str, Any], version: str) -> dict[str, str]:
    # OCSF requires the versioned permalink.
    url = row["url"] if "/versions/" in row["url"] else archived_url(row["url"], version)
    return {"uid": row["id"], "name": row["name"], "src_url": url}


def _milliseconds(moment: datetime | None) -> int | None:
    return epoch_milliseconds(moment) if moment else None
