"""Deduplicate deliveries: deliver an update of a finding once, and only if the update mode forwards it.

Two items of the deduplication table are used, each under a hashed key:

- the update (ARN and updatedAt): claimed before the delivery, completed after it. It makes redelivery
  idempotent and keeps two concurrent invocations with the same message from both publishing it.
- the finding (ARN): the state forwarded so far, with which the next update is compared.

A resend is a delivery with an id of its own, which joins both keys: what was forwarded before does not
suppress it, what the same resend forwarded does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from enricher.delivery.dedup_store import DeduplicationTable, Write, build
from enricher.destinations.base import Delivery, Destination, Failure, Remedy, TimeLeft
from enricher.enrichment.finding_state import (
    FindingState,
    describe_changes,
    material_changes,
    merge_states,
    note_archived,
)
from enricher.settings import DESTINATIONS

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.settings import Settings

#: Execution time kept free for the table writes that follow the delivery, in seconds.
WRITE_SECONDS = 15.0


class Claim(NamedTuple):
    """A delivery that may be forwarded.

    key: the item to mark as completed afterwards, None without one; state: the finding state to store then.
    """

    delivery: Delivery
    key: Mapping[str, str] | None = None
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
        rest = list(batch)
        while rest:
            # One update of a finding per round: its outcome decides what the next is compared with.
            round_, rest = (rest, []) if table.unavailable else split_round(rest)
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
        states = self._read_states(round_, table)
        results = [
            self._claim(delivery, before, table) for delivery, before in zip(round_, states, strict=True)
        ]
        blocked = {
            delivery.id: result
            for delivery, result in zip(round_, results, strict=True)
            if isinstance(result, Failure)
        }
        claims = [result for result in results if isinstance(result, Claim)]
        if not claims:
            return blocked
        failed = self._forward([claim.delivery for claim in claims], lambda: time_left() - WRITE_SECONDS)
        table.write(self._writes(claims, failed))
        return {**blocked, **failed}

    def _read_states(
        self, round_: Sequence[Delivery], table: DeduplicationTable
    ) -> list[FindingState | None]:
        """Return the state forwarded so far of each delivery's finding, None if it is unknown."""
        if self.mode == "first":
            return [None] * len(round_)
        identified = [delivery for delivery in round_ if is_identified(delivery)]
        found = table.read([item_keys(delivery)[0] for delivery in identified])
        states = {
            delivery.id: FindingState.from_json(data)
            for delivery, data in zip(identified, found, strict=True)
        }
        return [states.get(delivery.id) for delivery in round_]

    def _writes(self, claims: Sequence[Claim], failed: Mapping[str, Failure]) -> list[Write]:
        """Return what to write after the delivery, the most important first, as a table may fail half way.

        States before completions: after a crash in between, the redelivered update is not a material change.
        Completions before releases: an unreleased claim expires, a missing completion allows a duplicate.
        """
        states, completions, releases = list[Write](), list[Write](), list[Write]()
        for claim in claims:
            if claim.key is None:
                continue
            if claim.delivery.id in failed:
                releases.append(Write(claim.key))
                continue
            state = claim.state.as_json() if claim.state else {}
            if self.mode != "first":
                states.append(Write(item_keys(claim.delivery)[0], state))
                state = {}
            completions.append(Write(claim.key, state))
        return [*states, *completions, *releases]

    def _forward(self, deliveries: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        try:
            return self.destination.deliver(deliveries, time_left)
        except Exception as error:
            return {delivery.id: Failure.unexpected(error) for delivery in deliveries}

    def _claim(
        self, delivery: Delivery, before: FindingState | None, table: DeduplicationTable
    ) -> Claim | Failure:
        if not is_identified(delivery):
            return Claim(delivery)
        finding_key, update_key = item_keys(delivery)
        state = FindingState.of(delivery.enriched)
        if before:
            if self.mode == "material" and not material_changes(before, state):
                return self._suppress(before, state, finding_key, table)
            delivery, state = tell_changes(delivery, before, state)
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
        finding_key: Mapping[str, str],
        table: DeduplicationTable,
    ) -> Failure:
        """Return the failure of an update without a material change; store that the finding was archived."""
        noted = note_archived(before, current)
        if noted != before and not table.write([Write(finding_key, noted.as_json())]):
            return Failure("the archived state could not be stored in the deduplication table")
        return duplicate("no material change since it was last forwarded")


def tell_changes(
    delivery: Delivery, before: FindingState, current: FindingState
) -> tuple[Delivery, FindingState]:
    """Return the delivery with what the update changed in its alert, and the state to store.

    A resend and a sample state no changes: they repeat what was sent, or test the delivery.
    """
    merged = merge_states(before, current)
    if delivery.resend or delivery.enriched.alert["sample"]:
        return delivery, merged
    told = describe_changes(before, current)
    enriched = delivery.enriched.with_alert(changes=told)
    # A late older update must not replace what was sent of the latest one.
    return delivery._replace(enriched=enriched), replace(
        merged, told=told if merged.updated_at == current.updated_at else before.told
    )


def is_identified(delivery: Delivery) -> bool:
    """Return whether the update can be identified; if not, each of its copies is forwarded."""
    finding = delivery.enriched.finding
    return bool(finding.arn and finding.updated_at)


def item_keys(delivery: Delivery) -> tuple[dict[str, str], dict[str, str]]:
    """Return the key of the finding and the key of this update of it."""
    finding = delivery.enriched.finding
    # A sample finding tests the delivery to the SIEM, so each message with one passes.
    resend = delivery.resend or (delivery.id if delivery.enriched.alert["sample"] else "")
    finding_key = {"arn": finding.arn} | ({"resend": resend} if resend else {})
    return finding_key, {**finding_key, "updatedAt": finding.updated_at}


def duplicate(reason: str) -> Failure:
    """Return the failure of a suppressed duplicate."""
    return Failure(reason, Remedy.SKIP, metric="DuplicateSuppressed")


def split_round(deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """Return one delivery of each finding, and the rest."""
    round_: dict[str, Delivery] = {}
    rest = []
    for delivery in deliveries:
        finding = delivery.enriched.finding
        if round_.setdefault(finding.arn or delivery.id, delivery) is not delivery:
            rest.append(delivery)
    return list(round_.values()), rest


def with_deduplication(
    destination: Destination, settings: Settings, logger: Logger, metrics: Metrics
) -> Destination:
    """Wrap a destination in DeduplicatingDestination if the settings name a table, else return it unchanged.

    Neither if the destination does not need it (`settings.DESTINATIONS` says which).
    """
    if not (settings.deduplication_table and DESTINATIONS[settings.destination].deduplication):
        return destination
    return DeduplicatingDestination(destination, build(settings), settings.updates, logger, metrics)
