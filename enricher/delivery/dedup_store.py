"""Read and write the deduplication table in batches; stop using it for the batch when it fails.

Not Powertools Idempotency, which reads and writes one item for each request. Here a batch of ten new findings
takes one read, ten claims and one write. Only a claim is conditional, so only claims are single requests.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from botocore.exceptions import ClientError

from enricher.destinations.base import TimeLeft
from enricher.destinations.batching import batch_by_number, error_code, require
from enricher.destinations.timeouts import Timeouts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from enricher.settings import Settings

#: Time to live of an item. GuardDuty retains a finding for 90 days; a message can stay in the queue for
#: 14 days and then be redriven from the dead-letter queue for another 14 days.
TTL_SECONDS = 90 * 24 * 3600

TIMEOUTS = Timeouts(connect=1, read=1)

#: The most execution time that a slow table may use in one batch, in seconds: ten times what a batch of 100
#: records needs.
BATCH_SECONDS = 10.0

#: A claim expires when the invocation that made it reaches its timeout, plus this margin for clock skew.
CLAIM_MARGIN_SECONDS = 5.0

#: Keys of one BatchGetItem call and items of one BatchWriteItem call. What exceeds the 16 MB of a read is
#: returned as unprocessed, as is what was throttled; 25 items of 400 KB do not exceed the 16 MB of a write.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html and API_BatchWriteItem
KEYS_PER_READ, ITEMS_PER_WRITE = 100, 25

#: Seconds to wait before what was left unprocessed is requested again.
UNPROCESSED_WAITS = (0.05, 0.2, 0.8)

_COMPLETED, _IN_PROGRESS = "COMPLETED", "INPROGRESS"
_CLAIMABLE = (
    "attribute_not_exists(#id) OR #expiry < :now"
    " OR (#status = :in_progress AND #claimed_until < :now_in_millis)"
)
_NAMES = {
    "#id": "id",
    "#expiry": "expiration",
    "#status": "status",
    "#claimed_until": "in_progress_expiration",
}

#: What identifies an item, such as {"arn": …}; the table has only its hash.
Key = Mapping[str, str]
ClaimStatus = Literal["claimed", "completed", "in-progress", "unavailable"]
_Result = TypeVar("_Result")


class Write(NamedTuple):
    """One item to write. data: what `read` returns of it (JSON types); None releases a claim."""

    key: Key
    data: Mapping[str, Any] | None = None


@dataclass(slots=True)
class DeduplicationTable:
    """The deduplication table for one batch. After its first failure it is not used again in that batch.

    route: prefix of every item, as all routes share the table; unavailable: the reason why the table is no
    longer used, "" while it is; spent: seconds used so far.
    """

    client: DynamoDBClient
    name: str
    route: str
    time_left: TimeLeft
    unavailable: str = ""
    spent: float = field(default=0.0, init=False)

    def read(self, keys: Sequence[Key]) -> list[dict[str, Any] | None]:
        """Return the data of each completed item, None for one that does not exist or could not be read."""
        ids = [self._id(key) for key in keys]
        found: dict[str, Any] = {}

        def get(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
            request: Any = {self.name: {"Keys": wanted, "ConsistentRead": True}}
            answer = self.client.batch_get_item(RequestItems=request)
            require(answer, "Responses", "UnprocessedKeys")
            found.update({item["id"]["S"]: item for item in answer["Responses"].get(self.name, ())})
            unprocessed: Any = answer["UnprocessedKeys"].get(self.name, {})
            return list(unprocessed.get("Keys", ()))

        self._until_processed([{"id": {"S": item_id}} for item_id in dict.fromkeys(ids)], KEYS_PER_READ, get)
        return [_data(found.get(item_id)) for item_id in ids]

    def claim(self, key: Key) -> ClaimStatus:
        """Claim an item until the invocation ends.

        Return "completed" or "in-progress" if the item exists already, "unavailable" if the table failed.
        """
        until = time.time() + self.time_left() + CLAIM_MARGIN_SECONDS
        return self._guarded(lambda: self._claim(self._id(key), until), "unavailable")

    def _claim(self, item_id: str, until: float) -> ClaimStatus:
        now = time.time()
        try:
            answer = self.client.put_item(
                TableName=self.name,
                Item={
                    "id": {"S": item_id},
                    "expiration": {"N": str(int(now + TTL_SECONDS))},
                    "status": {"S": _IN_PROGRESS},
                    "in_progress_expiration": {"N": str(int(until * 1000))},
                },
                ConditionExpression=_CLAIMABLE,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":now": {"N": str(int(now))},
                    ":now_in_millis": {"N": str(int(now * 1000))},
                    ":in_progress": {"S": _IN_PROGRESS},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ReturnConsumedCapacity="TOTAL",
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item", {})
            return "completed" if item.get("status", {}).get("S") == _COMPLETED else "in-progress"
        # Without it the answer of a successful put is empty, as is botocore's of a proxy's page.
        require(answer, "ConsumedCapacity")
        return "claimed"

    def write(self, items: Sequence[Write]) -> bool:
        """Mark items as completed or release them, in this order; return whether all were written.

        The items of one call may be written in any order or in part. Unconditional: a claim does not expire
        before the invocation that holds it, and a claim that cannot be released expires with it.
        """

        def put(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
            request: Any = {self.name: requests}
            answer = self.client.batch_write_item(RequestItems=request)
            require(answer, "UnprocessedItems")
            unprocessed: Any = answer["UnprocessedItems"].get(self.name, ())
            return list(unprocessed)

        return self._until_processed([self._request(item) for item in items], ITEMS_PER_WRITE, put)

    def _request(self, item: Write) -> dict[str, Any]:
        key = {"id": {"S": self._id(item.key)}}
        if item.data is None:
            return {"DeleteRequest": {"Key": key}}
        expiration = {"N": str(int(time.time() + TTL_SECONDS))}
        data = {"S": json.dumps(item.data)}
        completed = {**key, "expiration": expiration, "status": {"S": _COMPLETED}, "data": data}
        return {"PutRequest": {"Item": completed}}

    def _id(self, key: Key) -> str:
        return f"{self.route}#{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()}"

    def _until_processed(
        self,
        requests: Sequence[dict[str, Any]],
        per_call: int,
        call: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    ) -> bool:
        """Make calls for all requests; repeat them for what each call returns as unprocessed."""
        for wait in (0.0, *UNPROCESSED_WAITS):
            if wait:
                time.sleep(wait)
            left: list[dict[str, Any]] = []
            for some in batch_by_number(requests, per_call):
                unprocessed = self._guarded(lambda some=list(some): call(some), None)  # type: ignore[misc]
                if unprocessed is None:
                    return False
                left += unprocessed
            if not left:
                return True
            requests = left
        self.unavailable = f"{len(requests)} items left unprocessed"
        return False

    def _guarded(self, call: Callable[[], _Result], default: _Result) -> _Result:
        start = self.time_left()
        if not self.unavailable and start < TIMEOUTS.seconds:
            self.unavailable = "not enough execution time remaining"
        if self.unavailable:
            return default
        try:
            return call()
        except Exception as error:
            self.unavailable = f"{type(error).__name__}: {error}"
            return default
        finally:
            self.spent += start - self.time_left()
            if not self.unavailable and self.spent > BATCH_SECONDS:
                self.unavailable = f"too slow: {self.spent:.1f} seconds in one batch"


def _data(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the data of a completed item; None for a claim and for an item past its time to live."""
    if item is None or item.get("status", {}).get("S") != _COMPLETED:
        return None
    if int(item["expiration"]["N"]) < time.time():
        return None
    data = json.loads(item.get("data", {}).get("S", "null"))
    return data if isinstance(data, dict) else None


def build(settings: Settings) -> Callable[[TimeLeft], DeduplicationTable]:
    """Create the table's client; return a function that opens the table for one batch."""
    from enricher.destinations.clients import make_client

    # The parameters are texts of a fixed form; what DynamoDB rejects makes the table unavailable, too.
    client = make_client("dynamodb", TIMEOUTS.config(validate=False))
    return table_opener(client, settings.deduplication_table, settings.route)


def table_opener(client: DynamoDBClient, name: str, route: str) -> Callable[[TimeLeft], DeduplicationTable]:
    """Return a function that opens the table for one batch, given the time left."""
    return lambda time_left: DeduplicationTable(client, name, route, time_left)
