"""What one batch of a route asks of AWS, recorded from the route itself between fake services.

The storm and the monthly cost count these requests, so that they cannot differ from what the code does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from enricher.authoring.loader import read_mapping
from enricher.delivery.dedup_store import table_opener
from enricher.delivery.deduplication import DeduplicatingDestination
from enricher.delivery.pipeline import Route
from enricher.destinations.base import TIMEOUTS, Destination
from enricher.destinations.security_hub import RegionalClients
from enricher.destinations.security_hub_annotate import AnnotateDestination, product_arn
from enricher.destinations.security_hub_import import ImportDestination
from enricher.destinations.sns import SnsDestination
from enricher.formats import load_format
from enricher.mapping.model import AttackMapping
from tests.examples import event, names
from tests.fault_injection.clock import Clock
from tests.fault_injection.findings import ACCOUNT, REGION
from tests.fault_injection.hub import Hub
from tests.fault_injection.injector import FaultInjector, Rates
from tests.fault_injection.services import TABLE, TOPIC, Table
from tests.fault_injection.simulation import RecordingTelemetry

#: The size of a template's topic limit in bytes; a body is truncated to it.
_MESSAGE_LIMIT = 262_144
#: Bytes that DynamoDB bills for each item beside its names and values.
_ITEM_OVERHEAD = 100
#: Destinations by the name of their route here; the hub's two are one route of the template.
DESTINATIONS = ("siem", "notification", "annotate", "import")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. items: messages, items or findings in it; size: of the messages, in bytes."""

    operation: str
    items: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch asks for, in order. stored: bytes that it leaves in the deduplication table."""

    calls: tuple[Call, ...]
    stored: int


class _Recorder:
    """A client that records the calls to another one."""

    def __init__(self, client: object) -> None:
        self._client, self.calls = client, list[Call]()

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**request: Any) -> Any:
            self.calls.append(_call(name, request))
            return operation(**request)

        return call


class _Services:
    """A client of SNS and Security Hub without limits of rate; its methods are the operations."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def publish_batch(self, **request: Any) -> dict[str, Any]:
        return {"Successful": [{"Id": row["Id"]} for row in request["PublishBatchRequestEntries"]]}

    def get_findings(self, **request: Any) -> dict[str, Any]:
        return self._hub.get(request)

    def batch_update_findings(self, **request: Any) -> dict[str, Any]:
        return self._hub.update(request)

    def batch_import_findings(self, **request: Any) -> dict[str, Any]:
        return self._hub.import_findings(request)


#: How to count the items of a request, by operation; others have one.
_ITEMS: dict[str, Callable[[Any], int]] = {
    "publish_batch": lambda request: len(request["PublishBatchRequestEntries"]),
    "batch_get_item": lambda request: sum(len(it["Keys"]) for it in request["RequestItems"].values()),
    "batch_write_item": lambda request: sum(map(len, request["RequestItems"].values())),
    "get_findings": lambda request: len(request["Filters"]["Id"]),
    "batch_update_findings": lambda request: len(request["FindingIdentifiers"]),
    "batch_import_findings": lambda request: len(request["Findings"]),
}


def _call(name: str, request: dict[str, Any]) -> Call:
    entries = request.get("PublishBatchRequestEntries", ())
    size = sum(len(json.dumps(entry).encode()) for entry in entries)
    return Call(name, _ITEMS.get(name, lambda _: 1)(request), size)


@cache
def batch_of(destination: str, size: int, kinds: int) -> Batch:
    """Return what a batch of `size` new findings asks for; kinds: how many different findings are in it."""
    injector = FaultInjector(random.Random(0), Clock(), Rates())
    table, hub = Table(injector, lambda: False), Hub(ACCOUNT, REGION)
    client = _Recorder(_Services(hub))
    recorded_table = _Recorder(table)
    recorded_table.calls = client.calls  # in the order of all
    telemetry: Any = RecordingTelemetry()
    target = _destination(destination, client)
    if destination != "annotate":
        store: Any = recorded_table
        target = DeduplicatingDestination(
            target, table_opener(store, TABLE, destination), "material", telemetry, telemetry
        )
    route = Route(_mapping(), None, target, None, telemetry, telemetry)
    records = [_record(number, kinds) for number in range(size)]
    for record in records:
        arn = json.loads(record["body"])["detail"]["arn"]
        identity = arn, product_arn("aws", REGION)
        hub.findings[identity] = {"Id": arn, "ProductArn": identity[1], "UserDefinedFields": {}}
    failed = route.run(records, lambda: 58.0)
    assert not failed, failed
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    stored = sum(
        _ITEM_OVERHEAD + sum(len(name) + len(*value.values()) for name, value in item.items())
        for item in table.items.values()
    )
    return Batch(tuple(client.calls), stored)


def _destination(name: str, client: Any) -> Destination:
    hubs = RegionalClients(lambda _: client)
    match name:
        case "annotate":
            return AnnotateDestination(hubs, TIMEOUTS.seconds)
        case "import":
            return ImportDestination(hubs, ACCOUNT, TIMEOUTS.seconds)
        case _:
            text = name == "notification"
            render = load_format("text" if text else "guardduty")
            return SnsDestination(client, TOPIC, render, _MESSAGE_LIMIT, TIMEOUTS.seconds, subject=text)


@cache
def _mapping() -> AttackMapping:
    return read_mapping()


@cache
def _chosen(kinds: int) -> Sequence[str]:
    """Return the names of `kinds` example events, spread over all of them."""
    every = [name for name in names() if isinstance(event(name)["detail"].get("updatedAt"), str)]
    return [every[number * len(every) // kinds] for number in range(kinds)]


def _record(number: int, kinds: int) -> dict[str, Any]:
    """Return the SQS record of a finding that differs from every other by its id."""
    arn = f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/d0/finding/{number:032x}"
    changes = {"id": f"{number:032x}", "arn": arn, "accountId": ACCOUNT, "region": REGION, "partition": "aws"}
    body = event(_chosen(kinds)[number % kinds], **changes)
    body["detail"].get("service", {}).pop("archived", None)
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"h{number}",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": "1"},
    }
