"""Send findings to Security Hub as findings of our own, for an account whose GuardDuty integration is off.

An account can import only findings of its own into its default product, so a delegated administrator cannot
import those of its members: each is refused, with the reason.
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from enricher.destinations.base import PATIENCE, Failure, Parcel, Remedy, TimeLeft
from enricher.destinations.batching import cut_by_size
from enricher.destinations.security_hub import (
    Hubs,
    Subject,
    call_by_halves,
    fail_all,
    failure_of_code,
    has_time,
    latest_first,
    make_hubs,
)
from enricher.formats.asff import FINDING_LIMIT, Incomplete, to_asff

if TYPE_CHECKING:
    from enricher.settings import Settings

#: 100 findings and 6 MB in one call.
#: https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
FINDINGS_PER_CALL, CALL_LIMIT = 100, 6_000_000
_IMPORT = "BatchImportFindings"


@dataclass(frozen=True, slots=True)
class Letter:
    """Hold one finding as it will be imported; size: its JSON in bytes."""

    subject: Subject
    finding: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class ImportDestination:
    """Import findings of the function's own account. call_seconds: the longest that one call can take."""

    hubs: Hubs
    account: str
    call_seconds: float

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> dict[str, Failure]:
        """Import the batch; give the failures by parcel id."""
        failures: dict[str, Failure] = {}
        by_arn: dict[tuple[str, str], list[Parcel]] = {}
        for parcel in batch:
            finding = parcel.enriched.finding
            if finding.account == self.account:
                by_arn.setdefault((finding.region, finding.arn or parcel.id), []).append(parcel)
            else:
                failures[parcel.id] = foreign(finding.account, self.account)
        by_region: dict[str, list[Letter]] = {}
        for (region, _), parcels in by_arn.items():
            letter = write_letter(region, latest_first(parcels))
            if isinstance(letter, Letter):
                by_region.setdefault(region, []).append(letter)
            else:
                failures |= letter
        for region, letters in by_region.items():
            failures |= self._import_all(region, letters, time_left)
        return failures

    def _import_all(self, region: str, letters: Sequence[Letter], time_left: TimeLeft) -> dict[str, Failure]:
        try:
            self.hubs.client(region)
        except (BotoCoreError, ValueError) as error:
            refused = Failure(f"Region {region!r:.40}: {error}", Remedy.DEAD_LETTER)
            return fail_all((letter.subject for letter in letters), refused)
        bodies = {letter.subject.id: letter.finding for letter in letters}
        failures: dict[str, Failure] = {}
        for group in group_letters(letters):
            failures |= call_by_halves(
                [letter.subject for letter in group],
                lambda some: self._import(region, some, bodies),
                _IMPORT,
                has_time(time_left, self.call_seconds),
            )
        return failures

    def _import(
        self, region: str, subjects: Sequence[Subject], bodies: dict[str, dict[str, Any]]
    ) -> dict[str, Failure]:
        findings: Any = [bodies[subject.id] for subject in subjects]
        answer = self.hubs.client(region).batch_import_findings(Findings=findings)
        by_id = {subject.id: subject for subject in subjects}
        failures: dict[str, Failure] = {}
        for failed in answer.get("FailedFindings", []):
            if subject := by_id.get(failed["Id"]):
                failures |= subject.fail(
                    failure_of_code(_IMPORT, failed["ErrorCode"], failed.get("ErrorMessage", ""))
                )
        return failures


def foreign(account: str, own: str) -> Failure:
    """Give the failure of a finding of another account, which no retry can import from here."""
    return Failure(
        f"the finding is of account {account!r:.20}, and only {own}'s own can be imported here: "
        "deploy import into each member account, or use annotate in the administrator's",
        Remedy.DEAD_LETTER,
        metric="ForeignAccount",
    )


def write_letter(region: str, parcels: tuple[Parcel, ...]) -> Letter | dict[str, Failure]:
    """Write the finding of the latest update; give the failures where ASFF cannot hold it."""
    subject = Subject(parcels[0].enriched.finding.arn or parcels[0].id, "", region, parcels)
    try:
        finding = to_asff(parcels[0].enriched)
        size = len(json.dumps(finding))  # as botocore writes it: all in ASCII, which is never less than UTF-8
    except Incomplete as error:
        return subject.fail(Failure(str(error), Remedy.DEAD_LETTER))
    except Exception as error:
        # One finding that the format trips over must not hold back the others of its batch.
        return subject.fail(Failure.unforeseen(error, Remedy.DEAD_LETTER))
    if size > FINDING_LIMIT:
        return subject.fail(Failure(f"{size} bytes as ASFF: at most {FINDING_LIMIT}", Remedy.DEAD_LETTER))
    return Letter(subject, finding, size)


def group_letters(letters: Sequence[Letter]) -> Iterable[Sequence[Letter]]:
    """Cut into calls of at most 100 findings and 6 MB in total, in order."""
    # Two bytes more for the comma and blank that botocore puts between two findings.
    return cut_by_size(letters, FINDINGS_PER_CALL, CALL_LIMIT, lambda letter: letter.size + 2)


def build(settings: Settings) -> ImportDestination:
    """Make the destination and the client of the function's own Region."""
    return ImportDestination(make_hubs(), settings.account_id, PATIENCE.seconds)
