"""Hold what annotation and import share: the clients by Region, and how Security Hub's errors are read.

Codes and limits: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html and
API_BatchImportFindings.html, GetFindings in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from enricher.destinations.base import PATIENCE, Failure, Parcel, Remedy, TimeLeft
from enricher.enrichment.finding_state import is_later
from enricher.finding.safe_text import single_line

if TYPE_CHECKING:
    from mypy_boto3_securityhub import SecurityHubClient

#: For one finding, in the answer of a call that succeeded: the codes that no retry changes.
PERMANENT_CODES = frozenset(
    ("InvalidInput", "InvalidInputException", "DuplicatedFindingIdentifier", "FindingSizeExceeded")
)
#: The longest identifier of a finding, in characters.
ID_LIMIT = 512

#: A finding's name in Security Hub: its Id and its ProductArn.
Identity = tuple[str, str]
_Item = TypeVar("_Item")


class OutOfTime(Exception):
    """Say that a call of several pages had to be given up as the function's time runs out."""


@dataclass(slots=True)
class Hubs:
    """Hold a client for each Region that findings came from; `make` gives the client of a Region."""

    make: Callable[[str], SecurityHubClient]
    clients: dict[str, SecurityHubClient] = field(default_factory=dict)

    def client(self, region: str) -> SecurityHubClient:
        """Give the client of a Region; raise what botocore raises for a Region that cannot be."""
        if region not in self.clients:
            self.clients[region] = self.make(region)
        return self.clients[region]


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold the parcels of a batch that are about one finding, the latest update of it first.

    Security Hub keeps one state of a finding, so the latest update speaks for all, and its fate is theirs.
    """

    id: str
    product_arn: str
    region: str
    parcels: tuple[Parcel, ...]

    @property
    def identity(self) -> Identity:
        """Give the finding's name in Security Hub."""
        return self.id, self.product_arn

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Give the failure for each parcel."""
        return {parcel.id: failure for parcel in self.parcels}


def latest_first(parcels: Sequence[Parcel]) -> tuple[Parcel, ...]:
    """Put the parcel with the latest update first and keep the order of the others."""
    first = parcels[0]
    for parcel in parcels[1:]:
        if is_later(parcel.enriched.finding.updated_at, first.enriched.finding.updated_at):
            first = parcel
    return (first, *(parcel for parcel in parcels if parcel is not first))


def no_time(subjects: Iterable[Subject]) -> dict[str, Failure]:
    """Give the failures of what was not attempted as the function's time runs out."""
    late = Failure("not attempted: too little of the function's time was left")
    return fail_all(subjects, late)


def fail_all(subjects: Iterable[Subject], failure: Failure) -> dict[str, Failure]:
    """Give the same failure for every parcel of every subject."""
    return {key: value for subject in subjects for key, value in subject.fail(failure).items()}


def failure_of(operation: str, error: Exception) -> Failure:
    """Read the error of a whole call: what was wrong with the request cannot be cured by a retry."""
    if isinstance(error, ParamValidationError):
        # Its words quote the parameters, which are the findings.
        return Failure.unforeseen(error, Remedy.DEAD_LETTER)
    permanent = error_code(error) == "InvalidInputException"
    reason = single_line(f"{operation}: {error}", 900)
    return Failure(reason, Remedy.DEAD_LETTER if permanent else Remedy.RETRY)


def error_code(error: Exception) -> str:
    """Give the code of a service's error, "" for any other."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def failure_of_code(operation: str, code: str, message: str) -> Failure:
    """Read the error of one finding in the answer of a call that succeeded."""
    reason = single_line(f"{operation}: {code}: {message}", 900)
    return Failure(reason, Remedy.DEAD_LETTER if code in PERMANENT_CODES else Remedy.RETRY)


def cut(items: Sequence[_Item], most: int) -> Iterable[Sequence[_Item]]:
    """Cut into runs of at most `most`."""
    return (items[start : start + most] for start in range(0, len(items), most))


def call_by_halves(
    subjects: Sequence[Subject],
    call: Callable[[Sequence[Subject]], dict[str, Failure]],
    operation: str,
    enough_time: Callable[[], bool],
) -> dict[str, Failure]:
    """Make a call for several subjects; where Security Hub refuses the request, make it for each half.

    So one finding that it cannot take does not hold back the others of its call.
    """
    if not enough_time():
        return no_time(subjects)
    try:
        return call(subjects)
    except OutOfTime:
        return no_time(subjects)
    except (BotoCoreError, ClientError) as error:
        failure = failure_of(operation, error)
        if failure.remedy is not Remedy.DEAD_LETTER or len(subjects) == 1:
            return fail_all(subjects, failure)
    middle = len(subjects) // 2
    return {
        **call_by_halves(subjects[:middle], call, operation, enough_time),
        **call_by_halves(subjects[middle:], call, operation, enough_time),
    }


def has_time(time_left: TimeLeft, seconds: float) -> Callable[[], bool]:
    """Give the question whether `seconds` are left."""
    return lambda: time_left() >= seconds


def make_hubs() -> Hubs:
    """Make the clients' maker, and at once the client of the function's own Region."""
    import boto3

    config = PATIENCE.config()
    session: Any = boto3.session.Session()
    hubs = Hubs(lambda region: session.client("securityhub", region_name=region, config=config))
    if session.region_name:
        hubs.client(session.region_name)
    return hubs
