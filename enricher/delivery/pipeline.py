"""Run one route: read records, enrich, deliver, and answer for each record on its own."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from enricher.delivery import source_queue
from enricher.delivery.deduplication import guard
from enricher.destinations import load_destination
from enricher.destinations.base import Destination, Failure, Parcel, Remedy, TimeLeft
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding, MalformedEvent
from enricher.finding.fields import time_at
from enricher.mapping.model import Mapping as AttackMapping

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.delivery.overrides import Overrides
    from enricher.delivery.source_queue import SourceQueue
    from enricher.settings import Settings

_STATUS_METRICS = {"mapped": "Mapped", "tactic-only": "TacticOnly", "unmapped": "Unmapped"}
_REMEDY_METRICS = {
    Remedy.RETRY: "Failed",
    Remedy.DEAD_LETTER: "Failed",
    Remedy.LET_GO: "LetGo",
    Remedy.SKIP: "Skipped",
}
#: The remedies after which nothing is left to do for a record.
_DONE = frozenset((Remedy.LET_GO, Remedy.SKIP))


class Undelivered(RuntimeError):
    """Say why a finding that came without a queue was not delivered; Lambda retries the event."""


@dataclass(frozen=True, slots=True)
class Route:
    """Hold what one function works with; made once."""

    mapping: AttackMapping
    release: str | None
    destination: Destination
    queue: SourceQueue | None
    logger: Logger
    metrics: Metrics
    overrides: Overrides | None = None

    @classmethod
    def build(cls, settings: Settings, mapping: AttackMapping, logger: Logger, metrics: Metrics) -> Route:
        """Make the route's parts from its settings."""
        return cls(
            mapping=mapping,
            release=settings.attack_version or None,
            destination=guard(load_destination(settings.destination, settings), settings, logger, metrics),
            queue=source_queue.build(settings),
            logger=logger,
            metrics=metrics,
            overrides=_build_overrides(settings, mapping, logger, metrics),
        )

    def run(self, records: Sequence[Mapping[str, Any]], time_left: TimeLeft) -> list[str]:
        """Deliver a batch of SQS records; give the ids of those that SQS must deliver again."""
        parcels: list[Parcel] = []
        failures: dict[str, Failure] = {}
        for record in records:
            key, attempt = record["messageId"], _attempt(record)
            try:
                finding = Finding.from_json(record["body"])
                parcels.append(self._pack(key, finding, attempt, _waited(record)))
            except MalformedEvent as error:
                failures[key] = self._refuse(key, error, attempt)
            except Exception as error:
                # One record that the code trips over must not hold back the others of its batch.
                failures[key] = Failure.unforeseen(error)
                self._log_failed("record failed", key, error)
                self._count("Failed")
        failures |= self._deliver(parcels, time_left)
        return [
            record["messageId"]
            for record in records
            if (failure := failures.get(record["messageId"]))
            and self._must_return(record, failure, time_left)
        ]

    def run_one(self, event: object, time_left: TimeLeft) -> None:
        """Deliver one EventBridge event; raise MalformedEvent or Undelivered if it was not."""
        key = event["id"] if isinstance(event, dict) and isinstance(event.get("id"), str) else "event"
        try:
            parcel = self._pack(key, Finding.from_event(event), attempt=1, waited=0)
        except MalformedEvent as error:
            self._refuse(key, error, attempt=1)
            raise
        for failure in self._deliver([parcel], time_left).values():
            if failure.remedy not in _DONE:
                raise Undelivered(failure.reason)

    def _pack(self, key: str, finding: Finding, attempt: int, waited: float) -> Parcel:
        mapping = self.overrides.current() if self.overrides else self.mapping
        return Parcel(key, enrich(finding, mapping, self.release), attempt, waited)

    def _deliver(self, parcels: Sequence[Parcel], time_left: TimeLeft) -> dict[str, Failure]:
        if not parcels:
            return {}
        try:
            failures = dict(self.destination.deliver(parcels, time_left))
        except Exception as error:
            # A destination that breaks its contract may have delivered some: rather twice than never.
            failures = {parcel.id: Failure.unforeseen(error) for parcel in parcels}
        for parcel in parcels:
            try:
                self._report(parcel, failures.get(parcel.id))
            except Exception as error:
                # It is delivered: nothing may raise from here on, or SQS would deliver it again.
                self._log_failed("report failed", parcel.id, error)
        return failures

    def _must_return(self, record: Mapping[str, Any], failure: Failure, time_left: TimeLeft) -> bool:
        """Apply the remedy of a failed record; tell whether SQS must deliver it again."""
        if failure.remedy in _DONE:
            return False
        if time_left() < source_queue.PATIENCE.seconds:
            return True
        try:
            if self.queue and failure.remedy is Remedy.DEAD_LETTER:
                self.queue.set_aside(record, failure.reason)
                return False
            if self.queue and failure.wait is not None:
                self.queue.postpone(record, failure.wait)
        except Exception as error:
            # Not postponed or not set aside: the queue's own visibility timeout and redrive do it later.
            self._log_failed(f"remedy {failure.remedy} failed", record["messageId"], error)
        return True

    def _log_failed(self, what: str, record: str, error: Exception) -> None:
        """Log an error without its words and those of its traceback, which may quote the finding."""
        self.logger.error(what, extra={"record": record, "reason": Failure.unforeseen(error).reason})

    def _refuse(self, key: str, error: MalformedEvent, attempt: int) -> Failure:
        """Give back once a message that is no finding, as any failed record; then set it aside."""
        self.logger.error("not a finding, refused", extra={"record": key, "reason": str(error)})
        self._count("Refused")
        return Failure(str(error), Remedy.DEAD_LETTER if attempt > 1 else Remedy.RETRY)

    def _report(self, parcel: Parcel, failure: Failure | None) -> None:
        enriched = parcel.enriched
        facts = {
            "record": parcel.id,
            "attempt": parcel.attempt,
            "finding_arn": enriched.finding.arn,
            "finding_type": enriched.finding.type,
            "techniques": [row["id"] for row in enriched.attack["techniques"]],
        }
        if failure is None:
            self.logger.info("forwarded", extra=facts)
            self._count("Forwarded")
            self._count(_STATUS_METRICS[enriched.attack["status"]])
            self._count_age(enriched)
        else:
            facts |= {"reason": failure.reason, "remedy": failure.remedy}
            if failure.remedy is Remedy.DEAD_LETTER:
                self.logger.error("not forwarded", extra=facts)
            elif failure.remedy is Remedy.SKIP or failure.wait is not None:
                self.logger.info("not forwarded", extra=facts)
            else:
                self.logger.warning("not forwarded", extra=facts)
            self._count(failure.metric or _REMEDY_METRICS[failure.remedy])

    def _count(self, name: str) -> None:
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)

    def _count_age(self, enriched: EnrichedFinding) -> None:
        if updated := time_at(enriched.finding.view, "updatedAt"):
            age = time.time() - updated.timestamp()
            self.metrics.add_metric(name="FindingAge", unit=MetricUnit.Seconds, value=max(age, 0.0))


def _build_overrides(
    settings: Settings, mapping: AttackMapping, logger: Logger, metrics: Metrics
) -> Overrides | None:
    if not settings.mapping_overrides:
        return None
    from enricher.delivery.overrides import build

    return build(settings.mapping_overrides, mapping, logger, metrics)


def _attempt(record: Mapping[str, Any]) -> int:
    count = record.get("attributes", {}).get("ApproximateReceiveCount", "1")
    return int(count) if str(count).isdecimal() else 1


def _waited(record: Mapping[str, Any]) -> float:
    """Give the seconds since the first receive of a message."""
    first = str(record.get("attributes", {}).get("ApproximateFirstReceiveTimestamp", ""))
    return time.time() - int(first) / 1000 if first.isdecimal() else math.inf
