"""Fake, in-memory SNS and DynamoDB clients for the function.

Only the operations and arguments that the function uses: another argument raises TypeError, another condition
AssertionError. Limits: API_PublishBatch (ten entries, distinct ids, total size), API_PutItem (condition),
API_BatchGetItem (100 distinct keys) and API_BatchWriteItem (25 distinct items, no order).
"""

# ruff: noqa: N803 - the argument names are those of the API

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.injector import FaultInjector, client_error, do_nothing

TOPIC, TABLE = "arn:aws:sns:eu-west-1:111122223333:t", "deduplication"


@dataclass(slots=True)
class Topic:
    """An SNS topic and its client. on_call: called during each call.

    published: the dedupId of each published message; lost: of those whose response was lost.
    """

    injector: FaultInjector
    on_call: Callable[[], None] = do_nothing
    published: list[str] = field(default_factory=list)
    calls: int = 0
    lost: list[str] = field(default_factory=list)

    def publish_batch(
        self, *, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Fake the operation."""
        entries = PublishBatchRequestEntries
        assert TopicArn == TOPIC
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        assert sum(len(entry["Message"].encode()) for entry in entries) <= 262_144
        self.calls += 1
        self.on_call()
        accepted: list[str] = []

        def publish() -> dict[str, Any]:
            failed, successful = [], []
            for entry in entries:
                if self.injector.occurs(self.injector.rates.partial):
                    failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                elif self.injector.occurs(self.injector.rates.refusal):
                    failed.append({"Id": entry["Id"], "Code": "InvalidParameter", "SenderFault": True})
                else:
                    accepted.append(dedup_id(entry["Message"]))
                    successful.append({"Id": entry["Id"]})
            self.published += accepted
            return {"Successful": successful, "Failed": failed}

        before = len(self.injector.lost)
        try:
            return self.injector.call("PublishBatch", publish, 26.0, "Throttled")
        finally:
            if len(self.injector.lost) > before:
                self.lost += accepted


def dedup_id(body: str) -> str:
    """Return the dedupId of an enriched event without parsing all of it."""
    start = body.rindex('"dedupId":"') + len('"dedupId":"')
    return body[start : start + 64]


_CONDITION = (
    "attribute_not_exists(#id) OR #expiry < :now"
    " OR (#status = :in_progress AND #claimed_until < :now_in_millis)"
)
_Item = dict[str, dict[str, str]]


@dataclass(slots=True)
class Table:
    """A DynamoDB table and its client. down: whether it is unavailable now."""

    injector: FaultInjector
    down: Callable[[], bool]
    items: dict[str, _Item] = field(default_factory=dict)
    calls: int = 0

    def _call(self, operation: str, effect: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.down():
            self.injector.pass_time(10.0)
            raise client_error(operation, "InternalServerError", 500)
        # Fewer faults than the destination's: the first one ends the use of the table for its batch.
        return self.injector.call(operation, effect, 10.0, "ThrottlingException", scale=0.05)

    def _split(self, requests: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return what is processed and, as it is throttled, what is not."""
        done, left = list[Any](), list[Any]()
        for request in requests:
            (left if self.injector.occurs(self.injector.rates.partial) else done).append(request)
        return done, left

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Fake the operation."""
        [(name, request)] = RequestItems.items()
        ids = [key["id"]["S"] for key in request["Keys"]]
        assert (name, request["ConsistentRead"]) == (TABLE, True)
        assert 1 <= len(ids) == len(set(ids)) <= 100

        def get() -> dict[str, Any]:
            done, left = self._split(ids)
            keys = {**request, "Keys": [{"id": {"S": item_id}} for item_id in left]}
            found = [dict(self.items[item_id]) for item_id in done if item_id in self.items]
            return {"Responses": {TABLE: found}, "UnprocessedKeys": {TABLE: keys} if left else {}}

        response: dict[str, Any] = self._call("BatchGetItem", get)
        return response

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Fake the operation."""
        [(name, requests)] = RequestItems.items()
        assert name == TABLE
        ids = [_id_of(request) for request in requests]
        assert 1 <= len(ids) == len(set(ids)) <= 25

        def write() -> dict[str, Any]:
            done, left = self._split(requests)
            # In no order.
            for request in self.injector.random.sample(done, len(done)):
                if "PutRequest" in request:
                    self.items[_id_of(request)] = dict(request["PutRequest"]["Item"])
                else:
                    self.items.pop(_id_of(request), None)
            return {"UnprocessedItems": {TABLE: left} if left else {}}

        response: dict[str, Any] = self._call("BatchWriteItem", write)
        return response

    def put_item(  # noqa: D102
        self,
        *,
        TableName: str,
        Item: _Item,
        ConditionExpression: str,
        ExpressionAttributeNames: dict[str, str],
        ExpressionAttributeValues: _Item,
        ReturnValuesOnConditionCheckFailure: str,
        ReturnConsumedCapacity: str,
    ) -> dict[str, Any]:
        assert (TableName, ReturnValuesOnConditionCheckFailure) == (TABLE, "ALL_OLD")
        assert (ConditionExpression, ReturnConsumedCapacity) == (_CONDITION, "TOTAL")
        names, values = ExpressionAttributeNames, ExpressionAttributeValues

        def put() -> dict[str, Any]:
            old = self.items.get(Item["id"]["S"])
            if old is not None:
                expired = int(old[names["#expiry"]]["N"]) < int(values[":now"]["N"])
                until = old.get(names["#claimed_until"])
                abandoned = (
                    old[names["#status"]] == values[":in_progress"]
                    and until is not None
                    and int(until["N"]) < int(values[":now_in_millis"]["N"])
                )
                if not expired and not abandoned:
                    raise client_error("PutItem", "ConditionalCheckFailedException", Item=dict(old))
            self.items[Item["id"]["S"]] = dict(Item)
            return {"ConsumedCapacity": {"TableName": TABLE, "CapacityUnits": 1.0}}

        response: dict[str, Any] = self._call("PutItem", put)
        return response


def _id_of(request: dict[str, Any]) -> str:
    item = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
    item_id: str = item["id"]["S"]
    return item_id
