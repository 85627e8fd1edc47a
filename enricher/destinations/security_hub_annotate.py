"""Annotate the findings that GuardDuty's integration sends to Security Hub with ATT&CK fields.

Only `UserDefinedFields` are written, which no provider update changes: a `Note` would replace the analyst's,
and `Types` or `Severity`, once written by a customer, no longer follow GuardDuty.
https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchupdatefindings.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from enricher.destinations.base import TIMEOUTS, Delivery, Failure, Remedy, TimeLeft
from enricher.destinations.batching import (
    OutOfTime,
    batch_by_number,
    fail_all,
    item_failure,
    make_call,
    require,
    time_check,
)
from enricher.destinations.security_hub import (
    ID_LIMIT,
    PERMANENT_CODES,
    Identity,
    RegionalClients,
    Subject,
    latest_first,
    regional_clients,
)
from enricher.formats.asff import PREFIX, attack_fields

if TYPE_CHECKING:
    from enricher.settings import Settings

#: GetFindings accepts at most 20 values for one attribute of a filter, BatchUpdateFindings 100 identifiers.
IDS_PER_GET, IDS_PER_UPDATE = 20, 100
FIELDS_LIMIT = 50

#: Seconds until the retry for a finding that is not in Security Hub yet, by attempt; half an hour in total.
#: GuardDuty "usually" needs up to five minutes.
#: https://docs.aws.amazon.com/guardduty/latest/ug/securityhub-integration.html
RETRY_DELAYS = (60, 120, 240, 480, 900)

_GET, _UPDATE = "GetFindings", "BatchUpdateFindings"
_Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class AnnotateDestination:
    """Annotates findings, each in its own Region. call_seconds: the longest time one call can take."""

    clients: RegionalClients
    call_seconds: float

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> dict[str, Failure]:
        """Annotate the batch; return the failures by delivery id."""
        failures: dict[str, Failure] = {}
        by_identity: dict[tuple[str, str, str], list[Delivery]] = {}
        for delivery in batch:
            finding = delivery.enriched.finding
            if failure := reject(delivery):
                failures[delivery.id] = failure
            else:
                identity = (finding.region, finding.arn, product_arn(finding.partition, finding.region))
                by_identity.setdefault(identity, []).append(delivery)
        by_region: dict[str, list[Subject]] = {}
        for (region, arn, product), deliveries in by_identity.items():
            by_region.setdefault(region, []).append(Subject(arn, product, region, latest_first(deliveries)))
        for region, subjects in by_region.items():
            failures |= self._annotate(region, subjects, time_left)
        return failures

    def _annotate(self, region: str, subjects: Sequence[Subject], time_left: TimeLeft) -> dict[str, Failure]:
        try:
            self.clients.client(region)
        except (BotoCoreError, ValueError) as error:
            return fail_all(subjects, Failure(f"Region {region!r:.40}: {error}", Remedy.DEAD_LETTER))
        enough_time = time_check(time_left, self.call_seconds)
        found, failures = self._find(region, subjects, enough_time)
        groups: dict[frozenset[tuple[str, str]], list[Subject]] = {}
        for subject in subjects:
            if subject.identity not in found:
                continue
            existing = found[subject.identity]
            fields = merge_fields(existing, attack_fields(subject.deliveries[0].enriched))
            if fields is None:
                failures |= subject.fail(Failure(_FIELDS_FULL, Remedy.DEAD_LETTER))
            elif fields != existing:
                groups.setdefault(frozenset(fields.items()), []).append(subject)
        for items, group in groups.items():
            update = partial(self._update, region, dict(items))
            for some in batch_by_number(group, IDS_PER_UPDATE):
                failures |= make_call(some, update, _UPDATE, enough_time)
        return failures

    def _find(
        self, region: str, subjects: Sequence[Subject], enough_time: Callable[[], bool]
    ) -> tuple[dict[Identity, _Fields], dict[str, Failure]]:
        """Return the user-defined fields of the findings in Security Hub and the failures of the others."""
        found: dict[Identity, _Fields] = {}

        def get(some: Sequence[Subject]) -> dict[str, Failure]:
            present = self._get_findings(region, some, enough_time)
            found.update(present)
            absent = (subject for subject in some if subject.identity not in present)
            return {key: failure for subject in absent for key, failure in retry_or_discard(subject).items()}

        failures: dict[str, Failure] = {}
        for some in batch_by_number(subjects, IDS_PER_GET):
            failures |= make_call(some, get, _GET, enough_time)
        return found, failures

    def _get_findings(
        self, region: str, subjects: Sequence[Subject], enough_time: Callable[[], bool]
    ) -> dict[Identity, _Fields]:
        """Return the user-defined fields of the findings in Security Hub; raise OutOfTime between pages."""
        wanted = {subject.identity for subject in subjects}
        filters: Any = {
            "Id": [{"Value": subject.id, "Comparison": "EQUALS"} for subject in subjects],
            "ProductArn": [
                {"Value": value, "Comparison": "EQUALS"}
                for value in dict.fromkeys(subject.product_arn for subject in subjects)
            ],
        }
        found: dict[Identity, _Fields] = {}
        token: dict[str, Any] = {}
        while True:
            response = self.clients.client(region).get_findings(Filters=filters, MaxResults=100, **token)
            require(response, "Findings")
            for finding in response["Findings"]:
                identity = (finding["Id"], finding["ProductArn"])
                if identity in wanted:
                    found[identity] = dict(finding.get("UserDefinedFields") or {})
            if not response.get("NextToken") or wanted <= found.keys():
                return found
            if not enough_time():
                raise OutOfTime
            token = {"NextToken": response["NextToken"]}

    def _update(self, region: str, fields: _Fields, subjects: Sequence[Subject]) -> dict[str, Failure]:
        by_identity = {subject.identity: subject for subject in subjects}
        response = self.clients.client(region).batch_update_findings(
            FindingIdentifiers=[{"Id": key, "ProductArn": product} for key, product in by_identity],
            UserDefinedFields=fields,
        )
        require(response, "ProcessedFindings", "UnprocessedFindings")
        failures: dict[str, Failure] = {}
        for unprocessed in response["UnprocessedFindings"]:
            subject = by_identity.pop(_identity_of(unprocessed["FindingIdentifier"]), None)
            if subject is None:
                continue
            code = unprocessed["ErrorCode"]
            failures |= (
                retry_or_discard(subject)
                if code == "FindingNotFound"
                else subject.fail(
                    item_failure(
                        _UPDATE,
                        code,
                        unprocessed.get("ErrorMessage", ""),
                        permanent=code in PERMANENT_CODES,
                    )
                )
            )
        for processed in response["ProcessedFindings"]:
            by_identity.pop(_identity_of(processed), None)
        return failures | fail_all(by_identity.values(), Failure(f"{_UPDATE}: not in the response"))


_FIELDS_FULL = f"UserDefinedFields is full ({FIELDS_LIMIT} of {FIELDS_LIMIT})"


def _identity_of(identifier: Mapping[str, Any]) -> Identity:
    return identifier["Id"], identifier["ProductArn"]


def product_arn(partition: str, region: str) -> str:
    """Return the ARN of the GuardDuty product in Security Hub; its account field is empty."""
    return f"arn:{partition}:securityhub:{region}::product/aws/guardduty"


def reject(delivery: Delivery) -> Failure | None:
    """Return the failure of a finding that Security Hub cannot identify or does not receive, else None."""
    finding = delivery.enriched.finding
    if finding.flag("service.archived"):
        # A manually archived finding still reaches EventBridge, but is not sent to Security Hub.
        return Failure("archived in GuardDuty", Remedy.SKIP, metric="Archived")
    if not finding.arn or not finding.region:
        return Failure(
            "the finding has no ARN or no Region; Security Hub needs both to identify it", Remedy.DEAD_LETTER
        )
    if len(finding.arn) > ID_LIMIT:
        return Failure(
            f"the ARN has {len(finding.arn)} characters; the maximum is {ID_LIMIT}", Remedy.DEAD_LETTER
        )
    return None


def retry_or_discard(subject: Subject) -> dict[str, Failure]:
    """Return the failures of a finding not in Security Hub: retry after a delay, discard it in the end."""
    return {
        delivery.id: _retry_or_discard(delivery.attempt, delivery.elapsed) for delivery in subject.deliveries
    }


def _retry_or_discard(attempt: int, elapsed: float) -> Failure:
    # Both: an attempt may be a copy of the message, or may have failed before GetFindings was called.
    if attempt > len(RETRY_DELAYS) and elapsed >= sum(RETRY_DELAYS):
        reason = (
            f"not found in Security Hub after {attempt} attempts; "
            "check that the GuardDuty integration is enabled"
        )
        return Failure(reason, Remedy.DISCARD, metric="SecurityHubFindingNotFound")
    delay = RETRY_DELAYS[min(max(attempt, 1), len(RETRY_DELAYS)) - 1]
    return Failure("not found in Security Hub yet", wait=delay, metric="SecurityHubFindingPending")


def merge_fields(existing: Mapping[str, str], ours: Mapping[str, str]) -> _Fields | None:
    """Return the existing fields with ours merged in, all others unchanged; None if others use all 50.

    If others leave less than ours need, the last of ours, which are the least important, are left out. Equal
    to `existing` if nothing changes.
    """
    others = {key: value for key, value in existing.items() if not key.startswith(PREFIX)}
    free = FIELDS_LIMIT - len(others)
    if free <= 0:
        return None
    fitting = dict(list(ours.items())[:free])
    if all(existing.get(key) == value for key, value in fitting.items()):
        return dict(existing)
    return {**others, **fitting}


def build(_: Settings) -> AnnotateDestination:
    """Create the destination and the client of the function's own Region."""
    return AnnotateDestination(regional_clients(), TIMEOUTS.seconds)
