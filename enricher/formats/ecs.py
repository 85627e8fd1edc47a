"""Render a finding as a document in the Elastic Common Schema (ECS).

Fields: https://www.elastic.co/docs/reference/ecs/ecs-field-reference
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enricher.enrichment.attack_object import finding_evidence, is_sub_technique
from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.context import Context, moment_of
from enricher.finding.fields import TEXT_LIMIT, iso_time, text_at, time_at
from enricher.formats.ecs_entities import cloud_fields, entity_fields, outcome_of
from enricher.formats.ecs_labels import resource_labels
from enricher.formats.json_text import dump_json, filled
from enricher.formats.technique_text import id_and_name, other_names, parent_of
from enricher.formats.truncation import Removals, fit

ECS_VERSION = "9.4.0"

#: Field sets removed, in this order, if the document without the original finding is still too large. The
#: fields that identify the finding, `threat` and `labels` are never removed, except for the labels of
#: `resource_labels` (labels.resource here).
TRUNCATION_ORDER = (
    "file", "container", "orchestrator", "faas", "user_agent", "service", "process", "host", "related",
    "labels.resource", "dns", "user", "network", "source", "destination", "message",
)  # fmt: skip

_CATEGORIES = {
    "AWS_API_CALL": "api",
    "KUBERNETES_API_CALL": "api",
    "NETWORK_CONNECTION": "network",
    "PORT_PROBE": "network",
    "DNS_REQUEST": "network",
    "RDS_LOGIN_ATTEMPT": "authentication",
}


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the document as JSON of at most `limit` UTF-8 bytes.

    Above the limit parts of event.original are removed, then event.original, then field sets in
    TRUNCATION_ORDER; labels.truncated lists them. Raise TooLarge if the required fields exceed the limit.
    """
    context = enriched.context
    document = _document(enriched, context)
    about = filled(resource_labels(enriched.finding, context))
    present = document.keys() | ({"labels.resource"} if about else set())
    removals = Removals(
        enriched.finding.event["detail"],
        "event.original",
        [key for key in TRUNCATION_ORDER if key in present],
    )

    def truncated(count: int) -> str:
        detail, removed = removals.detail(count)
        smaller = {key: value for key, value in document.items() if key not in removed}
        if detail is not None:
            # A string, not an object: unknown fields could conflict with the index mapping, and Elasticsearch
            # rejects a document if a single field conflicts.
            smaller["event"] = {**document["event"], "original": dump_json(detail)}
        labels = document["labels"] if "labels.resource" in removed else {**document["labels"], **about}
        smaller["labels"] = {**labels, "truncated": removed} if removed else labels
        return dump_json(smaller)

    return fit(truncated, removals.__len__, limit)


def _document(enriched: EnrichedFinding, context: Context) -> dict[str, Any]:
    finding = enriched.finding
    purpose, _, rest = finding.type[:TEXT_LIMIT].partition(":")
    return filled(
        {
            "@timestamp": iso_time(moment_of(finding)),
            "message": _message(enriched),
            "ecs": {"version": ECS_VERSION},
            "event": _event_fields(enriched, context),
            "threat": _threat_fields(enriched.attack) | _software(context),
            "rule": {
                "name": finding.type[:TEXT_LIMIT],
                "category": purpose if rest else "",
                "ruleset": f"{purpose}:{rest.partition('/')[0]}" if rest else "",
                "description": text_at(finding.view, "title"),
            },
            "cloud": cloud_fields(finding, enriched.alert["accountName"]),
            "observer": {"vendor": "AWS", "product": "GuardDuty"},
            **entity_fields(finding, context),
            "labels": _labels(enriched),
        }
    )


def _message(enriched: EnrichedFinding) -> str:
    view = enriched.finding.view
    parts = [enriched.alert["headline"], text_at(view, "title"), text_at(view, "description")]
    parts += [f"{fact.label}: {', '.join(fact.values)}" for fact in enriched.facts]
    return "\n".join(part for part in parts if part)


def _event_fields(enriched: EnrichedFinding, context: Context) -> dict[str, Any]:
    finding, alert = enriched.finding, enriched.alert
    severity = finding.number("severity")
    action = finding.text("service.action.actionType")[:TEXT_LIMIT]
    categories = ["intrusion_detection", _CATEGORIES.get(action, "")]
    categories += ["process" if context.process else "", "malware" if context.threats else ""]
    created, start, end = (
        time_at(finding.view, path)
        for path in ("createdAt", "service.eventFirstSeen", "service.eventLastSeen")
    )
    denied = context.blocked or bool(context.call and context.call.error)
    return {
        "kind": "alert",
        "category": [category for category in categories if category],
        "type": ["info", "denied"] if denied else ["info"],
        "action": context.call.operation if context.call else action.lower(),
        "outcome": outcome_of(finding),
        "id": alert["dedupId"],
        "code": finding.type[:TEXT_LIMIT],
        "severity": int(severity) if severity is not None and abs(severity) < 2**31 else None,
        "risk_score": float(severity) if severity is not None and abs(severity) < 2**31 else None,
        "reason": next(iter(_reasons(enriched.attack)), ""),
        "provider": "guardduty",
        "module": "guardduty_attack",
        "dataset": "guardduty_attack.finding",
        "url": alert["console"][:TEXT_LIMIT],
        "created": iso_time(created) if created else "",
        "start": iso_time(start) if start else "",
        "end": iso_time(end) if end else "",
    }


def _threat_fields(attack: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of `threat`: distinct, parallel, primary first, including parents."""
    techniques, children = [], []
    for row in attack["techniques"]:
        if is_sub_technique(row):
            children.append(row)
            techniques.append(parent_of(row))
        else:
            techniques.append(row)
    if not attack["tactics"]:
        return {}
    return {
        "framework": attack["framework"],
        "tactic": _arrays(attack["tactics"]),
        "technique": {**_arrays(techniques), "subtechnique": _arrays(children)},
    }


def _software(context: Context) -> dict[str, Any]:
    return {"software": {"name": context.threats[0].name}} if context.threats else {}


def _arrays(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    distinct = list({row["id"]: row for row in rows}.values())
    return {
        "id": [row["id"] for row in distinct],
        "name": [row["name"] for row in distinct],
        "reference": [row["url"] for row in distinct],
    }


def _labels(enriched: EnrichedFinding) -> dict[str, Any]:
    finding, attack, alert = enriched.finding, enriched.attack, enriched.alert
    primary: Mapping[str, Any] = attack["techniques"][0] if attack["techniques"] else {}
    return {
        "attack_version": attack["version"],
        "attack_mapping": attack["mapping"],
        "attack_status": attack["status"],
        "attack_technique": primary.get("id"),
        "attack_tactic": next((tactic["id"] for tactic in attack["tactics"]), ""),
        "attack_confidence": primary.get("confidence"),
        "attack_source": primary.get("source"),
        "attack_reasons": _reasons(attack),
        "atlas": attack["atlas"].split(),
        "finding_arn": finding.arn[:TEXT_LIMIT],
        "finding_id": text_at(finding.view, "id"),
        "occurrence": alert["occurrence"],
        "resource_role": text_at(finding.view, "service.resourceRole"),
        "archived": "true" if alert["archived"] else "false",
        "principal": next((row["id"] for row in alert["entities"] if row["kind"] == "principal"), ""),
        **{key: alert[key][:TEXT_LIMIT] for key in ("check", "benign", "changes", "related")},
        "sample": "true" if alert["sample"] else "false",
        "severity": alert["severity"],
    }


def _reasons(attack: Mapping[str, Any]) -> list[str]:
    """Return one text per technique: name, confidence, source, rationale, evidence, other release's name."""
    reasons = []
    for row in attack["techniques"]:
        shown = "; ".join(f"{shown['field']} = {shown['value']}" for shown in finding_evidence(row))
        name = f"{id_and_name(row)} ({row['tactic']['name']})"
        head = f"{name}, {row['confidence']} confidence from {row['source']}"
        parts = (f"{head}: {row['rationale']}", f"Evidence: {shown}." if shown else "", *other_names(row))
        reasons.append(" ".join(part for part in parts if part)[:TEXT_LIMIT])
    return reasons
