"""Shared by annotation and import: the clients by Region and the handling of Security Hub's errors.

Codes and limits: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html and
API_BatchImportFindings.html and API_GetFindings.html in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from enricher.destinations.base import TIMEOUTS, Delivery, Failure, Remedy, TimeLeft
from enricher.enrichment.finding_state import is_later
from enricher.finding.safe_text import single_line

if TYPE_CHECKING:
    from mypy_boto3_securityhub import SecurityHubClient

#: Error codes of a single finding, in the response of a successful call, that are not retryable.
PERMANENT_CODES = frozenset(
    ("InvalidInput", "InvalidInputException", "DuplicatedFindingIdentifier", "FindingSizeExceeded")
)
#: Maximum length of a finding identifier, in characters.
ID_LIMIT = 512

#: What identifies a finding in Security Hub: its Id and its ProductArn.
Identity = tuple[str, str]
_Item = TypeVar("_Item")


class OutOfTime(Exception):
    """A paginated call was abandoned because the execution time runs out."""


@dataclass(slots=True)
class RegionalClients:
    """The Security Hub clients by Region, created on first use; make: creates the client of a Region."""

    make: Callable[[str], SecurityHubClient]
    clients: dict[str, SecurityHubClient] = field(default_factory=dict)

    def client(self, region: str) -> SecurityHubClient:
        """Return the client of a Region; raise BotoCoreError or ValueError for an invalid Region name."""
        if region not in self.clients:
            self.clients[region] = self.make(region)
        return self.clients[region]


@dataclass(frozen=True, slots=True)
class Subject:
    """The deliveries of a batch for one finding, its latest update first.

    Security Hub stores one state of a finding, so only the latest update is sent, and its outcome applies to
    all deliveries.
    """

    id: str
    product_arn: str
    region: str
    deliveries: tuple[Delivery, ...]

    @property
    def identity(self) -> Identity:
        """Return what identifies the finding in Security Hub."""
        return self.id, self.product_arn

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the same failure for each delivery, by delivery id."""
        return {delivery.id: failure for delivery in self.deliveries}


def latest_first(deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """Move the delivery with the latest update to the front; keep the order of the others."""
    first = deliveries[0]
    for delivery in deliveries[1:]:
        if is_later(delivery.enriched.finding.updated_at, first.enriched.finding.updated_at):
            first = delivery
    return (first, *(delivery for delivery in deliveries if delivery is not first))


def fail_out_of_time(subjects: Iterable[Subject]) -> dict[str, Failure]:
    """Return the failures of deliveries that were not attempted because the execution time runs out."""
    return fail_all(subjects, Failure("not attempted: not enough execution time remaining"))


def fail_all(subjects: Iterable[Subject], failure: Failure) -> dict[str, Failure]:
    """Return the same failure for every delivery of every subject, by delivery id."""
    return {key: value for subject in subjects for key, value in subject.fail(failure).items()}


def call_failure(operation: str, error: Exception) -> Failure:
    """Return the failure of a whole call; an invalid request is not retryable."""
    if isinstance(error, ParamValidationError):
        # Its message quotes the parameters, which are the findings.
        return Failure.unexpected(error, Remedy.DEAD_LETTER)
    permanent = error_code(error) == "InvalidInputException"
    reason = single_line(f"{operation}: {error}", 900)
    return Failure(reason, Remedy.DEAD_LETTER if permanent else Remedy.RETRY)


def error_code(error: Exception) -> str:
    """Return the error code of a service response, "" for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def finding_failure(operation: str, code: str, message: str) -> Failure:
    """Return the failure of one finding that the response of a successful call lists as failed."""
    reason = single_line(f"{operation}: {code}: {message}", 900)
    return Failure(reason, Remedy.DEAD_LETTER if code in PERMANENT_CODES else Remedy.RETRY)


def chunked(items: Sequence[_Item], max_items: int) -> Iterable[Sequence[_Item]]:
    """Split into slices of at most `max_items`, in order."""
    return (items[start : start + max_items] for start in range(0, len(items), max_items))


def call_with_bisection(
    subjects: Sequence[Subject],
    call: Callable[[Sequence[Subject]], dict[str, Failure]],
    operation: str,
    enough_time: Callable[[], bool],
) -> dict[str, Failure]:
    """Make a call for several subjects; if Security Hub rejects the request as invalid, bisect it.

    So one invalid finding does not block the others of its call. Return the failures by delivery id.
    """
    if not enough_time():
        return fail_out_of_time(subjects)
    try:
        return call(subjects)
    except OutOfTime:
        return fail_out_of_time(subjects)
    except (BotoCoreError, ClientError) as error:
        failure = call_failure(operation, error)
        if failure.remedy is not Remedy.DEAD_LETTER or len(subjects) == 1:
            return fail_all(subjects, failure)
    middle = len(subjects) // 2
    return {
        **call_with_bisection(subjects[:middle], call, operation, enough_time),
        **call_with_bisection(subjects[middle:], call, operation, enough_time),
    }


def time_check(time_left: TimeLeft, seconds: float) -> Callable[[], bool]:
    """Return a function that checks whether `seconds` are left."""
    return lambda: time_left() >= seconds


def regional_clients() -> RegionalClients:
    """Create the regional clients, that of the function's own Region at once (in Lambda's init)."""
    import boto3

    config = TIMEOUTS.config()
    session: Any = boto3.session.Session()
    clients = RegionalClients(lambda region: session.client("securityhub", region_name=region, config=config))
    if session.region_name:
        clients.client(session.region_name)
    return clients
