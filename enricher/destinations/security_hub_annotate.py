"""Write the ATT&CK fields onto the findings that GuardDuty itself put into Security Hub.

Only `UserDefinedFields`, which no provider's update ever changes: a `Note` would replace the analyst's, and
`Types` or `Severity`, once written by a customer, no longer follow GuardDuty.
https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchupdatefindings.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from enricher.destinations.base import PATIENCE, Failure, Parcel, Remedy, TimeLeft
from enricher.destinations.security_hub import (
    ID_LIMIT,
    Hubs,
    Identity,
    OutOfTime,
    Subject,
    call_by_halves,
    cut,
    fail_all,
    failure_of_code,
    has_time,
    latest_first,
    make_hubs,
)
from enricher.formats.asff import PREFIX, attack_fields

if TYPE_CHECKING:
    from enricher.settings import Settings

#: GetFindings takes at most 20 values for one field of a filter, BatchUpdateFindings 100 identifiers.
IDS_PER_LOOK, IDS_PER_UPDATE = 20, 100
FIELDS_LIMIT = 50

#: Seconds to wait for a finding that is not in Security Hub yet, by attempt. GuardDuty "usually" needs up to
#: five minutes; half an hour is the most that is waited.
#: https://docs.aws.amazon.com/guardduty/latest/ug/securityhub-integration.html
WAITS = (60, 120, 240, 480, 900)

_LOOK, _UPDATE = "GetFindings", "BatchUpdateFindings"
_Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class AnnotateDestination:
    """Annotate findings in their own Region. call_seconds: the longest that one call can take."""

    hubs: Hubs
    call_seconds: float

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> dict[str, Failure]:
        """Annotate the batch; give the failures by parcel id."""
        failures: dict[str, Failure] = {}
        by_identity: dict[tuple[str, str, str], list[Parcel]] = {}
        for parcel in batch:
            finding = parcel.enriched.finding
            if refusal := refuse(parcel):
                failures[parcel.id] = refusal
            else:
                name = (finding.region, finding.arn, product_arn(finding.partition, finding.region))
                by_identity.setdefault(name, []).append(parcel)
        by_region: dict[str, list[Subject]] = {}
        for (region, arn, product), parcels in by_identity.items():
            by_region.setdefault(region, []).append(Subject(arn, product, region, latest_first(parcels)))
        for region, subjects in by_region.items():
            failures |= self._annotate(region, subjects, time_left)
        return failures

    def _annotate(self, region: str, subjects: Sequence[Subject], time_left: TimeLeft) -> dict[str, Failure]:
        try:
            self.hubs.client(region)
        except (BotoCoreError, ValueError) as error:
            return fail_all(subjects, Failure(f"Region {region!r:.40}: {error}", Remedy.DEAD_LETTER))
        enough_time = has_time(time_left, self.call_seconds)
        found, failures = self._find(region, subjects, enough_time)
        groups: dict[frozenset[tuple[str, str]], list[Subject]] = {}
        for subject in subjects:
            if subject.identity not in found:
                continue
            there = found[subject.identity]
            fields = merge_fields(there, attack_fields(subject.parcels[0].enriched))
            if fields is None:
                failures |= subject.fail(Failure(_NO_ROOM, Remedy.DEAD_LETTER))
            elif fields != there:
                groups.setdefault(frozenset(fields.items()), []).append(subject)
        for items, group in groups.items():
            update = partial(self._update, region, dict(items))
            for some in cut(group, IDS_PER_UPDATE):
                failures |= call_by_halves(some, update, _UPDATE, enough_time)
        return failures

    def _find(
        self, region: str, subjects: Sequence[Subject], enough_time: Callable[[], bool]
    ) -> tuple[dict[Identity, _Fields], dict[str, Failure]]:
        """Give the user-defined fields of the findings that are there, and the failures of the others."""
        found: dict[Identity, _Fields] = {}

        def look(some: Sequence[Subject]) -> dict[str, Failure]:
            present = self._look_up(region, some, enough_time)
            found.update(present)
            absent = (subject for subject in some if subject.identity not in present)
            return {key: failure for subject in absent for key, failure in wait_for(subject).items()}

        failures: dict[str, Failure] = {}
        for some in cut(subjects, IDS_PER_LOOK):
            failures |= call_by_halves(some, look, _LOOK, enough_time)
        return found, failures

    def _look_up(
        self, region: str, subjects: Sequence[Subject], enough_time: Callable[[], bool]
    ) -> dict[Identity, _Fields]:
        """Give the user-defined fields of the findings that are there; raise OutOfTime between two pages."""
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
            answer = self.hubs.client(region).get_findings(Filters=filters, MaxResults=100, **token)
            for finding in answer["Findings"]:
                identity = (finding["Id"], finding["ProductArn"])
                if identity in wanted:
                    found[identity] = dict(finding.get("UserDefinedFields") or {})
            if not answer.get("NextToken") or wanted <= found.keys():
                return found
            if not enough_time():
                raise OutOfTime
            token = {"NextToken": answer["NextToken"]}

    def _update(self, region: str, fields: _Fields, subjects: Sequence[Subject]) -> dict[str, Failure]:
        by_identity = {subject.identity: subject for subject in subjects}
        answer = self.hubs.client(region).batch_update_findings(
            FindingIdentifiers=[{"Id": key, "ProductArn": product} for key, product in by_identity],
            UserDefinedFields=fields,
        )
        failures: dict[str, Failure] = {}
        for refused in answer["UnprocessedFindings"]:
            subject = by_identity.pop(_identity_of(refused["FindingIdentifier"]), None)
            if subject is None:
                continue
            code = refused["ErrorCode"]
            failures |= (
                wait_for(subject)
                if code == "FindingNotFound"
                else subject.fail(failure_of_code(_UPDATE, code, refused.get("ErrorMessage", "")))
            )
        for done in answer["ProcessedFindings"]:
            by_identity.pop(_identity_of(done), None)
        return failures | fail_all(by_identity.values(), Failure(f"{_UPDATE}: not in the answer"))


_NO_ROOM = f"no room: others hold all {FIELDS_LIMIT} user-defined fields of the finding"


def _identity_of(identifier: Mapping[str, Any]) -> Identity:
    return identifier["Id"], identifier["ProductArn"]


def product_arn(partition: str, region: str) -> str:
    """Name GuardDuty's product in Security Hub; the account between the two colons is empty."""
    return f"arn:{partition}:securityhub:{region}::product/aws/guardduty"


def refuse(parcel: Parcel) -> Failure | None:
    """Give the failure of a finding that Security Hub cannot hold or is not meant to, None for any other."""
    finding = parcel.enriched.finding
    if finding.flag("service.archived"):
        # What is archived by hand still comes through EventBridge, but not to Security Hub.
        return Failure("archived in GuardDuty", Remedy.SKIP, metric="Archived")
    if not finding.arn or not finding.region:
        return Failure("no ARN or no Region: Security Hub names a finding by both", Remedy.DEAD_LETTER)
    if len(finding.arn) > ID_LIMIT:
        return Failure(f"ARN of {len(finding.arn)} characters: at most {ID_LIMIT}", Remedy.DEAD_LETTER)
    return None


def wait_for(subject: Subject) -> dict[str, Failure]:
    """Give the failures of a finding that is not in Security Hub: wait, by attempt, in the end let it go."""
    return {parcel.id: _wait(parcel.attempt, parcel.waited) for parcel in subject.parcels}


def _wait(attempt: int, waited: float) -> Failure:
    # Both: an attempt may be a copy of the message, or may have failed before it could look.
    if attempt > len(WAITS) and waited >= sum(WAITS):
        reason = f"never appeared in Security Hub in {attempt} looks: is GuardDuty's integration on?"
        return Failure(reason, Remedy.LET_GO, metric="NeverAppeared")
    wait = WAITS[min(max(attempt, 1), len(WAITS)) - 1]
    return Failure("not in Security Hub yet", wait=wait, metric="NotYetThere")


def merge_fields(there: Mapping[str, str], ours: Mapping[str, str]) -> _Fields | None:
    """Put our fields among those that are there, all others untouched; None if there is no room for any.

    Where others leave less room than ours need, the least needed of ours are left out. Give back what is
    there if it already says the same.
    """
    others = {key: value for key, value in there.items() if not key.startswith(PREFIX)}
    room = FIELDS_LIMIT - len(others)
    if room <= 0:
        return None
    fitting = dict(list(ours.items())[:room])
    if all(there.get(key) == value for key, value in fitting.items()):
        return dict(there)
    return {**others, **fitting}


def build(_: Settings) -> AnnotateDestination:
    """Make the destination and the client of the function's own Region."""
    return AnnotateDestination(make_hubs(), PATIENCE.seconds)
