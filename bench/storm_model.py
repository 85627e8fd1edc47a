"""A model of the routes in a storm: queues, pollers, invocations and AWS's rates, with simulated time.

Each poller of a route is a process that receives a batch, makes the calls of that batch, and deletes what was
delivered. A call takes a round trip, and processor time in proportion to the function's memory. A call above
a service's rate fails as botocore's mode standard does: one retry within a second. What then is not delivered
becomes visible again after the visibility timeout, and goes to the dead-letter queue in the end.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import tomllib
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.batches import Call, batch_of
from enricher.delivery.dedup_store import UNPROCESSED_WAITS
from enricher.destinations.base import TIMEOUTS
from tests.fault_injection.clock import START, Clock
from tests.fault_injection.hub_client import TokenBucket
from tests.fault_injection.injector import FaultInjector, Rates
from tests.fault_injection.queue import Queue
from tests.template.stack import Stack

QUOTAS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "quotas.toml").read_text(encoding="utf-8"))
#: Seconds until a poller looks again whether a message has become visible.
_POLL = 1.0
#: Messages of one ReceiveMessage and of one DeleteMessageBatch.
MESSAGES_PER_REQUEST = 10
_TABLE_CALLS = frozenset(("batch_get_item", "put_item", "batch_write_item"))


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a function needs. record, request: on a whole processor; the others as time passes.

    Measured with the SIEM route's handler and deduplication over TLS on a 2.3 GHz Xeon: 9 ms for a finding
    alone, 42 ms for ten (docs/performance.md). The round trips and the init are assumptions on the safe side.
    """

    record: float = 0.0015
    request: float = 0.002
    init: float = 0.5
    round_trips: tuple[tuple[str, float], ...] = (("dynamodb", 0.01), ("sns", 0.03), ("security_hub", 0.2))

    def round_trip(self, service: str) -> float:
        """Return the seconds of a request to a service."""
        return dict(self.round_trips)[service]


@dataclass(frozen=True, slots=True)
class RouteModel:
    """The numbers of a route in the template's units. destination: as in bench.batches."""

    destination: str
    batch: int
    window: float
    concurrency: int
    visibility: float
    delay: float
    max_receives: int
    memory: int
    timeout: float

    @classmethod
    def of(cls, destination: str) -> RouteModel:
        """Read a route's numbers from template.yaml."""
        hub = destination if destination in ("annotate", "import") else "off"
        stack = Stack(SecurityHubRoute=hub, NotificationRoute="text")
        name = {"siem": "Siem", "notification": "Notification"}.get(destination, "SecurityHub")
        function, queue = stack.function(name), stack.properties(f"{name}Queue")
        source = function["Events"]["Queue"]["Properties"]
        return cls(
            destination,
            source["BatchSize"],
            source.get("MaximumBatchingWindowInSeconds", 0),
            source["ScalingConfig"]["MaximumConcurrency"],
            queue["VisibilityTimeout"],
            float(queue.get("DelaySeconds", 0)),
            queue["RedrivePolicy"]["maxReceiveCount"],
            function["MemorySize"],
            function["Timeout"],
        )


@dataclass(slots=True)
class Outcome:
    """What became of a route's findings. last: seconds from the start of the storm to the last delivery.

    unprotected: findings forwarded without deduplication, as the table throttled; requests: by operation, and
    by what the service bills; billed: seconds of the function; stored: bytes added to the table.
    """

    sent: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    queued: int = 0
    last: float = 0.0
    invocations: int = 0
    billed: float = 0.0
    unprotected: int = 0
    stored: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    first_throttled: dict[str, float] = field(default_factory=dict)


class Account:
    """One account and Region with its rates, and the clock."""

    def __init__(self, region: str, seed: int = 0) -> None:
        self.random, self.clock = random.Random(seed), Clock()
        hub, table, sns = QUOTAS["security_hub"], QUOTAS["dynamodb"], QUOTAS["sns"]
        messages = sns["regions"].get(region, sns["messages"])
        self.invocations = QUOTAS["eventbridge"]["regions"].get(region, QUOTAS["eventbridge"]["invocations"])
        self.buckets = {
            "SNS messages": TokenBucket(messages, messages),
            "DynamoDB writes": TokenBucket(table["write"], table["write"]),
            "DynamoDB reads": TokenBucket(table["read"], table["read"]),
            "GetFindings": TokenBucket(hub["get"]["rate"], hub["get"]["burst"]),
            "BatchUpdateFindings": TokenBucket(hub["other"]["rate"], hub["other"]["burst"]),
            "BatchImportFindings": TokenBucket(hub["other"]["rate"], hub["other"]["burst"]),
        }
        self._processes: list[tuple[float, int, Iterator[float]]] = []
        self._numbers = itertools.count()

    def start(self, process: Iterator[float], at: float) -> None:
        """Start a process at a time; it yields the seconds that it waits."""
        heapq.heappush(self._processes, (at, next(self._numbers), process))

    def run(self) -> None:
        """Run until every process has ended."""
        while self._processes:
            self.clock.now, _, process = heapq.heappop(self._processes)
            wait = next(process, None)
            if wait is not None:
                # A process may have moved the clock itself: a poller to the last message of its batch.
                self.start(process, self.clock.now + wait)


#: Bucket and service of each operation.
_OPERATIONS = {
    "publish_batch": ("SNS messages", "sns"),
    "put_item": ("DynamoDB writes", "dynamodb"),
    "batch_write_item": ("DynamoDB writes", "dynamodb"),
    "batch_get_item": ("DynamoDB reads", "dynamodb"),
    "get_findings": ("GetFindings", "security_hub"),
    "batch_update_findings": ("BatchUpdateFindings", "security_hub"),
    "batch_import_findings": ("BatchImportFindings", "security_hub"),
}


class RunningRoute:
    """A route in an account."""

    def __init__(self, model: RouteModel, account: Account, cost: Cost, kinds: int) -> None:
        self.model, self.account, self.cost, self.kinds = model, account, cost, kinds
        self.outcome = Outcome()
        self.processors = min(1.0, model.memory / QUOTAS["lambda"]["processor_megabytes"])
        injector = FaultInjector(account.random, account.clock, Rates())
        self.queue = Queue(injector, model.visibility, model.max_receives, model.delay)

    def send(self, times: list[float]) -> None:
        """Send a finding at each of the times, and start the pollers, as Lambda adds them."""
        for number, at in enumerate(times):
            self.queue.send(str(number), at)
        self.outcome.sent = self.outcome.requests["sqs"] = len(times)
        quota = QUOTAS["lambda"]
        for number in range(self.model.concurrency):
            later = max(0, number + 1 - quota["batches"]) * 60 / quota["batches_per_minute"]
            self.account.start(self._poll(), times[0] + self.model.delay + later)

    def finish(self) -> Outcome:
        """Return what became of the findings, once the account has run."""
        self.outcome.dead_lettered, self.outcome.queued = (
            len(self.queue.dead_letters),
            len(self.queue.remaining),
        )
        return self.outcome

    def _poll(self) -> Iterator[float]:
        started, outcome = False, self.outcome
        while (visible := self.queue.next_visible()) is not None:
            if visible > self.account.clock.now:
                # In steps, since an invocation may return a message earlier or delete it.
                yield min(visible - self.account.clock.now, _POLL)
                continue
            records = yield from self._receive()
            requests = math.ceil(len(records) / MESSAGES_PER_REQUEST)
            if not started:
                outcome.billed += self.cost.init
                yield self.cost.init
                started = True
            start = self.account.clock.now
            failed = yield from self._invoke(len(records))
            for record in records[failed:]:
                self.queue.delete(record["receiptHandle"])
            outcome.requests["sqs"] += requests + math.ceil((len(records) - failed) / MESSAGES_PER_REQUEST)
            outcome.invocations += 1
            outcome.billed += self.account.clock.now - start
            if failed < len(records):
                outcome.delivered += len(records) - failed
                outcome.last = self.account.clock.now - START

    def _receive(self) -> Generator[float, None, list[dict[str, Any]]]:
        """Receive a batch: what is there, and what comes within the batching window while it is not full."""
        clock, size = self.account.clock, self.model.batch
        records = self.queue.receive(size)
        end = clock.now + self.model.window
        while len(records) < size and clock.now < end:
            visible = self.queue.next_visible()
            if visible is None or visible > clock.now:
                yield min(visible or end, end) - clock.now
            else:
                records += self.queue.receive(size - len(records))
        return records

    def _invoke(self, size: int) -> Generator[float, None, int]:
        """Make the calls of a batch; return how many of its records failed."""
        start, outcome = self.account.clock.now, self.outcome
        yield size * self.cost.record / self.processors
        batch = batch_of(self.model.destination, size, self.kinds)
        outcome.stored += batch.stored
        failed, table = 0, True
        for call in batch.calls:
            if call.operation in _TABLE_CALLS:
                if table and not (yield from self._call(call)):
                    # Fail open: the table is not used again for this batch.
                    table, outcome.unprotected = False, outcome.unprotected + size
            elif self.account.clock.now - start > self.model.timeout - TIMEOUTS.seconds:
                failed += call.items  # not attempted: not enough execution time remaining
            elif not (yield from self._call(call)):
                failed += call.items
        return min(failed, size)

    def _call(self, call: Call) -> Generator[float, None, bool]:
        """Make a call; return whether it succeeded."""
        bucket, service = _OPERATIONS[call.operation]
        # A throttled part of a batch of items is returned as unprocessed, and requested again by the code.
        waits = (
            UNPROCESSED_WAITS if call.operation.startswith("batch_") and service == "dynamodb" else (None,)
        )
        units = call.items if service in ("dynamodb", "sns") else 1
        for wait in (*waits, None)[: len(waits) + 1]:
            yield self.cost.request / self.processors + self.cost.round_trip(service)
            self.outcome.requests[call.operation] += 1
            if self.account.buckets[bucket].take(self.account.clock.now, units):
                self._bill(call, service)
                return True
            self.outcome.throttled[bucket] += 1
            self.outcome.first_throttled.setdefault(bucket, self.account.clock.now - START)
            yield self.account.random.random() if wait is None else wait
        return False

    def _bill(self, call: Call, service: str) -> None:
        if service == "dynamodb":
            kind = "read" if call.operation == "batch_get_item" else "write"
            self.outcome.requests[f"dynamodb {kind}"] += call.items
        elif service == "sns":
            self.outcome.requests["sns"] += math.ceil(call.size / 65_536)


def simulate(
    models: list[RouteModel], times: list[float], region: str, cost: Cost | None = None, kinds: int = 5
) -> dict[str, Outcome]:
    """Return the outcome of each route by its destination.

    times: when the findings occur, in seconds from the start, in order; kinds: how many different example
    findings are among them.
    """
    account = Account(region)
    routes = {model.destination: RunningRoute(model, account, cost or Cost(), kinds) for model in models}
    arrivals, free = list[float](), START
    for at in times:
        # EventBridge delays what exceeds its rate; each route is a target of its own.
        free = max(free, START + at) + len(models) / account.invocations
        arrivals.append(free)
    for route in routes.values():
        route.send(arrivals)
    account.run()
    return {name: route.finish() for name, route in routes.items()}
