"""Check the guarantees of docs/guarantees.md with schedules for every fault and configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.fault_injection.invariants import Invariants
from tests.fault_injection.schedule import FAULT_PROFILES, SCHEDULES_IN_CYCLE, Schedule, run_all

#: Schedules in an ordinary run; FAULT_SCHEDULES=5000 makes a long one.
SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", SCHEDULES_IN_CYCLE))
EVENTS = 1000
_STEP = SCHEDULES_IN_CYCLE // 4

#: One process of pytest-xdist runs these tests, so that the schedules run once.
pytestmark = pytest.mark.xdist_group("schedules")


@pytest.fixture(scope="module")
def all_invariants() -> Iterator[list[Invariants]]:
    """Run all schedules in two processes; return the invariants of each range of seeds."""
    runs = [range(start, min(start + _STEP, SCHEDULES)) for start in range(0, SCHEDULES, _STEP)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield list(pool.map(run_all, runs, [EVENTS] * len(runs)))


def test_no_schedule_breaks_a_guarantee(all_invariants: list[Invariants]) -> None:
    """Every finding must be delivered according to its mode, dead-lettered with a reason, or counted."""
    assert [] == [violation for invariants in all_invariants for violation in invariants.violations]


def test_schedules_cover_every_outcome(all_invariants: list[Invariants]) -> None:
    """The schedules together must produce every outcome that the guarantees describe."""
    total = Invariants()
    for invariants in all_invariants:
        total.add(invariants)
    assert total.events >= SCHEDULES * EVENTS
    outcomes = (
        total.delivered,
        total.duplicates,
        total.suppressed,
        total.dead_lettered,
        total.redriven,
        total.not_found,
    )
    assert all(count > 0 for count in outcomes), outcomes


def test_seed_determines_the_schedule() -> None:
    """A seed must produce the same invariants each time, so that a failure can be reproduced."""
    seed = tuple(FAULT_PROFILES).index("everything")
    assert Schedule.of(seed, 300).run() == Schedule.of(seed, 300).run()
