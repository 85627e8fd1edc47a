"""Show the Security Hub route: findings imported by GuardDuty's integration, annotated by the route."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from enricher.authoring.loader import read_mapping
from enricher.destinations.base import Delivery
from enricher.destinations.security_hub import RegionalClients
from enricher.destinations.security_hub_annotate import AnnotateDestination, product_arn
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from tests.fault_injection.hub import Hub
from tests.fault_injection.moto_extension import extended_moto

ANALYST = {"owner": "soc-tier-2"}


def security_hub_lines(events: Sequence[Mapping[str, Any]], account: str) -> list[str]:
    """Annotate the findings of the events twice; return the API calls made and the fields of one finding."""
    mapping = read_mapping()
    batch = [enrich(Finding.from_event(dict(event)), mapping) for event in events]
    moto_account = patch.dict(os.environ, MOTO_ACCOUNT_ID=account)
    with moto_account, mock_aws(), extended_moto() as (stores, _):
        for enriched in batch:
            identity, finding = _native(enriched)
            hub = stores.hubs.setdefault((account, enriched.finding.region), Hub(account))
            hub.findings[identity] = finding
        first, second = _annotate(batch), _annotate(batch)
        shown = next((enriched for enriched in batch if enriched.attack["techniques"]), batch[0])
        identity, _ = _native(shown)
        fields = stores.hubs[account, shown.finding.region].findings[identity]["UserDefinedFields"]
    regions = {enriched.finding.region for enriched in batch}
    return [
        f"  {len(batch)} findings imported by the GuardDuty integration, in {len(regions)} Regions",
        f"  first run: {first}; second run: {second}",
        f"  {shown.finding.type} in Security Hub, its UserDefinedFields afterwards:",
        *(f"    {key:<24}{value}" for key, value in sorted(fields.items())),
        "",
    ]


def _native(enriched: EnrichedFinding) -> tuple[tuple[str, str], dict[str, Any]]:
    """Return the finding's identifier and the finding as imported, with a field that an analyst added."""
    finding = enriched.finding
    identity = finding.arn, product_arn(finding.partition, finding.region)
    return identity, {"Id": identity[0], "ProductArn": identity[1], "UserDefinedFields": dict(ANALYST)}


def _annotate(batch: Sequence[EnrichedFinding]) -> str:
    calls: Counter[str] = Counter()

    def make(region: str) -> Any:
        client = boto3.client("securityhub", region_name=region)
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
        return client

    deliveries = [Delivery(str(number), enriched) for number, enriched in enumerate(batch)]
    failures = AnnotateDestination(RegionalClients(make), call_seconds=1).deliver(deliveries, lambda: 60.0)
    reasons = Counter(failure.reason for failure in failures.values())
    skipped = "".join(f", {count} skipped ({reason})" for reason, count in reasons.items())
    made = ", ".join(f"{calls[name]} {name} calls" for name in ("GetFindings", "BatchUpdateFindings"))
    return f"{made}{skipped}"
