"""Import findings into Security Hub as a custom product, where the GuardDuty integration is disabled.

An account can import only its own findings into its default product, so a delegated administrator cannot
import those of its members: each is moved to the dead-letter queue with the reason.
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from enricher.destinations.base import TIMEOUTS, Delivery, Failure, Remedy, TimeLeft
from enricher.destinations.batching import (
    InvalidAnswer,
    batch_by_size,
    fail_all,
    item_failure,
    make_call,
    require,
    time_check,
)
from enricher.destinations.security_hub import (
    PERMANENT_CODES,
    RegionalClients,
    Subject,
    latest_first,
    regional_clients,
)
from enricher.formats.asff import FINDING_LIMIT, Incomplete, to_asff

if TYPE_CHECKING:
    from enricher.settings import Settings

#: 100 findings and 6 MB in one call.
#: https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
FINDINGS_PER_CALL, CALL_LIMIT = 100, 6_000_000
_IMPORT = "BatchImportFindings"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """One finding in ASFF, ready to import; size: of its JSON, in bytes."""

    subject: Subject
    finding: dict[str, Any]
    size: int

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the failure for each delivery of the finding, by delivery id."""
        return self.subject.fail(failure)


@dataclass(frozen=True, slots=True)
class ImportDestination:
    """Imports findings of one account.

    account: the account the function runs in, 12 digits; call_seconds: the longest time one call can take.
    """

    clients: RegionalClients
    account: str
    call_seconds: float

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> dict[str, Failure]:
        """Import the batch; return the failures by delivery id."""
        failures: dict[str, Failure] = {}
        by_arn: dict[tuple[str, str], list[Delivery]] = {}
        for delivery in batch:
            finding = delivery.enriched.finding
            if finding.account == self.account:
                by_arn.setdefault((finding.region, finding.arn or delivery.id), []).append(delivery)
            else:
                failures[delivery.id] = cross_account(finding.account, self.account)
        by_region: dict[str, list[ImportRequest]] = {}
        for (region, _), deliveries in by_arn.items():
            request = build_request(region, latest_first(deliveries))
            if isinstance(request, ImportRequest):
                by_region.setdefault(region, []).append(request)
            else:
                failures |= request
        for region, requests in by_region.items():
            failures |= self._import_all(region, requests, time_left)
        return failures

    def _import_all(
        self, region: str, requests: Sequence[ImportRequest], time_left: TimeLeft
    ) -> dict[str, Failure]:
        try:
            self.clients.client(region)
        except (BotoCoreError, ValueError) as error:
            failure = Failure(f"Region {region!r:.40}: {error}", Remedy.DEAD_LETTER)
            return fail_all(requests, failure)
        failures: dict[str, Failure] = {}
        for group in group_requests(requests):
            failures |= make_call(
                group,
                lambda some: self._import(region, some),
                _IMPORT,
                time_check(time_left, self.call_seconds),
            )
        return failures

    def _import(self, region: str, requests: Sequence[ImportRequest]) -> dict[str, Failure]:
        findings: Any = [request.finding for request in requests]
        response = self.clients.client(region).batch_import_findings(Findings=findings)
        require(response, "SuccessCount", "FailedCount")
        failures: dict[str, Failure] = {}
        by_id = {request.subject.id: request for request in requests}
        failed_findings = response.get("FailedFindings", [])
        for failed in failed_findings:
            code = failed["ErrorCode"]
            failures |= by_id.pop(failed["Id"]).fail(
                item_failure(_IMPORT, code, failed.get("ErrorMessage", ""), permanent=code in PERMANENT_CODES)
            )
        if (len(by_id), len(failed_findings)) != (response["SuccessCount"], response["FailedCount"]):
            # An import of the same update twice has no effect, so all of them can be retried.
            raise InvalidAnswer("the counts of the answer are not those of the request")
        return failures


def cross_account(account: str, own: str) -> Failure:
    """Return the failure of a finding of another account, which is not retryable."""
    return Failure(
        f"the finding belongs to account {account!r:.20}; only those of account {own} can be imported here: "
        "deploy import into each member account, or use annotate in the administrator account",
        Remedy.DEAD_LETTER,
        metric="CrossAccountFinding",
    )


def build_request(region: str, deliveries: tuple[Delivery, ...]) -> ImportRequest | dict[str, Failure]:
    """Return the import request of the latest update, or the failures if it cannot be written as ASFF."""
    subject = Subject(deliveries[0].enriched.finding.arn or deliveries[0].id, "", region, deliveries)
    try:
        finding = to_asff(deliveries[0].enriched)
        size = len(json.dumps(finding))  # as botocore serializes it: ASCII escapes, never smaller than UTF-8
    except Incomplete as error:
        return subject.fail(Failure(str(error), Remedy.DEAD_LETTER))
    except Exception as error:
        # A finding that raises an unexpected error must not block the others of its batch.
        return subject.fail(Failure.unexpected(error, Remedy.DEAD_LETTER))
    if size > FINDING_LIMIT:
        return subject.fail(
            Failure(f"{size} bytes as ASFF; the maximum is {FINDING_LIMIT}", Remedy.DEAD_LETTER)
        )
    return ImportRequest(subject, finding, size)


def group_requests(requests: Sequence[ImportRequest]) -> Iterable[Sequence[ImportRequest]]:
    """Split into calls of at most 100 findings and 6 MB in total, in order."""
    # Two bytes more for the comma and space that botocore writes between two findings.
    return batch_by_size(requests, FINDINGS_PER_CALL, CALL_LIMIT, lambda request: request.size + 2)


def build(settings: Settings) -> ImportDestination:
    """Create the destination and the client of the function's own Region."""
    return ImportDestination(regional_clients(), settings.account_id, TIMEOUTS.seconds)
