"""Kill the function at every line between receiving a batch and returning the failed records."""

from __future__ import annotations

import json
import random

import pytest

from tests.fault_injection.clock import START, simulated_time
from tests.fault_injection.findings import INVALID_MESSAGES, Update, make_updates
from tests.fault_injection.injector import Rates, crash_at
from tests.fault_injection.invariants import Invariants, check_invariants
from tests.fault_injection.schedule import schedule_arrivals
from tests.fault_injection.simulation import Configuration, Simulation, build

CONFIGURATIONS = [
    Configuration("sns", "material"),
    Configuration("sns", "every"),
    Configuration("sns", "first"),
    Configuration("sns", "every", has_table=False),
    Configuration("annotate"),
    Configuration("import", "material"),
]
IDS = ["material", "every", "first", "no table", "annotate", "import"]


def prepare(configuration: Configuration) -> tuple[Simulation, list[Update]]:
    """Return a simulation with a batch for every branch: updates of findings, a copy, an invalid message."""
    simulation = build(configuration, 1, Rates())
    updates = [update for update in make_updates(random.Random(11), 12, START, 0) if update.arn][:4]
    updates.append(Update("", "", START, INVALID_MESSAGES[1]))
    if configuration.route == "annotate":
        schedule_arrivals(simulation, updates, random.Random(5))
    simulation.send(updates)
    simulation.queue.send(updates[0].body, START)
    return simulation, updates


def run_with_crash(configuration: Configuration, line: int) -> tuple[Invariants, bool]:
    """Kill the first invocation at a line, then drain the queue; return whether it was killed."""
    simulation, updates = prepare(configuration)
    with simulated_time(simulation.injector.clock):
        simulation.injector.clock.advance(3600)
        killed = simulation.invoke(simulation.queue.receive(10), line) is None
        simulation.drain()
    return check_invariants(simulation, updates, configuration), killed


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=IDS)
def test_no_finding_is_lost_when_killed_at_any_line(configuration: Configuration) -> None:
    """Wherever the first invocation is killed, every finding must be delivered or dead-lettered."""
    line, violations = 1, list[str]()
    while True:
        invariants, killed = run_with_crash(configuration, line)
        violations += [f"line {line}: {violation}" for violation in invariants.violations]
        if not killed:
            break
        line += 1
    assert [] == violations
    # Without a minimum, the test would also pass if no line was counted.
    assert line > 100


def count_duplicates(line: int) -> int:
    """Return the number of duplicates after a crash at `line` in mode every."""
    invariants, _ = run_with_crash(Configuration("sns", "every"), line)
    return invariants.duplicates


def test_only_a_kill_between_publish_and_mark_causes_a_duplicate() -> None:
    """A kill before the publish or after the last table write must cause no duplicate; one in between may."""
    simulation, _ = prepare(Configuration("sns", "every"))
    published: list[int] = []
    with simulated_time(simulation.injector.clock), crash_at(-1) as count:
        simulation.topic.on_call = lambda: published.append(count[0])
        simulation.injector.clock.advance(3600)
        simulation.route.run(simulation.queue.receive(10), lambda: 50.0)
    last = count[0]
    before, after = published[0], last - 1
    assert [0, 0] == [count_duplicates(before - 1), count_duplicates(after)]
    assert count_duplicates(before + 4) > 0


def test_batch_covers_every_branch() -> None:
    """The batch must contain updates to forward, a duplicate and an invalid message."""
    simulation, updates = prepare(Configuration("sns", "every"))
    with simulated_time(simulation.injector.clock):
        simulation.injector.clock.advance(3600)
        simulation.invoke(simulation.queue.receive(10))
    counted = simulation.telemetry.counted
    assert {"InvalidMessage": 1, "DuplicateSuppressed": 1, "Forwarded": 4} == {
        name: counted[name] for name in ("InvalidMessage", "DuplicateSuppressed", "Forwarded")
    }
    assert json.loads(updates[0].body)["detail"]["arn"] == updates[0].arn
