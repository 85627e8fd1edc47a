"""Deduplicate deliveries: deliver an update of a finding once, and only if the update mode forwards it.

Two items of the deduplication table are used, each under a key hashed by Powertools Idempotency:

- the update (ARN and updatedAt): claimed before the delivery, completed after it. It makes redelivery
  idempotent and keeps two concurrent invocations with the same message from both publishing it.
- the finding (ARN): the state forwarded so far, with which the next update is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from enricher.destinations.base import Delivery, Destination, Failure, Remedy, TimeLeft
from enricher.enrichment.finding_state import FindingState, material_changes, merge_states, note_archived

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.delivery.dedup_store import DeduplicationTable
    from enricher.settings import Settings

#: Execution time kept free for the table writes that follow the delivery, in seconds.
WRITE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that may be forwarded.

    key: the item to mark as completed afterwards, None without one; state: the finding state to store then.
    """

    delivery: Delivery
    key: dict[str, str] | None = None
    state: FindingState | None = None


@dataclass(frozen=True, slots=True)
class DeduplicatingDestination:
    """A destination that forwards to another one and suppresses duplicates.

    open_table: opens the table for one batch, given the time left; mode: material, every or first.
    """

    destination: Destination
    open_table: Callable[[TimeLeft], DeduplicationTable]
    mode: str
    logger: Logger
    metrics: Metrics

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> dict[str, Failure]:
        """Deliver what is not a duplicate; return the failures by delivery id, duplicates with remedy SKIP.

        If the table is unavailable for any reason, everything is delivered: fail open, a duplicate is better
        than a loss.
        """
        table = self.open_table(time_left)
        failures: dict[str, Failure] = {}
        rest, one_update = list(batch), self.mode == "every"
        while rest:
            # One update of a finding per round: its outcome decides whether the next is a duplicate.
            round_, rest = (rest, []) if table.unavailable else split_round(rest, one_update=one_update)
            failures |= self._deliver_round(round_, table, time_left)
        if table.unavailable:
            self.logger.error(
                "deduplication table unavailable; forwarding without deduplication",
                extra={"reason": table.unavailable},
            )
            self.metrics.add_metric(name="DeduplicationUnavailable", unit=MetricUnit.Count, value=1)
        return failures

    def _deliver_round(
        self, round_: Sequence[Delivery], table: DeduplicationTable, time_left: TimeLeft
    ) -> dict[str, Failure]:
        results = [self._claim(delivery, table) for delivery in round_]
        blocked = {
            delivery.id: result
            for delivery, result in zip(round_, results, strict=True)
            if isinstance(result, Failure)
        }
        claims = [result for result in results if isinstance(result, Claim)]
        if not claims:
            return blocked
        failed = self._forward([claim.delivery for claim in claims], lambda: time_left() - WRITE_SECONDS)
        # Completions before releases: an unreleased claim expires, a missing completion allows a duplicate.
        for claim in claims:
            if claim.key is not None and claim.delivery.id not in failed:
                self._complete(claim, claim.key, table)
        for claim in claims:
            if claim.key is not None and claim.delivery.id in failed:
                table.release(claim.key)
        return {**blocked, **failed}

    def _forward(self, deliveries: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        try:
            return self.destination.deliver(deliveries, time_left)
        except Exception as error:
            return {delivery.id: Failure.unexpected(error) for delivery in deliveries}

    def _claim(self, delivery: Delivery, table: DeduplicationTable) -> Claim | Failure:
        finding = delivery.enriched.finding
        if not finding.arn or not finding.updated_at:
            return Claim(delivery)
        finding_key, update_key = item_keys(delivery)
        state = None if self.mode == "every" else FindingState.of(delivery.enriched)
        if self.mode == "material" and state and (before := FindingState.from_json(table.read(finding_key))):
            if not material_changes(before, state):
                return self._suppress(before, state, finding_key, table)
            state = merge_states(before, state)
        key = finding_key if self.mode == "first" else update_key
        match table.claim(key):
            case "claimed":
                return Claim(delivery, key, state)
            case "completed":
                return duplicate("already forwarded")
            case "in-progress":
                return Failure("in progress in another invocation")
            case _:
                return Claim(delivery)

    def _suppress(
        self,
        before: FindingState,
        current: FindingState,
        finding_key: dict[str, str],
        table: DeduplicationTable,
    ) -> Failure:
        """Return the failure of an update without a material change; store that the finding was archived."""
        noted = note_archived(before, current)
        if noted != before and not table.mark_completed(finding_key, noted.as_json()):
            return Failure("the archived state could not be stored in the deduplication table")
        return duplicate("no material change since it was last forwarded")

    def _complete(self, claim: Claim, key: dict[str, str], table: DeduplicationTable) -> None:
        """Mark a delivered update as completed.

        The finding state is written first, so that after a crash in between the redelivered update is not a
        material change.
        """
        state = claim.state.as_json() if claim.state else {}
        if self.mode == "material":
            table.mark_completed(item_keys(claim.delivery)[0], state)
        table.mark_completed(key, {} if self.mode == "material" else state)


def item_keys(delivery: Delivery) -> tuple[dict[str, str], dict[str, str]]:
    """Return the key of the finding and the key of this update of it."""
    finding = delivery.enriched.finding
    return {"arn": finding.arn}, {"arn": finding.arn, "updatedAt": finding.updated_at}


def duplicate(reason: str) -> Failure:
    """Return the failure of a suppressed duplicate."""
    return Failure(reason, Remedy.SKIP, metric="DuplicateSuppressed")


def split_round(deliveries: Sequence[Delivery], *, one_update: bool) -> tuple[list[Delivery], list[Delivery]]:
    """Return one delivery of each finding (one_update: of each update of a finding), and the rest."""
    round_: dict[tuple[str, str], Delivery] = {}
    rest = []
    for delivery in deliveries:
        finding = delivery.enriched.finding
        name = (finding.arn or delivery.id, finding.updated_at if one_update else "")
        if round_.setdefault(name, delivery) is not delivery:
            rest.append(delivery)
    return list(round_.values()), rest


def with_deduplication(
    destination: Destination, settings: Settings, logger: Logger, metrics: Metrics
) -> Destination:
    """Wrap a destination in DeduplicatingDestination if the settings name a table, else return it unchanged.

    Annotation never needs it: it reads the current fields from Security Hub before it writes, and a second
    store could only contradict them.
    """
    if not settings.deduplication_table or settings.destination == "security-hub-annotate":
        return destination
    from enricher.delivery.dedup_store import build

    return DeduplicatingDestination(destination, build(settings), settings.updates, logger, metrics)
