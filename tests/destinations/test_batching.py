"""Test how a call that the service refuses is split, and what the failures of calls and items say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enricher.destinations.base import Failure, Remedy
from enricher.destinations.batching import item_failure, make_call
from tests.fault_injection.injector import client_error


@dataclass(frozen=True)
class Part:
    """One item of a call."""

    id: str

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the failure by the item's ID."""
        return {self.id: failure}


def test_failure_in_either_half_names_the_operation() -> None:
    """After a split, the reason of an item must name the operation, in whichever half the item was."""

    def refuse(_: Sequence[Part]) -> dict[str, Failure]:
        raise client_error("x", "ValidationException")

    failures = make_call([Part("a"), Part("b"), Part("c")], refuse, "PublishBatch", lambda: True)
    assert ["a", "b", "c"] == list(failures)
    assert {"PublishBatch"} == {failure.reason.partition(":")[0] for failure in failures.values()}


def test_reason_of_an_item_is_limited() -> None:
    """A long message of the service must be cut, so that a log line and a dead letter can hold the reason."""
    failure = item_failure("PublishBatch", "InternalError", "x" * 5_000, permanent=False)
    assert (900, Remedy.RETRY) == (len(failure.reason), failure.remedy)
    assert failure.reason.startswith("PublishBatch: InternalError: x")
