"""What a destination takes and answers: deliveries, failures and their remedies.

A destination answers for every parcel of a batch on its own: what it does not name as failed is delivered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from enricher.destinations.timeouts import Patience
from enricher.enrichment.enrich import EnrichedFinding

#: With one call to a destination.
PATIENCE = Patience(connect=3, read=7)

#: Give the seconds left for the batch; a destination starts no call that could outlast them.
TimeLeft = Callable[[], float]


class Remedy(StrEnum):
    """Say what becomes of a parcel that was not delivered."""

    RETRY = "retry"  # give the message back to the queue, it comes again after the visibility timeout
    DEAD_LETTER = "dead-letter"  # no retry can help: to the dead-letter queue at once, with the reason
    LET_GO = "let-go"  # the destination has no place for it: count it and let it go
    SKIP = "skip"  # meant not to be delivered, and so nothing is amiss: a repeat, an archived finding


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold one enriched finding on its way.

    id: names the record in the batch (SQS message id); attempt: 1 at the first receive; waited: the seconds
    since that, without end where it is not known.
    """

    id: str
    enriched: EnrichedFinding
    attempt: int = 1
    waited: float = math.inf


@dataclass(frozen=True, slots=True)
class Failure:
    """Say why a parcel was not delivered, and the remedy.

    wait: seconds before the retry, where waiting is what helps; metric: the metric that counts it, where it
    is not the one of the remedy.
    """

    reason: str
    remedy: Remedy = Remedy.RETRY
    wait: int | None = None
    metric: str = ""

    @classmethod
    def unforeseen(cls, error: Exception, remedy: Remedy = Remedy.RETRY) -> Failure:
        """Name an error by its kind and the line of ours it passed: its words may quote the finding.

        A reason is logged, and logs hold nothing of what a finding says.
        """
        trace, place = error.__traceback__, ""
        while trace:
            module = str(trace.tb_frame.f_globals.get("__name__"))
            if module.startswith("enricher."):
                place = f" at {module}:{trace.tb_lineno}"
            trace = trace.tb_next
        # The code of an AWS error is AWS's own word.
        answer = getattr(error, "response", None)
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        return cls(" ".join(filter(None, (type(error).__name__, code))) + place, remedy)


class Destination(Protocol):
    """Carry a batch to one place."""

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Deliver the batch; give the failures by parcel id. Never raise for what one parcel holds."""
        ...
