"""Deliver enriched findings; one small module for each destination.

A destination answers for every parcel of a batch on its own: what it does not name as failed is delivered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from enricher.enrich import EnrichedFinding
from enricher.patience import Patience

if TYPE_CHECKING:
    from enricher.settings import Settings

#: With one call to a destination.
PATIENCE = Patience(connect=3, read=7)

#: Give the seconds left for the batch; a destination starts no call that could outlast them.
TimeLeft = Callable[[], float]
_Item = TypeVar("_Item")


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


def cut_by_size(
    items: Iterable[_Item], most: int, limit: int, size_of: Callable[[_Item], int]
) -> Iterator[list[_Item]]:
    """Cut into calls of at most `most` items and `limit` bytes in total, in order.

    An item larger than the limit is a call of its own: whoever made it has refused what cannot be sent.
    """
    call: list[_Item] = []
    size = 0
    for item in items:
        if call and (len(call) == most or size + size_of(item) > limit):
            yield call
            call, size = [], 0
        call.append(item)
        size += size_of(item)
    if call:
        yield call


class Destination(Protocol):
    """Carry a batch to one place."""

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> Mapping[str, Failure]:
        """Deliver the batch; give the failures by parcel id. Never raise for what one parcel holds."""
        ...


def _build_sns(settings: Settings) -> Destination:
    from enricher.destinations.sns import build

    return build(settings)


def _build_annotate(_: Settings) -> Destination:
    from enricher.destinations.security_hub_annotate import build

    return build()


def _build_import(settings: Settings) -> Destination:
    from enricher.destinations.security_hub_import import build

    return build(settings)


#: Built only when chosen, so that a function imports the one client it uses.
DESTINATIONS: Mapping[str, Callable[[Settings], Destination]] = {
    "sns": _build_sns,
    "security-hub-annotate": _build_annotate,
    "security-hub-import": _build_import,
}
