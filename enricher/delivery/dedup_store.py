"""Read and write the deduplication table through Powertools Idempotency; stop using it when it fails.

`idempotent_function` wraps one call for one key, which would need one publish call for each finding. Its
persistence layer is used directly here, so that a whole batch is claimed, delivered in a few calls, and then
marked as completed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)

from enricher.destinations.base import TimeLeft
from enricher.destinations.timeouts import Timeouts

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer

    from enricher.settings import Settings

#: Time to live of an item. GuardDuty retains a finding for 90 days; a message can stay in the queue for
#: 14 days and then be redriven from the dead-letter queue for another 14 days.
TTL_SECONDS = 90 * 24 * 3600

TIMEOUTS = Timeouts(connect=1, read=1)

#: The most execution time that a slow table may use in one batch, in seconds: ten times what a batch of 100
#: records needs.
BATCH_SECONDS = 10.0

#: A claim expires when the invocation that made it reaches its timeout, plus this margin for clock skew.
CLAIM_MARGIN_SECONDS = 5.0

ClaimStatus = Literal["claimed", "completed", "in-progress", "unavailable"]
_Result = TypeVar("_Result")


@dataclass(slots=True)
class DeduplicationTable:
    """The deduplication table for one batch. After its first failure it is not used again in that batch.

    unavailable: the reason why the table is no longer used, "" while it is; spent: seconds used so far.
    """

    layer: BasePersistenceLayer
    time_left: TimeLeft
    unavailable: str = ""
    spent: float = field(default=0.0, init=False)

    def claim(self, key: dict[str, str]) -> ClaimStatus:
        """Claim an item until the invocation ends.

        Return "completed" or "in-progress" if the item exists already, "unavailable" if the table failed.
        """
        ends_in = int((self.time_left() + CLAIM_MARGIN_SECONDS) * 1000)
        return self._guarded(lambda: self._claim(key, ends_in), "unavailable")

    def _claim(self, key: dict[str, str], ends_in: int) -> ClaimStatus:
        try:
            self.layer.save_inprogress(data=key, remaining_time_in_millis=ends_in)
        except IdempotencyItemAlreadyExistsError as error:
            old = error.old_data_record
            return "completed" if old is not None and old.status == "COMPLETED" else "in-progress"
        return "claimed"

    def read(self, key: dict[str, str]) -> dict[str, Any] | None:
        """Return what `mark_completed` stored; None if there is no such item or the table failed."""
        return self._guarded(lambda: self._read(key), None)

    def _read(self, key: dict[str, str]) -> dict[str, Any] | None:
        try:
            record = self.layer.get_record(data=key)
        except IdempotencyItemNotFoundError:
            return None
        return record.response_json_as_dict() if record is not None and record.status == "COMPLETED" else None

    def mark_completed(self, key: dict[str, str], result: dict[str, Any]) -> bool:
        """Mark an item as completed and store `result` (JSON types) in it; return whether it was written."""
        return self._guarded(lambda: self._mark_completed(key, result), default=False)

    def _mark_completed(self, key: dict[str, str], result: dict[str, Any]) -> bool:
        self.layer.save_success(data=key, result=result)
        return True

    def release(self, key: dict[str, str]) -> None:
        """Release a claim; one that cannot be released expires with the invocation."""
        self._guarded(
            lambda: self.layer.delete_record(data=key, exception=RuntimeError("not delivered")), None
        )

    def _guarded(self, call: Callable[[], _Result], default: _Result) -> _Result:
        start = self.time_left()
        if not self.unavailable and start < TIMEOUTS.seconds:
            self.unavailable = "not enough execution time remaining"
        if self.unavailable:
            return default
        try:
            return call()
        except Exception as error:
            self.unavailable = f"{type(error).__name__}: {error}"
            return default
        finally:
            self.spent += start - self.time_left()
            if not self.unavailable and self.spent > BATCH_SECONDS:
                self.unavailable = f"too slow: {self.spent:.1f} seconds in one batch"


def build(settings: Settings) -> Callable[[TimeLeft], DeduplicationTable]:
    """Create the table's client; return a function that opens the table for one batch."""
    layer = DynamoDBPersistenceLayer(settings.deduplication_table, boto_config=TIMEOUTS.config())
    return table_opener(layer, settings.route)


def table_opener(layer: BasePersistenceLayer, route: str) -> Callable[[TimeLeft], DeduplicationTable]:
    """Return a function that opens the table for one batch, given the time left.

    route: prefix of every key, as all routes share the table.
    """
    config = IdempotencyConfig(hash_function="sha256", expires_after_seconds=TTL_SECONDS)
    layer.configure(config, key_prefix=route)
    return lambda time_left: DeduplicationTable(layer, time_left)
