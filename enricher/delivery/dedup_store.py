"""Read and write the table of repeats through Powertools Idempotency, and give up on it soon when it fails.

`idempotent_function` wraps one call for one key, which would make one publish a finding; its persistence
layer is used by itself here, so that a batch is claimed, delivered in few calls, and marked.
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
from enricher.destinations.timeouts import Patience

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer

    from enricher.settings import Settings

#: How long a mark stands. GuardDuty keeps a finding for 90 days; a message can be redriven for 14 days after
#: the 14 days that it was kept in the queue.
KEPT_SECONDS = 90 * 24 * 3600

PATIENCE = Patience(connect=1, read=1)

#: The most that a slow table may take of one batch, in seconds: ten times what a batch of a hundred needs.
BATCH_SECONDS = 10.0

#: After the function's time is up no invocation holds a claim any more; some seconds more, as clocks differ.
CLAIM_MARGIN_SECONDS = 5.0

Answer = Literal["claimed", "done", "in-progress", "unusable"]
_Result = TypeVar("_Result")


@dataclass(slots=True)
class RepeatsTable:
    """Hold the table for one batch. After the first fault nothing is asked of it again until the next batch.

    fault: why it is not used any more, "" while it is.
    """

    layer: BasePersistenceLayer
    time_left: TimeLeft
    fault: str = ""
    spent: float = field(default=0.0, init=False)

    def claim(self, key: dict[str, str]) -> Answer:
        """Claim an item until the invocation ends; "done" and "in-progress" if it is someone's already."""
        ends_in = int((self.time_left() + CLAIM_MARGIN_SECONDS) * 1000)
        return self._ask(lambda: self._claim(key, ends_in), "unusable")

    def _claim(self, key: dict[str, str], ends_in: int) -> Answer:
        try:
            self.layer.save_inprogress(data=key, remaining_time_in_millis=ends_in)
        except IdempotencyItemAlreadyExistsError as error:
            old = error.old_data_record
            return "done" if old is not None and old.status == "COMPLETED" else "in-progress"
        return "claimed"

    def read(self, key: dict[str, str]) -> dict[str, Any] | None:
        """Give what `finish` stored; None if nothing stands, or the table cannot say."""
        return self._ask(lambda: self._read(key), None)

    def _read(self, key: dict[str, str]) -> dict[str, Any] | None:
        try:
            record = self.layer.get_record(data=key)
        except IdempotencyItemNotFoundError:
            return None
        return record.response_json_as_dict() if record is not None and record.status == "COMPLETED" else None

    def finish(self, key: dict[str, str], result: dict[str, Any]) -> bool:
        """Mark an item as done, with what to remember; tell whether it was written."""
        return self._ask(lambda: self._finish(key, result), default=False)

    def _finish(self, key: dict[str, str], result: dict[str, Any]) -> bool:
        self.layer.save_success(data=key, result=result)
        return True

    def release(self, key: dict[str, str]) -> None:
        """Give up a claim; one that cannot be given up runs out with the invocation."""
        self._ask(lambda: self.layer.delete_record(data=key, exception=RuntimeError("not delivered")), None)

    def _ask(self, call: Callable[[], _Result], default: _Result) -> _Result:
        start = self.time_left()
        if not self.fault and start < PATIENCE.seconds:
            self.fault = "too little of the function's time was left"
        if self.fault:
            return default
        try:
            return call()
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"
            return default
        finally:
            self.spent += start - self.time_left()
            if not self.fault and self.spent > BATCH_SECONDS:
                self.fault = f"too slow: {self.spent:.1f} seconds"


def build(settings: Settings) -> Callable[[TimeLeft], RepeatsTable]:
    """Make the table's client; give what opens the table for a batch."""
    layer = DynamoDBPersistenceLayer(settings.repeats_table, boto_config=PATIENCE.config())
    return opener(layer, settings.route)


def opener(layer: BasePersistenceLayer, route: str) -> Callable[[TimeLeft], RepeatsTable]:
    """Give what opens a table for a batch; `route` comes before each key, as routes share the table."""
    config = IdempotencyConfig(hash_function="sha256", expires_after_seconds=KEPT_SECONDS)
    layer.configure(config, key_prefix=route)
    return lambda time_left: RepeatsTable(layer, time_left)
