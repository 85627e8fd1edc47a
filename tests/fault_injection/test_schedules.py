"""Hold the promises of docs/guarantees.md against several hundred schedules of faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.fault_injection.ledger import Books
from tests.fault_injection.schedule import DAYS, SCHEDULES_IN_CYCLE, Schedule, run_all

#: Schedules in an ordinary run; FAULT_SCHEDULES=5000 makes it a long one.
SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", 4 * SCHEDULES_IN_CYCLE))
EVENTS = 2000
_STEP = SCHEDULES_IN_CYCLE // 4


@pytest.fixture(scope="module")
def all_books() -> Iterator[list[Books]]:
    """Run all schedules, on two processes."""
    runs = [range(start, min(start + _STEP, SCHEDULES)) for start in range(0, SCHEDULES, _STEP)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield list(pool.map(run_all, runs, [EVENTS] * len(runs)))


def test_no_schedule_breaks_a_promise(all_books: list[Books]) -> None:
    """Every finding must end delivered as its mode wants, dead with a reason, or counted."""
    assert [] == [fault for books in all_books for fault in books.faults]


def test_schedules_are_hard_enough(all_books: list[Books]) -> None:
    """The schedules together must have met everything that the promises are about."""
    total = Books()
    for books in all_books:
        total.add(books)
    assert total.events >= SCHEDULES * EVENTS
    met = (
        total.delivered,
        total.duplicates,
        total.suppressed,
        total.dead,
        total.redriven,
        total.never_appeared,
    )
    assert all(count > 0 for count in met), met


def test_seed_is_the_whole_schedule() -> None:
    """A seed must give the same books each time, or a failure could not be looked into."""
    seed = tuple(DAYS).index("everything")
    assert Schedule.of(seed, 300).run() == Schedule.of(seed, 300).run()
