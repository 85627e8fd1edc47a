"""Split a batch into calls within a service's limits, and a call that the service refuses in halves.

Every call of every destination is made here, so that whatever it raises fails only the items of that call: an
exception for a whole batch would send again what its earlier calls had delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from enricher.destinations.base import Failure, Remedy, TimeLeft
from enricher.finding.safe_text import single_line

#: Error codes of a whole call that refuse what it contains, so that a retry would be refused as well.
#: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html and, for Security Hub,
#: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
REFUSAL_CODES = frozenset(
    (
        "InvalidInputException", "InvalidParameter", "ParameterValueInvalid", "ValidationException",
        "BatchRequestTooLong",
    )
)  # fmt: skip
_MAX_REASON_LENGTH = 900


class Item(Protocol):
    """One part of a call: the deliveries that it stands for fail together."""

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the failure for each delivery of this item, by delivery id."""
        ...


_Item = TypeVar("_Item", bound=Item)
_Sized = TypeVar("_Sized")


class OutOfTime(Exception):
    """A paginated call was abandoned because the execution time runs out."""


class InvalidAnswer(Exception):
    """A successful answer lacks what the service always returns: it is not the service's (a proxy's page)."""


def batch_by_size(
    items: Iterable[_Sized], max_items: int, max_bytes: int, size_of: Callable[[_Sized], int]
) -> Iterator[list[_Sized]]:
    """Yield the items of each call, in order: at most `max_items` and `max_bytes` in total.

    size_of: the size of an item in bytes. An item above the limit gets a call of its own; callers reject such
    items beforehand.
    """
    call: list[_Sized] = []
    size = 0
    for item in items:
        if call and (len(call) == max_items or size + size_of(item) > max_bytes):
            yield call
            call, size = [], 0
        call.append(item)
        size += size_of(item)
    if call:
        yield call


def batch_by_number(items: Sequence[_Sized], max_items: int) -> Iterable[Sequence[_Sized]]:
    """Split into slices of at most `max_items`, in order."""
    return (items[start : start + max_items] for start in range(0, len(items), max_items))


def make_call(
    items: Sequence[_Item],
    call: Callable[[Sequence[_Item]], dict[str, Failure]],
    operation: str,
    enough_time: Callable[[], bool],
) -> dict[str, Failure]:
    """Make a call for several items; if the service refuses it, make it for each half of them.

    So one invalid finding does not block the others of its call. call: returns the failures of single items;
    enough_time: whether a call may start. Return the failures by delivery id; raise nothing.
    """
    if not enough_time():
        return fail_all(items, Failure("not attempted: not enough execution time remaining"))
    try:
        return call(items)
    except OutOfTime:
        return fail_all(items, Failure("not attempted: not enough execution time remaining"))
    except Exception as error:
        failure = call_failure(operation, error)
        if failure.remedy is not Remedy.DEAD_LETTER or len(items) == 1:
            return fail_all(items, failure)
    middle = len(items) // 2
    return {
        **make_call(items[:middle], call, operation, enough_time),
        **make_call(items[middle:], call, operation, enough_time),
    }


def call_failure(operation: str, error: Exception) -> Failure:
    """Return the failure of a whole call; a refused one is not retryable.

    An error that is neither AWS's nor botocore's is possible: its parser raises one of its own class for an
    answer that is not of the service's protocol, such as a plain-text 503 in place of XML.
    """
    if isinstance(error, ParamValidationError):
        # Its message quotes the parameters, which are the findings.
        return Failure.unexpected(error, Remedy.DEAD_LETTER)
    if not isinstance(error, BotoCoreError | ClientError | InvalidAnswer):
        return Failure.unexpected(error)
    refused = isinstance(error, ClientError) and error_code(error) in REFUSAL_CODES
    reason = single_line(f"{operation}: {error}", _MAX_REASON_LENGTH)
    return Failure(reason, Remedy.DEAD_LETTER if refused else Remedy.RETRY)


def item_failure(operation: str, code: str, message: str, *, permanent: bool) -> Failure:
    """Return the failure of one item that the answer of a successful call lists as failed."""
    reason = single_line(f"{operation}: {code}: {message}", _MAX_REASON_LENGTH)
    return Failure(reason, Remedy.DEAD_LETTER if permanent else Remedy.RETRY)


def fail_all(items: Iterable[Item], failure: Failure) -> dict[str, Failure]:
    """Return the same failure for every delivery of every item, by delivery id."""
    return {key: value for item in items for key, value in item.fail(failure).items()}


def error_code(error: ClientError) -> str:
    """Return the error code of a service's response."""
    return str(error.response.get("Error", {}).get("Code", ""))


def require(answer: Mapping[str, Any], *keys: str) -> None:
    """Raise InvalidAnswer if a successful answer lacks one of the keys that the service always returns.

    botocore returns an empty answer for a response 200 that is not the service's, such as a proxy's page.
    """
    if missing := [key for key in keys if key not in answer]:
        raise InvalidAnswer(f"the answer has no {' and no '.join(missing)}: not one of the service")


def time_check(time_left: TimeLeft, seconds: float) -> Callable[[], bool]:
    """Return a function that checks whether `seconds` are left."""
    return lambda: time_left() >= seconds
