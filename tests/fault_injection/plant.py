"""Run the real route between a played queue and a played destination, and note what an auditor would ask."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

from enricher.delivery.dedup_store import opener
from enricher.delivery.deduplication import QuietRepeats
from enricher.delivery.pipeline import Route
from enricher.delivery.source_queue import SourceQueue
from enricher.destinations.base import Destination, Remedy
from enricher.destinations.security_hub import Hubs
from enricher.destinations.security_hub_annotate import AnnotateDestination
from enricher.destinations.security_hub_import import ImportDestination
from enricher.destinations.sns import SnsDestination
from enricher.formats import load_format
from tests.fault_injection.clock import Clock
from tests.fault_injection.findings import ACCOUNT, REGION, Update, small_mapping
from tests.fault_injection.hub import Hub
from tests.fault_injection.hub_client import HubClient
from tests.fault_injection.queue import DEAD_LETTER_URL, URL, Queue
from tests.fault_injection.services import TABLE, TOPIC, Table, Topic
from tests.fault_injection.weather import Crash, Rates, Weather, crash_at

#: The function's time limit and what handler.py keeps of it, in seconds; a call as settings.py bounds it.
TIMEOUT, RESERVE, CALL_SECONDS = 60.0, 2.0, 22.0


class Witness:
    """Be logger and metrics, and remember what the ledger needs of both."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.let_go: list[str] = []
        self.skipped: list[str] = []

    def add_metric(self, name: str, unit: object, value: float) -> None:
        """Count."""
        del unit, value
        self.counted[name] += 1

    def info(self, message: str, extra: dict[str, Any]) -> None:
        """Note what was held back, and what was let go."""
        if message == "not forwarded":
            if extra["remedy"] is Remedy.LET_GO:
                self.let_go.append(extra["record"])
            elif extra["remedy"] is Remedy.SKIP:
                self.skipped.append(extra["record"])

    warning = error = info

    def exception(self, message: str, extra: dict[str, Any] | None = None) -> None:
        """Fail loudly: no fault of a schedule may end in the code's last resort, but for a failed remedy."""
        if message != "remedy failed":
            raise AssertionError(message) from None
        del extra


@dataclass(slots=True)
class Plant:
    """Hold a function with all around it. license: deliveries beyond its first that an update may have."""

    weather: Weather
    queue: Queue
    topic: Topic
    hub: Hub
    hub_client: HubClient
    table: Table
    witness: Witness
    route: Route
    batch: int
    window: float
    by_body: dict[str, Update] = field(default_factory=dict)
    license: Counter[str] = field(default_factory=Counter)
    invocations: int = 0
    intruded: int = 0
    _running: list[dict[str, Any]] = field(default_factory=list)
    _nested: bool = False

    def feed(self, updates: Sequence[Update]) -> None:
        """Send the events, some of them twice."""
        for update in updates:
            self.by_body[update.body] = update
            self.queue.send(update.body, update.at)
            if self.weather.strikes(self.weather.rates.copy):
                self.queue.send(update.body, update.at + self.weather.random.random() * 900)

    def drain(self) -> None:
        """Invoke until the queue is empty."""
        while records := self.queue.receive(self.batch, self.window):
            self.invoke(records)

    def invoke(self, records: list[dict[str, Any]], line: int = 0) -> list[str] | None:
        """Invoke once as Lambda does; None if the function was killed. line: kill it there."""
        self.invocations += 1
        outer = (self._running, self.weather.deadline, self.witness.counted["RepeatsTableUnusable"])
        self._running, self.weather.deadline = records, self.weather.clock.now + TIMEOUT
        if not line and self.weather.strikes(self.weather.rates.crash):
            line = self.weather.random.randrange(1, 40 * len(records) + 40)
        weather = self.weather
        try:
            with crash_at(line) if line else nullcontext():
                failed = self.route.run(records, lambda: weather.deadline - weather.clock.now - RESERVE)
        except Crash:
            self._allow(records)
            return None
        finally:
            if self.witness.counted["RepeatsTableUnusable"] > outer[2]:
                self._allow(records)
            self._running, self.weather.deadline = outer[:2]
        if self.weather.strikes(self.weather.rates.ack_lost):
            return None
        for record in records:
            if record["messageId"] not in failed:
                self.queue.delete(record["receiptHandle"])
        return failed

    def intrude(self) -> None:
        """Let a second invocation get some of the same messages while the first is under way."""
        if self._nested or not self._running or not self.weather.strikes(self.weather.rates.intrusion):
            return
        records = self.queue.copies(self.weather.random.sample(self._running, min(3, len(self._running))))
        if records:
            start, self._nested = self.weather.clock.now, True
            self.intruded += 1
            self._allow_findings(records)
            self.invoke(records)
            # The two run at the same time: what the second takes is not taken from the first.
            self.weather.deadline += self.weather.clock.now - start
            self._nested = False

    def _allow(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            if update := self.by_body.get(record["body"]):
                self.license[update.dedup_id] += 1
                self.license[update.arn] += 1

    def _allow_findings(self, records: list[dict[str, Any]]) -> None:
        for arn in {update.arn for record in records if (update := self.by_body.get(record["body"]))}:
            self.license[arn] += 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Say how a plant is built. route: sns, annotate or import; delay and visibility in seconds."""

    route: str = "sns"
    mode: str = "material"
    has_table: bool = True
    replaces: bool = True


@lru_cache(maxsize=16)
def draw_outage(seed: int, quarter: int) -> float:
    """Give the chance of a quarter of an hour, from 0 to 1, that the table is down in it."""
    return random.Random(f"{seed}/{quarter}").random()


def build(layout: Layout, seed: int, rates: Rates) -> Plant:
    """Build a plant, all its chances from one seed."""
    clock = Clock()
    weather = Weather(random.Random(seed), clock, rates)
    is_hub = layout.route != "sns"
    queue = Queue(weather, 390.0 if is_hub else 360.0, 16 if is_hub else 10, 300.0 if is_hub else 0.0)
    hub = Hub(ACCOUNT, REGION, layout.replaces)
    topic, hub_client = Topic(weather), HubClient(hub, weather)
    table = Table(weather, lambda: draw_outage(seed, int(clock.now / 900)) < rates.table_down)
    witness: Any = Witness()
    sink: Any = {"sns": topic}.get(layout.route, hub_client)
    target = _target(layout.route, sink)
    if layout.has_table and layout.route != "annotate":
        # moto is not asked here: the client is the played table.
        layer = DynamoDBPersistenceLayer(TABLE, boto3_client=table)  # type: ignore[arg-type]
        target = QuietRepeats(target, opener(layer, layout.route), layout.mode, witness, witness)
    source: Any = queue
    route = Route(small_mapping(), None, target, SourceQueue(source, URL, DEAD_LETTER_URL), witness, witness)
    plant = Plant(
        weather,
        queue,
        topic,
        hub,
        hub_client,
        table,
        witness,
        route,
        100 if is_hub else 10,
        30.0 if is_hub else 0.0,
    )
    topic.on_call = hub_client.on_call = plant.intrude
    return plant


def _target(name: str, client: Any) -> Destination:
    if name == "sns":
        return SnsDestination(client, TOPIC, load_format("guardduty"), 262_144, CALL_SECONDS)
    hubs = Hubs(lambda _: client)
    if name == "annotate":
        return AnnotateDestination(hubs, CALL_SECONDS)
    return ImportDestination(hubs, ACCOUNT, CALL_SECONDS)
