"""Play SNS and DynamoDB to the function through the clients' own interface, in memory.

Only what the function calls, and only as it calls it: another argument is a TypeError, another condition an
assertion. Limits: API_PublishBatch (ten entries, distinct ids, the sum of sizes), API_PutItem (condition).
"""

# ruff: noqa: N803 - the names of the arguments are the service's

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from tests.fault_injection.weather import Weather, client_error, nothing

TOPIC, TABLE = "arn:aws:sns:eu-west-1:111122223333:t", "repeats"


@dataclass(slots=True)
class Topic:
    """Take published messages. on_call: what else happens while a call is under way.

    published, lost: the dedupId of what was published, and of that part whose sender did not hear of it.
    """

    weather: Weather
    on_call: Callable[[], None] = nothing
    published: list[str] = field(default_factory=list)
    calls: int = 0
    lost: list[str] = field(default_factory=list)

    def publish_batch(
        self, *, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Play the operation."""
        entries = PublishBatchRequestEntries
        assert TopicArn == TOPIC
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        assert sum(len(entry["Message"].encode()) for entry in entries) <= 262_144
        self.calls += 1
        self.on_call()
        taken: list[str] = []

        def publish() -> dict[str, Any]:
            failed = []
            for entry in entries:
                if self.weather.strikes(self.weather.rates.partial):
                    failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                else:
                    taken.append(dedup_id(entry["Message"]))
            self.published += taken
            return {"Successful": [], "Failed": failed}

        before = len(self.weather.lost)
        try:
            return self.weather.call("PublishBatch", publish, 22.0, "Throttled")
        finally:
            if len(self.weather.lost) > before:
                self.lost += taken


def dedup_id(body: str) -> str:
    """Read the dedupId off an enriched event without parsing it all."""
    place = body.rindex('"dedupId":"') + len('"dedupId":"')
    return body[place : place + 64]


_CONDITION = (
    "attribute_not_exists(#id) OR #expiry < :now OR (#status = :inprogress AND "
    "attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)"
)
_Item = dict[str, dict[str, str]]


@dataclass(slots=True)
class Table:
    """Hold the items of one DynamoDB table. down: tells whether it cannot be reached now."""

    weather: Weather
    down: Callable[[], bool]
    items: dict[str, _Item] = field(default_factory=dict)
    calls: int = 0
    meta: Any = field(default_factory=lambda: SimpleNamespace(events=MagicMock()))

    def _call(self, operation: str, effect: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.down():
            self.weather.pass_time(5.0)
            raise client_error(operation, "InternalServerError", 500)
        # Less often than the destination's: the first fault ends the use of the table for its batch.
        return self.weather.call(operation, effect, 5.0, "ThrottlingException", share=0.05)

    def get_item(self, *, TableName: str, Key: _Item, ConsistentRead: bool) -> dict[str, Any]:
        """Play the operation."""
        assert (TableName, ConsistentRead) == (TABLE, True)

        def get() -> dict[str, Any]:
            item = self.items.get(Key["id"]["S"])
            return {} if item is None else {"Item": dict(item)}

        answer: dict[str, Any] = self._call("GetItem", get)
        return answer

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
        """Play the operation."""
        assert TableName == TABLE
        self._call("DeleteItem", lambda: self.items.pop(Key["id"]["S"], None))
