"""Kill the function at every line between receiving a batch and answering for it."""

from __future__ import annotations

import json
import random

import pytest

from tests.fault_injection.clock import START, all_read
from tests.fault_injection.findings import POISON, Update, make_updates
from tests.fault_injection.ledger import Books, balance
from tests.fault_injection.plant import Layout, Plant, build
from tests.fault_injection.schedule import appear
from tests.fault_injection.weather import Rates, crash_at

LAYOUTS = [
    Layout("sns", "material"),
    Layout("sns", "every"),
    Layout("sns", "first"),
    Layout("sns", "every", has_table=False),
    Layout("annotate"),
    Layout("import", "material"),
]
IDS = ["material", "every", "first", "no table", "annotate", "import"]


def prepare(layout: Layout) -> tuple[Plant, list[Update]]:
    """Build a plant with a batch that meets every branch: news, a repeat, a copy, poison."""
    plant = build(layout, 1, Rates())
    updates = [update for update in make_updates(random.Random(11), 12, START, 0) if update.arn][:4]
    updates.append(Update("", "", START, POISON[1]))
    if layout.route == "annotate":
        appear(plant, updates, random.Random(5))
    plant.feed(updates)
    plant.queue.send(updates[0].body, START)
    return plant, updates


def run_with_crash(layout: Layout, line: int) -> tuple[Books, bool]:
    """Kill the first invocation at a line, let the queue do the rest; tell whether it was killed."""
    plant, updates = prepare(layout)
    with all_read(plant.weather.clock):
        plant.weather.clock.advance(3600)
        killed = plant.invoke(plant.queue.receive(10), line) is None
        plant.drain()
    return balance(plant, updates, layout), killed


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_killed_at_any_line_nothing_is_lost(layout: Layout) -> None:
    """Wherever the first invocation is killed, every finding must end delivered or dead with its reason."""
    line, faults = 1, list[str]()
    while True:
        books, killed = run_with_crash(layout, line)
        faults += [f"line {line}: {fault}" for fault in books.faults]
        if not killed:
            break
        line += 1
    assert [] == faults
    # Killed at every line, and there were lines: without a count the loop could have ended at once.
    assert line > 100


def count_repeats(line: int) -> int:
    """Give how many deliveries beyond the first a crash at `line` costs in mode every."""
    books, _ = run_with_crash(Layout("sns", "every"), line)
    return books.duplicates


def test_only_the_window_between_publish_and_mark_repeats() -> None:
    """A kill before the publish, or after the last mark, must cost no second delivery; one in between may."""
    plant, _ = prepare(Layout("sns", "every"))
    published: list[int] = []
    with all_read(plant.weather.clock), crash_at(-1) as count:
        plant.topic.on_call = lambda: published.append(count[0])
        plant.weather.clock.advance(3600)
        plant.route.run(plant.queue.receive(10), lambda: 50.0)
    last = count[0]
    before, after = published[0], last - 1
    assert [0, 0] == [count_repeats(before - 1), count_repeats(after)]
    assert count_repeats(before + 4) > 0


def test_batch_is_hard_enough() -> None:
    """The batch that is killed must hold news, a repeat of it and poison."""
    plant, updates = prepare(Layout("sns", "every"))
    with all_read(plant.weather.clock):
        plant.weather.clock.advance(3600)
        plant.invoke(plant.queue.receive(10))
    counted = plant.witness.counted
    assert {"Refused": 1, "Suppressed": 1, "Forwarded": 4} == {
        name: counted[name] for name in ("Refused", "Suppressed", "Forwarded")
    }
    assert json.loads(updates[0].body)["detail"]["arn"] == updates[0].arn
