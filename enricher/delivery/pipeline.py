"""One route: parse records, enrich, deliver, and report each failed record on its own."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from enricher.delivery import source_queue
from enricher.delivery.deduplication import with_deduplication
from enricher.destinations import load_destination
from enricher.destinations.base import Delivery, Destination, Failure, Remedy, TimeLeft
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding, MalformedEvent, read_json
from enricher.finding.fields import time_at
from enricher.mapping.model import AttackMapping

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.delivery.account_names import AccountNames
    from enricher.delivery.overrides import Overrides
    from enricher.delivery.source_queue import SourceQueue
    from enricher.settings import Settings

_STATUS_METRICS = {"mapped": "Mapped", "tactic-only": "TacticOnly", "unmapped": "Unmapped"}
_REMEDY_METRICS = {
    Remedy.RETRY: "Failed",
    Remedy.DEAD_LETTER: "Failed",
    Remedy.DISCARD: "Discarded",
    Remedy.SKIP: "Skipped",
}
#: The remedies that acknowledge a record without a delivery.
_ACKNOWLEDGED = frozenset((Remedy.DISCARD, Remedy.SKIP))


class Undelivered(RuntimeError):
    """A finding that was passed without a queue was not delivered; Lambda retries the invocation."""


@dataclass(frozen=True, slots=True)
class Route:
    """The parts of one function's route, built once.

    attack_version: the ATT&CK version to output, None for the pinned one; queue: None without a source queue.
    """

    mapping: AttackMapping
    attack_version: str | None
    destination: Destination
    queue: SourceQueue | None
    logger: Logger
    metrics: Metrics
    overrides: Overrides | None = None
    account_names: AccountNames | None = None

    @classmethod
    def build(cls, settings: Settings, mapping: AttackMapping, logger: Logger, metrics: Metrics) -> Route:
        """Build the route's parts from its settings."""
        destination = load_destination(settings.destination, settings)
        return cls(
            mapping=mapping,
            attack_version=settings.attack_version or None,
            destination=with_deduplication(destination, settings, logger, metrics),
            queue=source_queue.build(settings),
            logger=logger,
            metrics=metrics,
            overrides=_build_overrides(settings, mapping, logger, metrics),
            account_names=_build_account_names(settings, logger),
        )

    def run(self, records: Sequence[Mapping[str, Any]], time_left: TimeLeft) -> list[str]:
        """Deliver a batch of SQS records; return the message ids of those that SQS must redeliver."""
        deliveries: list[Delivery] = []
        failures: dict[str, Failure] = {}
        for record in records:
            key, attempt = record["messageId"], _attempt(record)
            try:
                finding = _read_finding(read_json(record["body"]))
                resend = source_queue.resend_id(record)
                deliveries.append(self._enrich(key, finding, attempt, _elapsed(record), resend))
            except MalformedEvent as error:
                failures[key] = self._reject(key, error, attempt)
            except Exception as error:
                # A record that raises an unexpected error must not block the others of its batch.
                failures[key] = Failure.unexpected(error)
                self._log_error("processing failed", key, error)
                self._count("Failed")
        failures |= self._deliver(deliveries, time_left)
        return [
            record["messageId"]
            for record in records
            if (failure := failures.get(record["messageId"]))
            and self._apply_remedy(record, failure, time_left)
        ]

    def run_one(self, event: object, time_left: TimeLeft) -> None:
        """Deliver one EventBridge event, or one SNS notification that holds one.

        Raise MalformedEvent if it is not a GuardDuty finding, Undelivered if it was not delivered.
        """
        key = event["id"] if isinstance(event, dict) and isinstance(event.get("id"), str) else "event"
        try:
            delivery = self._enrich(key, _read_finding(event), attempt=1, elapsed=0)
        except MalformedEvent as error:
            self._reject(key, error, attempt=1)
            raise
        for failure in self._deliver([delivery], time_left).values():
            if failure.remedy not in _ACKNOWLEDGED:
                raise Undelivered(failure.reason)

    def _enrich(self, key: str, finding: Finding, attempt: int, elapsed: float, resend: str = "") -> Delivery:
        enriched = enrich(finding, self._current_mapping(), self.attack_version)
        if self.account_names:
            enriched = self.account_names.add_to(enriched)
        return Delivery(key, enriched, attempt, elapsed, resend or _replay_name(finding))

    def _current_mapping(self) -> AttackMapping:
        return self.overrides.current() if self.overrides else self.mapping

    def _deliver(self, deliveries: Sequence[Delivery], time_left: TimeLeft) -> dict[str, Failure]:
        if not deliveries:
            return {}
        try:
            failures = dict(self.destination.deliver(deliveries, time_left))
        except Exception as error:
            # A destination that raises may have delivered some: prefer a duplicate to a loss.
            failures = {delivery.id: Failure.unexpected(error) for delivery in deliveries}
        for delivery in deliveries:
            try:
                self._report(delivery, failures.get(delivery.id))
            except Exception as error:
                # It is delivered: nothing may raise from here on, or SQS would redeliver it.
                self._log_error("reporting failed", delivery.id, error)
        return failures

    def _apply_remedy(self, record: Mapping[str, Any], failure: Failure, time_left: TimeLeft) -> bool:
        """Apply the remedy of a failed record; return whether to return the record to the queue for retry."""
        if failure.remedy in _ACKNOWLEDGED:
            return False
        if time_left() < source_queue.TIMEOUTS.seconds:
            return True
        try:
            if self.queue and failure.remedy is Remedy.DEAD_LETTER:
                self.queue.move_to_dead_letter_queue(record, failure.reason)
                return False
            if self.queue and failure.wait is not None:
                self.queue.delay_retry(record, failure.wait)
        except Exception as error:
            # Neither delayed nor dead-lettered: visibility timeout and redrive policy apply instead.
            self._log_error(f"remedy {failure.remedy} failed", record["messageId"], error)
        return True

    def _log_error(self, message: str, record: str, error: Exception) -> None:
        """Log an error without its message and traceback, which may quote the finding."""
        self.logger.error(message, extra={"record": record, "reason": Failure.unexpected(error).reason})

    def _reject(self, key: str, error: MalformedEvent, attempt: int) -> Failure:
        """Return an invalid message for retry once, then have it moved to the dead-letter queue."""
        self.logger.error("invalid message", extra={"record": key, "reason": str(error)})
        self._count("InvalidMessage")
        return Failure(str(error), Remedy.DEAD_LETTER if attempt > 1 else Remedy.RETRY)

    def _report(self, delivery: Delivery, failure: Failure | None) -> None:
        enriched = delivery.enriched
        details = {
            "record": delivery.id,
            "attempt": delivery.attempt,
            "finding_arn": enriched.finding.arn,
            "finding_type": enriched.finding.type,
            "techniques": [row["id"] for row in enriched.attack["techniques"]],
        }
        if failure is None:
            self.logger.info("forwarded", extra=details)
            self._count("Forwarded")
            self._count(_STATUS_METRICS[enriched.attack["status"]])
            self._count_age(enriched)
            if self._current_mapping().record_for(enriched.finding.type) is None:
                self.logger.warning("unknown finding type", extra=details)
                self._count("UnknownFindingType")
        else:
            details |= {"reason": failure.reason, "remedy": failure.remedy}
            if failure.remedy is Remedy.DEAD_LETTER:
                self.logger.error("not forwarded", extra=details)
            elif failure.remedy is Remedy.SKIP or failure.wait is not None:
                self.logger.info("not forwarded", extra=details)
            else:
                self.logger.warning("not forwarded", extra=details)
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

    return build(settings, mapping, logger, metrics)


def _build_account_names(settings: Settings, logger: Logger) -> AccountNames | None:
    if not settings.account_names:
        return None
    from enricher.delivery.account_names import build

    return build(logger)


def _replay_name(finding: Finding) -> str:
    """Return the name of the replay of an EventBridge archive that the event is from, "" for none."""
    name = finding.event.get("replay-name")
    return name if isinstance(name, str) else ""


def _attempt(record: Mapping[str, Any]) -> int:
    count = record.get("attributes", {}).get("ApproximateReceiveCount", "1")
    return int(count) if str(count).isdecimal() else 1


def _elapsed(record: Mapping[str, Any]) -> float:
    """Return the seconds since the first receive of a message, infinite if unknown."""
    first = str(record.get("attributes", {}).get("ApproximateFirstReceiveTimestamp", ""))
    return time.time() - int(first) / 1000 if first.isdecimal() else math.inf


def _read_finding(event: object) -> Finding:
    """Parse an EventBridge event, or what SNS or SQS wrapped around one; raise MalformedEvent."""
    if isinstance(event, dict) and "detail" not in event:
        from enricher.finding.envelopes import read_message

        return read_message(event)
    return Finding.from_event(event)
