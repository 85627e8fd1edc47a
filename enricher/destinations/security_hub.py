"""Shared by annotation and import: the clients by Region, one subject for each finding, error codes.

Codes and limits: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html and
API_BatchImportFindings.html and API_GetFindings.html in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enricher.destinations.base import TIMEOUTS, Delivery, Failure
from enricher.enrichment.finding_state import is_later

if TYPE_CHECKING:
    from mypy_boto3_securityhub import SecurityHubClient

#: Error codes of a single finding, in the response of a successful call, that are not retryable.
PERMANENT_CODES = frozenset(
    ("InvalidInput", "InvalidInputException", "DuplicatedFindingIdentifier", "FindingSizeExceeded")
)
#: Maximum length of a finding identifier, in characters.
ID_LIMIT = 512

#: What identifies a finding in Security Hub: its Id and its ProductArn.
Identity = tuple[str, str]


@dataclass(slots=True)
class RegionalClients:
    """The Security Hub clients by Region, created on first use; make: creates the client of a Region."""

    make: Callable[[str], SecurityHubClient]
    clients: dict[str, SecurityHubClient] = field(default_factory=dict)

    def client(self, region: str) -> SecurityHubClient:
        """Return the client of a Region; raise BotoCoreError or ValueError for an invalid Region name."""
        if region not in self.clients:
            self.clients[region] = self.make(region)
        return self.clients[region]


@dataclass(frozen=True, slots=True)
class Subject:
    """The deliveries of a batch for one finding, its latest update first.

    Security Hub stores one state of a finding, so only the latest update is sent, and its outcome applies to
    all deliveries.
    """

    id: str
    product_arn: str
    region: str
    deliveries: tuple[Delivery, ...]

    @property
    def identity(self) -> Identity:
        """Return what identifies the finding in Security Hub."""
        return self.id, self.product_arn

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the same failure for each delivery, by delivery id."""
        return {delivery.id: failure for delivery in self.deliveries}


def latest_first(deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """Move the delivery with the latest update to the front; keep the order of the others."""
    first = deliveries[0]
    for delivery in deliveries[1:]:
        if is_later(delivery.enriched.finding.updated_at, first.enriched.finding.updated_at):
            first = delivery
    return (first, *(delivery for delivery in deliveries if delivery is not first))


def regional_clients() -> RegionalClients:
    """Create the regional clients, that of the function's own Region at once (in Lambda's init)."""
    from enricher.destinations.clients import make_client, own_region

    config = TIMEOUTS.config()
    clients = RegionalClients(lambda region: make_client("securityhub", config, region))
    if region := own_region():
        clients.client(region)
    return clients
