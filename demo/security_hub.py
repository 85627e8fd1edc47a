"""Show the Security Hub route: GuardDuty's own findings there, before and after they are annotated."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from enricher.authoring.loader import read_mapping
from enricher.destinations.base import Parcel
from enricher.destinations.security_hub import Hubs
from enricher.destinations.security_hub_annotate import AnnotateDestination, product_arn
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from tests.fault_injection.hub import Hub
from tests.fault_injection.moto_extension import extended_moto

ANALYST = {"owner": "soc-tier-2"}


def hub_lines(events: Sequence[Mapping[str, Any]], account: str) -> list[str]:
    """Annotate the findings of the events twice; write what it took and what one of them looks like."""
    mapping = read_mapping()
    batch = [enrich(Finding.from_event(dict(event)), mapping) for event in events]
    account_of_moto = patch.dict(os.environ, MOTO_ACCOUNT_ID=account)
    with account_of_moto, mock_aws(), extended_moto() as (stores, _):
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
        f"  {len(batch)} findings that GuardDuty's own integration put there, in {len(regions)} Regions",
        f"  first run: {first}; second run: {second}",
        f"  {shown.finding.type} in Security Hub, its user-defined fields afterwards:",
        *(f"    {key:<24}{value}" for key, value in sorted(fields.items())),
        "",
    ]


def _native(enriched: EnrichedFinding) -> tuple[tuple[str, str], dict[str, Any]]:
    """Give the finding as the integration imports it, which an analyst has put a field on."""
    finding = enriched.finding
    identity = finding.arn, product_arn(finding.partition, finding.region)
    return identity, {"Id": identity[0], "ProductArn": identity[1], "UserDefinedFields": dict(ANALYST)}


def _annotate(batch: Sequence[EnrichedFinding]) -> str:
    calls: Counter[str] = Counter()

    def make(region: str) -> Any:
        client = boto3.client("securityhub", region_name=region)
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
        return client

    parcels = [Parcel(str(place), enriched) for place, enriched in enumerate(batch)]
    failures = AnnotateDestination(Hubs(make), call_seconds=1).deliver(parcels, lambda: 60.0)
    reasons = Counter(failure.reason for failure in failures.values())
    held = "".join(f", {count} held back ({reason})" for reason, count in reasons.items())
    return f"{calls['GetFindings']} look-ups, {calls['BatchUpdateFindings']} updates{held}"
