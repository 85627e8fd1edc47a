"""Fake, in-memory SNS and DynamoDB clients for the function.

Only the operations and arguments that the function uses: another argument raises TypeError, another condition
AssertionError. Limits: API_PublishBatch (ten entries, distinct ids, total size), API_PutItem (condition).
"""

# ruff: noqa: N803 - the argument names are those of the API

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

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
    "attribute_not_exists(#id) OR #expiry < :now OR (#status = :inprogress AND "
    "attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)"
)
_Item = dict[str, dict[str, str]]


@dataclass(slots=True)
class Table:
    """A DynamoDB table and its client. down: whether it is unavailable now."""

    injector: FaultInjector
    down: Callable[[], bool]
    items: dict[str, _Item] = field(default_factory=dict)
    calls: int = 0
    meta: Any = field(default_factory=lambda: SimpleNamespace(events=MagicMock()))

    def _call(self, operation: str, effect: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.down():
            self.injector.pass_time(10.0)
            raise client_error(operation, "InternalServerError", 500)
        # Fewer faults than the destination's: the first one ends the use of the table for its batch.
        return self.injector.call(operation, effect, 10.0, "ThrottlingException", scale=0.05)

    def get_item(self, *, TableName: str, Key: _Item, ConsistentRead: bool) -> dict[str, Any]:
        """Fake the operation."""
        assert (TableName, ConsistentRead) == (TABLE, True)

        def get() -> dict[str, Any]:
            item = self.items.get(Key["id"]["S"])
            return {} if item is None else {"Item": dict(item)}

        response: dict[str, Any] = self._call("GetItem", get)
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
    ) -> None:
        assert (TableName, ReturnValuesOnConditionCheckFailure) == (TABLE, "ALL_OLD")
        assert ConditionExpression == _CONDITION
        names, values = ExpressionAttributeNames, ExpressionAttributeValues

        def put() -> None:
            old = self.items.get(Item["id"]["S"])
            if old is not None:
                expired = int(old[names["#expiry"]]["N"]) < int(values[":now"]["N"])
                until = old.get(names["#in_progress_expiry"])
                abandoned = (
                    old[names["#status"]] == values[":inprogress"]
                    and until is not None
                    and int(until["N"]) < int(values[":now_in_millis"]["N"])
                )
                if not expired and not abandoned:
                    raise client_error("PutItem", "ConditionalCheckFailedException", Item=dict(old))
            self.items[Item["id"]["S"]] = dict(Item)

        self._call("PutItem", put)

    def update_item(  # noqa: D102
        self,
        *,
        TableName: str,
        Key: _Item,
        UpdateExpression: str,
        ExpressionAttributeNames: dict[str, str],
        ExpressionAttributeValues: _Item,
    ) -> None:
        assert TableName == TABLE
        assert UpdateExpression == "SET #response_data = :response_data, #expiry = :expiry, #status = :status"

        def update() -> None:
            item = self.items.setdefault(Key["id"]["S"], dict(Key))
            for name in ("response_data", "expiry", "status"):
                item[ExpressionAttributeNames[f"#{name}"]] = ExpressionAttributeValues[f":{name}"]

        self._call("UpdateItem", update)

    def delete_item(self, *, TableName: str, Key: _Item) -> None:
        """Fake the operation."""
        assert TableName == TABLE
        self._call("DeleteItem", lambda: self.items.pop(Key["id"]["S"], None))
