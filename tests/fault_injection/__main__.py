"""Run schedules and print the report: `python -m tests.fault_injection [--schedules N] [--events N]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.fault_injection.invariants import Invariants
from tests.fault_injection.schedule import SCHEDULES_IN_CYCLE, Schedule

_COLUMNS = (
    ("route, fault profile", 42), ("runs", 5), ("events", 8), ("findings", 9), ("delivered", 10),
    ("duplicates", 11),
    ("suppressed", 11), ("dead-lettered", 14), ("not found", 10), ("calls/100", 10), ("violations", 11),
)  # fmt: skip


def write(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str]) -> int:
    """Run the schedules, print the report; return 1 if a guarantee was violated, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--schedules", type=int, default=SCHEDULES_IN_CYCLE, help="how many seeds to run")
    parser.add_argument("--events", type=int, default=2000, help="how many events in each")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args(arguments)
    rows: dict[str, tuple[int, Invariants]] = {}
    total, start = Invariants(), time.perf_counter()
    for seed in range(options.first, options.first + options.schedules):
        schedule = Schedule.of(seed, options.events)
        invariants = schedule.run()
        invariants = replace(
            invariants, violations=[f"seed {seed}: {violation}" for violation in invariants.violations]
        )
        runs, sum_of_row = rows.setdefault(schedule.name, (0, Invariants()))
        sum_of_row.add(invariants)
        rows[schedule.name] = (runs + 1, sum_of_row)
        total.add(invariants)
    write(
        "".join(
            f"{name:<{width}}" if not index else f"{name:>{width}}"
            for index, (name, width) in enumerate(_COLUMNS)
        )
    )
    for name in sorted(rows):
        write(_row(name, *rows[name]))
    write(_row("all", options.schedules, total))
    write(
        "\nduplicates: further deliveries of an update, each after a fault that hid the first one"
        "\nsuppressed: duplicates and updates without a material change"
        "\ndead-lettered: in the dead-letter queue with a reason "
        f"({total.redriven} of {total.dead_lettered} by redrive)"
        "\nnot found: not in Security Hub within half an hour"
        f"\n{time.perf_counter() - start:.0f} s"
    )
    for violation in total.violations:
        write(f"VIOLATED  {violation}")
    return 1 if total.violations else 0


def _row(name: str, runs: int, sums: Invariants) -> str:
    calls = f"{100 * sums.calls / max(sums.events, 1):.1f}"
    cells = (
        *(runs, sums.events, sums.findings, sums.delivered, sums.duplicates, sums.suppressed),
        *(sums.dead_lettered, sums.not_found, calls, len(sums.violations)),
    )
    return f"{name:<42}" + "".join(
        f"{cell:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS[1:], strict=True)
    )


sys.exit(main(sys.argv[1:]))
