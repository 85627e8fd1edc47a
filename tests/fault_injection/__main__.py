"""Run schedules and print the report: `python -m tests.fault_injection [--schedules N] [--events N]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.fault_injection.ledger import Books
from tests.fault_injection.schedule import SCHEDULES_IN_CYCLE, Schedule

_COLUMNS = (
    ("route, day", 42), ("runs", 5), ("events", 8), ("findings", 9), ("delivered", 10), ("repeats", 8),
    ("quiet", 7), ("dead", 6), ("never", 6), ("calls/100", 10), ("faults", 7),
)  # fmt: skip


def say(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str]) -> int:
    """Run, print, and give 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--schedules", type=int, default=SCHEDULES_IN_CYCLE, help="how many seeds to run")
    parser.add_argument("--events", type=int, default=2000, help="how many events in each")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args(arguments)
    rows: dict[str, tuple[int, Books]] = {}
    total, start = Books(), time.perf_counter()
    for seed in range(options.first, options.first + options.schedules):
        schedule = Schedule.of(seed, options.events)
        books = schedule.run()
        books = replace(books, faults=[f"seed {seed}: {fault}" for fault in books.faults])
        runs, sum_of_row = rows.setdefault(schedule.name, (0, Books()))
        sum_of_row.add(books)
        rows[schedule.name] = (runs + 1, sum_of_row)
        total.add(books)
    say(
        "".join(
            f"{name:<{width}}" if not place else f"{name:>{width}}"
            for place, (name, width) in enumerate(_COLUMNS)
        )
    )
    for name in sorted(rows):
        say(_row(name, *rows[name]))
    say(_row("all", options.schedules, total))
    say(
        "\nrepeats: deliveries of an update beyond its first, each after a fault that hid the first"
        "\nquiet: held back on purpose"
        f"\ndead: in the dead-letter queue with its reason ({total.redriven} of {total.dead} by redrive)"
        "\nnever: not in Security Hub in half an hour"
        f"\n{time.perf_counter() - start:.0f} s"
    )
    for fault in total.faults:
        say(f"BROKEN  {fault}")
    return 1 if total.faults else 0


def _row(name: str, runs: int, books: Books) -> str:
    cells = (
        runs, books.events, books.findings, books.delivered, books.duplicates, books.suppressed, books.dead,
        books.never_appeared, f"{100 * books.calls / max(books.events, 1):.1f}", len(books.faults),
    )  # fmt: skip
    return f"{name:<42}" + "".join(
        f"{cell:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS[1:], strict=True)
    )


sys.exit(main(sys.argv[1:]))
