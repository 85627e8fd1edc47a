"""Run the real route between a fake queue and a fake destination, and record what the invariants need."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unittest.mock import patch

from enricher.delivery import pipeline
from enricher.delivery.dedup_store import table_opener
from enricher.delivery.deduplication import DeduplicatingDestination
from enricher.delivery.pipeline import Route
from enricher.delivery.source_queue import SourceQueue
from enricher.destinations.base import TIMEOUTS, Destination, Remedy
from enricher.destinations.security_hub import RegionalClients
from enricher.destinations.security_hub_annotate import AnnotateDestination
from enricher.destinations.security_hub_import import ImportDestination
from enricher.destinations.sns import SnsDestination
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.mapping.model import AttackMapping
from tests.fault_injection.clock import Clock
from tests.fault_injection.findings import ACCOUNT, REGION, Update, small_mapping
from tests.fault_injection.hub import Hub
from tests.fault_injection.hub_client import HubClient
from tests.fault_injection.injector import Crash, FaultInjector, Rates, crash_at
from tests.fault_injection.queue import DEAD_LETTER_URL, URL, Queue
from tests.fault_injection.services import TABLE, TOPIC, Table, Topic

#: The function's timeout, the reserve of handler.py, and the longest call to a destination, in seconds.
TIMEOUT, RESERVE, CALL_SECONDS = 60.0, 2.0, TIMEOUTS.seconds


_ENRICHED: dict[str, EnrichedFinding] = {}


def enrich_once(finding: Finding, _: AttackMapping, __: str | None = None) -> EnrichedFinding:
    """Enrich a finding with the small mapping, each one once.

    Most messages of a simulation come again, and what is tested is their delivery: enriching them each time
    took most of its time.
    """
    key = repr(finding.event)
    if key not in _ENRICHED:
        if len(_ENRICHED) > 5_000:
            _ENRICHED.clear()
        _ENRICHED[key] = enrich(finding, small_mapping())
    return _ENRICHED[key]


class RecordingTelemetry:
    """A logger and metrics that record what the invariants need."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.discarded: list[str] = []
        self.skipped: list[str] = []

    def add_metric(self, name: str, unit: object, value: float) -> None:
        """Count the metric."""
        del unit, value
        self.counted[name] += 1

    def info(self, message: str, extra: dict[str, Any]) -> None:
        """Record the ids of skipped and discarded records."""
        if message == "not forwarded":
            if extra["remedy"] is Remedy.DISCARD:
                self.discarded.append(extra["record"])
            elif extra["remedy"] is Remedy.SKIP:
                self.skipped.append(extra["record"])

    warning = error = info

    def exception(self, message: str, extra: dict[str, Any] | None = None) -> None:
        """Fail: no injected fault may raise an unexpected error, other than in a remedy."""
        if message != "remedy failed":
            raise AssertionError(message) from None
        del extra


@dataclass(slots=True)
class Simulation:
    """A function with the services around it.

    allowed_duplicates: the number of further deliveries that faults allow, by dedupId and by ARN; resent: the
    number of messages of the resend, likewise; batch, window: batch size and batching window (seconds) of the
    event source mapping.
    """

    injector: FaultInjector
    queue: Queue
    topic: Topic
    hub: Hub
    hub_client: HubClient
    table: Table
    telemetry: RecordingTelemetry
    route: Route
    batch: int
    window: float
    by_body: dict[str, Update] = field(default_factory=dict)
    allowed_duplicates: Counter[str] = field(default_factory=Counter)
    resent: Counter[str] = field(default_factory=Counter)
    invocations: int = 0
    concurrent: int = 0
    _running: list[dict[str, Any]] = field(default_factory=list)
    _nested: bool = False

    def send(self, updates: Sequence[Update]) -> None:
        """Send the events to the queue, some of them twice."""
        for update in updates:
            self.by_body[update.body] = update
            self.queue.send(update.body, update.at)
            if self.injector.occurs(self.injector.rates.copy):
                self.queue.send(update.body, update.at + self.injector.random.random() * 900)
            if update.updated_at and self.injector.occurs(self.injector.rates.resend):
                self.queue.send(update.body, update.at + self.injector.random.random() * 86_400, "run")
                self.resent[update.dedup_id] += 1
                self.resent[update.arn] += 1

    def drain(self) -> None:
        """Invoke the function until the queue is empty."""
        while records := self.queue.receive(self.batch, self.window):
            self.invoke(records)

    def invoke(self, records: list[dict[str, Any]], line: int = 0) -> list[str] | None:
        """Invoke the function as Lambda does.

        Return the failed message ids, None if the function was killed or its response was lost. line: the
        executed line to kill it at, 0 for none.
        """
        self.invocations += 1
        outer = (
            self._running,
            self.injector.deadline,
            self.telemetry.counted["DeduplicationUnavailable"],
        )
        self._running, self.injector.deadline = records, self.injector.clock.now + TIMEOUT
        if not line and self.injector.occurs(self.injector.rates.crash):
            line = self.injector.random.randrange(1, 40 * len(records) + 40)
        injector = self.injector
        try:
            with patch.object(pipeline, "enrich", enrich_once), crash_at(line) if line else nullcontext():
                failed = self.route.run(records, lambda: injector.deadline - injector.clock.now - RESERVE)
        except Crash:
            self._allow(records)
            return None
        finally:
            if self.telemetry.counted["DeduplicationUnavailable"] > outer[2]:
                self._allow(records)
            self._running, self.injector.deadline = outer[:2]
        if self.injector.occurs(self.injector.rates.ack_lost):
            return None
        for record in records:
            if record["messageId"] not in failed:
                self.queue.delete(record["receiptHandle"])
        return failed

    def invoke_concurrently(self) -> None:
        """Run a second invocation with some of the same messages while the first is running."""
        if self._nested or not self._running or not self.injector.occurs(self.injector.rates.concurrent):
            return
        records = self.queue.receive_again(
            self.injector.random.sample(self._running, min(3, len(self._running)))
        )
        if records:
            start, self._nested = self.injector.clock.now, True
            self.concurrent += 1
            self._allow_findings(records)
            self.invoke(records)
            # Both run at the same time: the second uses no execution time of the first.
            self.injector.deadline += self.injector.clock.now - start
            self._nested = False

    def _allow(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            if update := self.by_body.get(record["body"]):
                self.allowed_duplicates[update.dedup_id] += 1
                self.allowed_duplicates[update.arn] += 1

    def _allow_findings(self, records: list[dict[str, Any]]) -> None:
        for arn in {update.arn for record in records if (update := self.by_body.get(record["body"]))}:
            self.allowed_duplicates[arn] += 1


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a simulation is built.

    route: sns, annotate or import; mode: as UPDATES; has_table: with deduplication; replaces: as in Hub.
    """

    route: str = "sns"
    mode: str = "material"
    has_table: bool = True
    replaces: bool = True


@lru_cache(maxsize=16)
def draw_outage(seed: int, quarter: int) -> float:
    """Return a random number in 0 to 1 for a quarter of an hour; below the rate, the table is down."""
    return random.Random(f"{seed}/{quarter}").random()


def build(configuration: Configuration, seed: int, rates: Rates) -> Simulation:
    """Build a simulation; all its random decisions follow from one seed."""
    clock = Clock()
    injector = FaultInjector(random.Random(seed), clock, rates)
    is_hub = configuration.route != "sns"
    queue = Queue(injector, 390.0 if is_hub else 360.0, 16 if is_hub else 10, 300.0 if is_hub else 0.0)
    hub = Hub(ACCOUNT, REGION, configuration.replaces)
    topic, hub_client = Topic(injector), HubClient(hub, injector)
    table = Table(injector, lambda: draw_outage(seed, int(clock.now / 900)) < rates.table_down)
    telemetry: Any = RecordingTelemetry()
    sink: Any = {"sns": topic}.get(configuration.route, hub_client)
    target = _target(configuration.route, sink)
    if configuration.has_table and configuration.route != "annotate":
        client: Any = table  # without moto: the fake table is the client
        open_table = table_opener(client, TABLE, configuration.route)
        target = DeduplicatingDestination(target, open_table, configuration.mode, telemetry, telemetry)
    source: Any = queue
    route = Route(
        small_mapping(), None, target, SourceQueue(source, URL, DEAD_LETTER_URL), telemetry, telemetry
    )
    simulation = Simulation(
        injector,
        queue,
        topic,
        hub,
        hub_client,
        table,
        telemetry,
        route,
        100 if is_hub else 10,
        30.0 if is_hub else 0.0,
    )
    topic.on_call = hub_client.on_call = simulation.invoke_concurrently
    return simulation


def _target(name: str, client: Any) -> Destination:
    if name == "sns":
        return SnsDestination(client, TOPIC, load_format("guardduty"), 262_144, CALL_SECONDS)
    hubs = RegionalClients(lambda _: client)
    if name == "annotate":
        return AnnotateDestination(hubs, CALL_SECONDS)
    return ImportDestination(hubs, ACCOUNT, CALL_SECONDS)
