"""Run one schedule: everything in it, from the findings to the faults, follows from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from enricher.destinations.security_hub_annotate import product_arn
from tests.fault_injection.clock import START, all_read
from tests.fault_injection.findings import REGION, Update, make_updates
from tests.fault_injection.hub import Identity
from tests.fault_injection.ledger import Books, balance
from tests.fault_injection.plant import Layout, Plant, build
from tests.fault_injection.weather import Rates

HOUR = 3600.0

#: Kinds of bad day; each seed takes one, and scales it.
CALM = Rates(copy=0.05)
DAYS = {
    "calm": CALM,
    "copies and lost answers": Rates(copy=0.2, ack_lost=0.1, intrusion=0.2),
    "throttles": Rates(throttle=0.3, partial=0.05, copy=0.05),
    "errors": Rates(server_error=0.2, partial=0.1, copy=0.05),
    "time-outs": Rates(lost_before=0.1, lost_after=0.1, copy=0.05),
    "crashes": Rates(crash=0.15, copy=0.05),
    "table down": Rates(table_down=0.3, copy=0.1),
    "everything": Rates(0.05, 0.05, 0.03, 0.03, 0.03, 0.05, 0.05, 0.05, 0.1, 0.03),
}
#: On these the destination itself works.
GENTLE = frozenset(("calm", "crashes", "table down"))
_LAYOUTS = (
    Layout("sns", "material"),
    Layout("sns", "every"),
    Layout("sns", "first"),
    Layout("annotate"),
    Layout("import", "material"),
    Layout("sns", "every", has_table=False),
    Layout("annotate", replaces=False),
    Layout("sns", "material"),
)


#: So many seeds in a row show every pair of day and layout once.
SCHEDULES_IN_CYCLE = len(DAYS) * len(_LAYOUTS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hold one schedule. spacing: seconds between two updates of one finding, at the least."""

    seed: int
    day: str
    layout: Layout
    rates: Rates
    events: int
    spacing: float

    @classmethod
    def of(cls, seed: int, events: int) -> Schedule:
        """Draw the schedule of a seed: every pair of day and layout comes up in turn."""
        chance = random.Random(seed)
        day = tuple(DAYS)[seed % len(DAYS)]
        layout = _LAYOUTS[seed // len(DAYS) % len(_LAYOUTS)]
        scale = chance.choice((0.3, 1.0, 1.0, 1.8))
        rates = Rates(*(min(getattr(DAYS[day], name) * scale, 0.6) for name in Rates.__slots__))
        return cls(seed, day, layout, rates, events, chance.choice((1.0, 60.0, 900.0, 6 * HOUR, 6 * HOUR)))

    @property
    def name(self) -> str:
        """Name what kind of schedule it is."""
        layout = self.layout
        parts = (
            layout.route,
            layout.mode if layout.route != "annotate" else "",
            "" if layout.has_table else "no table",
        )
        return f"{' '.join(part for part in parts if part)}, {self.day}"

    def run(self) -> Books:
        """Run it and balance the books."""
        plant, updates = self.build()
        with all_read(plant.weather.clock):
            plant.feed(updates)
            plant.drain()
        return balance(
            plant, updates, self.layout, in_order=self.spacing >= 6 * HOUR, gentle=self.day in GENTLE
        )

    def build(self) -> tuple[Plant, list[Update]]:
        """Build the plant and the findings that will be fed to it."""
        plant = build(self.layout, self.seed, self.rates)
        updates = make_updates(random.Random(self.seed), self.events, START, self.spacing)
        if self.layout.route == "annotate":
            appear(plant, updates, random.Random(self.seed))
        return plant, updates


def appear(plant: Plant, updates: list[Update], chance: random.Random) -> None:
    """Let GuardDuty's own integration bring the findings: most in five minutes, some late, a few never."""
    at: dict[Identity, float] = {}
    for update in updates:
        key = (update.arn, product_arn("aws", REGION))
        if not update.updated_at or key in at:
            continue
        wait = chance.choice((30.0, 120.0, 240.0, 240.0, 290.0, 290.0, 900.0, 1400.0))
        at[key] = float("inf") if chance.random() < 0.03 else update.at + wait
        theirs = {f"team/{n}": "x" for n in range(chance.choice((0, 0, 0, 1, 3, 45)))}
        plant.hub.findings[key] = {
            "Id": key[0], "ProductArn": key[1], "AppearsAt": at[key],
            "Before": theirs, "UserDefinedFields": dict(theirs),
        }  # fmt: skip
    plant.hub.visible = lambda key: plant.weather.clock.now >= at[key]


def run_all(seeds: range, events: int) -> Books:
    """Run the schedules of many seeds and give their sum; a fault names its seed."""
    total = Books()
    for seed in seeds:
        schedule = Schedule.of(seed, events)
        books = schedule.run()
        total.add(
            replace(books, faults=[f"seed {seed} ({schedule.name}): {fault}" for fault in books.faults])
        )
    return total
