"""Decide, from a seed, which call goes wrong and how; and kill the function at a line."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

import enricher
from tests.fault_injection.clock import Clock

_Result = TypeVar("_Result")


def nothing() -> None:
    """Do nothing."""


class Crash(BaseException):
    """End the function as a kill does: no handler of the code's own can catch it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Hold how often things go wrong, each from 0 to 1 for one call, one invocation or one message.

    throttle, server_error, lost_before (a time-out, nothing was done), lost_after (a time-out, it was done):
    per call; partial: per entry of a call; crash, intrusion (a second invocation gets the same messages while
    the first is under way): per invocation; copy: per event (EventBridge sends it twice); table_down: share
    of the time that the table cannot be reached; ack_lost: per invocation (the answer was not heard).
    """

    throttle: float = 0.0
    server_error: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    partial: float = 0.0
    crash: float = 0.0
    intrusion: float = 0.0
    copy: float = 0.0
    table_down: float = 0.0
    ack_lost: float = 0.0


#: Seconds that a call takes: when it works, when it is refused, when it is waited for in vain.
QUICK, REFUSED = 0.02, 1.0


@dataclass(slots=True)
class Weather:
    """Strike calls as the rates say. deadline: when the running invocation is killed; overran: how many."""

    random: random.Random
    clock: Clock
    rates: Rates
    deadline: float = float("inf")
    lost: list[str] = field(default_factory=list)
    overran: int = 0

    def call(
        self,
        operation: str,
        effect: Callable[[], _Result],
        patience: float,
        throttle_code: str,
        share: float = 1.0,
    ) -> _Result:
        """Make a call: let it work, or go wrong in one of the ways; kill the function when its time is up.

        patience: the seconds until the caller gives up waiting; share: the part of the rates that applies.
        """
        draw, rates = self.random.random() / share, self.rates
        for rate, kind in (
            (rates.throttle, "throttle"),
            (rates.server_error, "server"),
            (rates.lost_before, "before"),
            (rates.lost_after, "after"),
        ):
            if draw < rate:
                return self._strike(kind, operation, effect, patience, throttle_code)
            draw -= rate
        result = effect()
        self.pass_time(QUICK)
        return result

    def _strike(
        self, kind: str, operation: str, effect: Callable[[], _Result], patience: float, throttle_code: str
    ) -> _Result:
        if kind == "after":
            effect()
            self.lost.append(operation)
        if kind in ("before", "after"):
            self.pass_time(patience)
            raise (ReadTimeoutError if kind == "after" else ConnectTimeoutError)(
                endpoint_url="https://example.com"
            )
        self.pass_time(REFUSED)
        code, status = (throttle_code, 429) if kind == "throttle" else ("InternalFailure", 500)
        raise client_error(operation, code, status)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; kill the function when its time is up."""
        self.clock.advance(seconds)
        if self.clock.now > self.deadline:
            self.overran += 1
            raise Crash

    def strikes(self, rate: float) -> bool:
        """Tell whether something of this rate happens now."""
        return rate > 0 and self.random.random() < rate


def client_error(operation: str, code: str, status: int = 400, **more: Any) -> ClientError:
    """Make the error that botocore raises for a service's answer."""
    response: Any = {
        "Error": {"Code": code, "Message": f"{code} of {operation}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, operation)


_ROOT = Path(enricher.__file__).parent
#: The code that runs between receiving a batch and answering for it, as far as order matters in it.
TRACED = frozenset(
    str(path)
    for path in (
        *(path for path in (_ROOT / "delivery").glob("*.py") if path.stem != "overrides"),
        *(_ROOT / "destinations").glob("*.py"),
    )
)


@contextmanager
def crash_at(line: int) -> Iterator[list[int]]:
    """Kill the function at its `line`-th line, counted as executed; give the count of lines."""
    count = [0]

    def trace_lines(_: FrameType, event: str, __: object) -> Any:
        if event == "line":
            count[0] += 1
            if count[0] == line:
                raise Crash
        return trace_lines

    def trace_calls(frame: FrameType, _: str, __: object) -> Any:
        return trace_lines if frame.f_code.co_filename in TRACED else None

    before = sys.gettrace()
    sys.settrace(trace_calls)
    try:
        yield count
    finally:
        sys.settrace(before)
