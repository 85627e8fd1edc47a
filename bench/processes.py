"""Run a command and measure what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: CPU and wall seconds, peak memory in MB, seconds to the first output."""

    cpu: float
    wall: float
    peak: float
    first: float


def run(command: list[str], tree: Path) -> Cost:
    """Run a command in a tree, its output discarded, and return its cost, child processes included."""
    result, write = os.pipe()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(write), *command],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        pass_fds=(write,),
    )
    os.close(write)
    assert process.stdout
    process.stdout.read(1)
    first = time.perf_counter() - start
    while process.stdout.read(1 << 20):
        pass
    seconds = time.perf_counter() - start
    with os.fdopen(result) as usage:
        figures = usage.read().split()
    if process.wait():
        raise SystemExit(f"failed: {' '.join(command)}")
    return Cost(float(figures[0]), seconds, int(figures[1]) / 1024, first)


def best(costs: Iterable[Cost]) -> Cost:
    """Return the minimum of each figure."""
    rows = list(costs)
    return Cost(*(min(getattr(cost, name) for cost in rows) for name in Cost.__slots__))
