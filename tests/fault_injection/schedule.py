"""One schedule: its findings and its faults are determined by its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from enricher.destinations.security_hub_annotate import product_arn
from tests.fault_injection.clock import START, simulated_time
from tests.fault_injection.findings import REGION, Update, make_updates
from tests.fault_injection.hub import Identity
from tests.fault_injection.injector import Rates
from tests.fault_injection.invariants import Invariants, check_invariants
from tests.fault_injection.simulation import Configuration, Simulation, build

HOUR = 3600.0

#: Fault profiles; each seed uses one and scales it.
CALM = Rates(copy=0.05)
FAULT_PROFILES = {
    "calm": CALM,
    "copies and lost responses": Rates(copy=0.2, ack_lost=0.1, concurrent=0.2, resend=0.1),
    "throttles": Rates(throttle=0.3, partial=0.05, copy=0.05),
    "errors": Rates(server_error=0.2, partial=0.1, copy=0.05),
    "timeouts": Rates(lost_request=0.1, lost_response=0.1, copy=0.05),
    "crashes": Rates(crash=0.15, copy=0.05),
    "table down": Rates(table_down=0.3, copy=0.1),
    "strange answers": Rates(block_page=0.1, plain_503=0.1, retry_after=0.1, refusal=0.02, copy=0.05),
    "everything": Rates(
        *(0.05, 0.05, 0.03, 0.03, 0.03, 0.05, 0.05, 0.05, 0.1, 0.03), *(0.03, 0.03, 0.03, 0.01, 0.03)
    ),
}
#: The profiles without faults of the destination.
RELIABLE = frozenset(("calm", "crashes", "table down"))
_CONFIGURATIONS = (
    Configuration("sns", "material"),
    Configuration("sns", "every"),
    Configuration("sns", "first"),
    Configuration("annotate"),
    Configuration("import", "material"),
    Configuration("sns", "every", has_table=False),
    Configuration("annotate", replaces=False),
    Configuration("sns", "material"),
)


#: So many consecutive seeds cover every pair of fault profile and configuration once.
SCHEDULES_IN_CYCLE = len(FAULT_PROFILES) * len(_CONFIGURATIONS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule.

    profile: a key of FAULT_PROFILES; events: number of events; spacing: minimum seconds between two updates
    of one finding.
    """

    seed: int
    profile: str
    configuration: Configuration
    rates: Rates
    events: int
    spacing: float

    @classmethod
    def of(cls, seed: int, events: int) -> Schedule:
        """Return the schedule of a seed; consecutive seeds cover all pairs of profile and configuration."""
        rng = random.Random(seed)
        profile = tuple(FAULT_PROFILES)[seed % len(FAULT_PROFILES)]
        configuration = _CONFIGURATIONS[seed // len(FAULT_PROFILES) % len(_CONFIGURATIONS)]
        scale = rng.choice((0.3, 1.0, 1.0, 1.8))
        rates = Rates(*(min(getattr(FAULT_PROFILES[profile], name) * scale, 0.6) for name in Rates.__slots__))
        return cls(
            seed, profile, configuration, rates, events, rng.choice((1.0, 60.0, 900.0, 6 * HOUR, 6 * HOUR))
        )

    @property
    def name(self) -> str:
        """Return route, update mode and fault profile."""
        configuration = self.configuration
        parts = (
            configuration.route,
            configuration.mode if configuration.route != "annotate" else "",
            "" if configuration.has_table else "no table",
        )
        return f"{' '.join(part for part in parts if part)}, {self.profile}"

    def run(self) -> Invariants:
        """Run the schedule and check its invariants."""
        simulation, updates = self.build()
        with simulated_time(simulation.injector.clock):
            simulation.send(updates)
            simulation.drain()
        return check_invariants(
            simulation,
            updates,
            self.configuration,
            in_order=self.spacing >= 6 * HOUR,
            reliable=self.profile in RELIABLE,
        )

    def build(self) -> tuple[Simulation, list[Update]]:
        """Return the simulation and the updates to send to it."""
        simulation = build(self.configuration, self.seed, self.rates)
        updates = make_updates(random.Random(self.seed), self.events, START, self.spacing)
        if self.configuration.route == "annotate":
            schedule_arrivals(simulation, updates, random.Random(self.seed))
        return simulation, updates


def schedule_arrivals(simulation: Simulation, updates: list[Update], rng: random.Random) -> None:
    """Set when GuardDuty's integration sends each finding: most in five minutes, some late, a few never."""
    at: dict[Identity, float] = {}
    for update in updates:
        key = (update.arn, product_arn("aws", REGION))
        if not update.updated_at or key in at:
            continue
        wait = rng.choice((30.0, 120.0, 240.0, 240.0, 290.0, 290.0, 900.0, 1400.0))
        at[key] = float("inf") if rng.random() < 0.03 else update.at + wait
        others = {f"team/{n}": "x" for n in range(rng.choice((0, 0, 0, 1, 3, 45)))}
        simulation.hub.findings[key] = {
            "Id": key[0], "ProductArn": key[1], "ArrivesAt": at[key],
            "Before": others, "UserDefinedFields": dict(others),
        }  # fmt: skip
    simulation.hub.visible = lambda key: simulation.injector.clock.now >= at[key]


def run_all(seeds: range, events: int) -> Invariants:
    """Run the schedules of many seeds; return the sum of their invariants; each violation names its seed."""
    total = Invariants()
    for seed in seeds:
        schedule = Schedule.of(seed, events)
        invariants = schedule.run()
        total.add(
            replace(
                invariants,
                violations=[
                    f"seed {seed} ({schedule.name}): {violation}" for violation in invariants.violations
                ],
            )
        )
    return total
