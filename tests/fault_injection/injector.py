"""Inject faults: decide, from a seed, which call fails and how; kill the function at a given line."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.parsers import ResponseParserError

import enricher
from enricher.destinations.timeouts import RETRY_WAIT
from tests.fault_injection.clock import Clock

_Result = TypeVar("_Result")


def do_nothing() -> None:
    """Do nothing."""


class Crash(BaseException):
    """The function is killed; a BaseException, so that the code under test cannot catch it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The probability of each fault, from 0 to 1.

    Per call: throttle, server_error, lost_request (a timeout, the call had no effect), lost_response (a
    timeout, the call had its effect), block_page (a proxy answers 200 in place of the service), plain_503 (an
    answer that botocore's parser rejects), retry_after (the answer comes after the longest wait that one can
    ask for). Per entry of a call: partial, refusal (SNS calls it the sender's fault). Per invocation: crash,
    concurrent (a second invocation gets the same messages while the first is running), ack_lost (Lambda does
    not get the response). Per event: copy (EventBridge sends it twice), resend (it is sent again, as
    part of the one resend). table_down: share of the time that the table is unavailable.
    """

    throttle: float = 0.0
    server_error: float = 0.0
    lost_request: float = 0.0
    lost_response: float = 0.0
    partial: float = 0.0
    crash: float = 0.0
    concurrent: float = 0.0
    copy: float = 0.0
    table_down: float = 0.0
    ack_lost: float = 0.0
    block_page: float = 0.0
    plain_503: float = 0.0
    retry_after: float = 0.0
    refusal: float = 0.0
    resend: float = 0.0


#: Seconds that a call takes when it succeeds and when it returns an error.
SUCCESS_SECONDS, ERROR_SECONDS = 0.02, 1.0


#: Of these operations botocore returns an empty answer for a response 200 that is not the service's.
_EMPTY_ANSWERS = frozenset(
    (
        "GetFindings", "BatchUpdateFindings", "BatchImportFindings", "SendMessage", "ChangeMessageVisibility",
        "BatchGetItem", "PutItem", "BatchWriteItem",
    )
)  # fmt: skip


@dataclass(slots=True)
class FaultInjector:
    """Injects faults into calls at the given rates.

    deadline: when the running invocation times out; lost: the operations that had an effect but whose
    response was lost; timeouts: the number of invocations that timed out.
    """

    random: random.Random
    clock: Clock
    rates: Rates
    deadline: float = float("inf")
    lost: list[str] = field(default_factory=list)
    timeouts: int = 0

    def call(
        self,
        operation: str,
        effect: Callable[[], _Result],
        timeout: float,
        throttle_code: str,
        scale: float = 1.0,
    ) -> _Result:
        """Make a call that succeeds or has one of the faults; kill the function when its time is up.

        timeout: seconds until the caller stops waiting; scale: factor of the rates for this call.
        """
        draw, rates = self.random.random() / scale, self.rates
        for rate, fault in (
            (rates.throttle, "throttle"),
            (rates.server_error, "server_error"),
            (rates.lost_request, "lost_request"),
            (rates.lost_response, "lost_response"),
            (rates.block_page, "block_page"),
            (rates.plain_503, "plain_503"),
            (rates.retry_after, "retry_after"),
        ):
            if draw < rate:
                return self._fail(fault, operation, effect, timeout, throttle_code)
            draw -= rate
        result = effect()
        self.pass_time(SUCCESS_SECONDS)
        return result

    def _fail(
        self, fault: str, operation: str, effect: Callable[[], _Result], timeout: float, throttle_code: str
    ) -> _Result:
        if fault == "lost_response":
            effect()
            self.lost.append(operation)
        if fault in ("lost_request", "lost_response"):
            self.pass_time(timeout)
            raise (ReadTimeoutError if fault == "lost_response" else ConnectTimeoutError)(
                endpoint_url="https://example.com"
            )
        if fault == "retry_after":
            self.pass_time(RETRY_WAIT)
            return effect()
        self.pass_time(ERROR_SECONDS)
        if fault == "block_page" and operation in _EMPTY_ANSWERS:
            return cast("_Result", {})  # as botocore does
        if fault in ("block_page", "plain_503"):
            raise ResponseParserError
        code, status = (throttle_code, 429) if fault == "throttle" else ("InternalFailure", 500)
        raise client_error(operation, code, status)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock; kill the function when its time is up."""
        self.clock.advance(seconds)
        if self.clock.now > self.deadline:
            self.timeouts += 1
            raise Crash

    def occurs(self, rate: float) -> bool:
        """Return whether a fault of this rate occurs now."""
        return rate > 0 and self.random.random() < rate


def client_error(operation: str, code: str, status: int = 400, **more: Any) -> ClientError:
    """Return the error that botocore raises for an error response."""
    response: Any = {
        "Error": {"Code": code, "Message": f"{code} of {operation}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, operation)


_ROOT = Path(enricher.__file__).parent
#: The code between receiving a batch and returning the failed records, as far as its order matters.
TRACED = frozenset(
    str(path)
    for path in (
        *(path for path in (_ROOT / "delivery").glob("*.py") if path.stem != "overrides"),
        *(_ROOT / "destinations").glob("*.py"),
    )
)


@contextmanager
def crash_at(line: int) -> Iterator[list[int]]:
    """Kill the function at its `line`-th executed line; yield the line count, a list of one number."""
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
