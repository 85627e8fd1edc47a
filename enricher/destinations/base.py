"""The interface of a destination: deliveries, failures and their remedies.

A destination reports each failed delivery of a batch; a delivery without a failure counts as delivered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from enricher.destinations.timeouts import Timeouts
from enricher.enrichment.enrich import EnrichedFinding

#: Of one call to a destination.
TIMEOUTS = Timeouts(connect=3, read=7)

#: Returns the seconds left for the batch; a destination does not start a call that could take longer.
TimeLeft = Callable[[], float]


class Remedy(StrEnum):
    """What to do with a record that was not delivered."""

    RETRY = "retry"  # return the message to the queue; it is redelivered after the visibility timeout
    DEAD_LETTER = "dead-letter"  # not retryable: move to the dead-letter queue at once, with the reason
    DISCARD = "discard"  # the destination cannot hold it: count and acknowledge it
    SKIP = "skip"  # intentionally not delivered, not an error: a duplicate, an archived finding


class Delivery(NamedTuple):
    """One enriched finding to deliver.

    id: SQS message id of the record; attempt: its receive count, from 1; elapsed: seconds since its first
    receive, infinite if unknown; resend: id of the resend that the message belongs to, "" for none.
    """

    id: str
    enriched: EnrichedFinding
    attempt: int = 1
    elapsed: float = math.inf
    resend: str = ""


class Failure(NamedTuple):
    """Why a delivery was not delivered, and the remedy.

    reason: logged, and the attribute `reason` in the dead-letter queue; wait: seconds until the retry, None
    for the visibility timeout; metric: the metric that counts it, "" for that of the remedy.
    """

    reason: str
    remedy: Remedy = Remedy.RETRY
    wait: int | None = None
    metric: str = ""

    @classmethod
    def unexpected(cls, error: Exception, remedy: Remedy = Remedy.RETRY) -> Failure:
        """Describe an unexpected error by its class, AWS error code and our last line in its traceback.

        Its message is left out: it may quote the finding, and a reason is logged.
        """
        trace, place = error.__traceback__, ""
        while trace:
            module = str(trace.tb_frame.f_globals.get("__name__"))
            if module.startswith("enricher."):
                place = f" at {module}:{trace.tb_lineno}"
            trace = trace.tb_next
        # The error code of an AWS response is not finding content.
        response = getattr(error, "response", None)
        code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
        return cls(" ".join(filter(None, (type(error).__name__, code))) + place, remedy)


class Destination(Protocol):
    """One place that findings are delivered to."""

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Deliver the batch; return the failures by delivery id. Never raise because of one delivery."""
        ...
