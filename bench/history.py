"""Measure the command line on a file of findings, beside other tools on the same file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.processes import Cost, best, run
from bench.table import BLANK, Row, pair
from bench.trees import ROOT, Tree

BARE_LOOP = "import json, sys\nfor line in open(sys.argv[1]): print(json.dumps(json.loads(line)))"


def rows(trees: dict[str, Tree], history: Path, runs: int, duckdb: Path) -> Iterator[Row]:
    """Yield the rows of `enrich`, of jq and of DuckDB; duckdb: a Python that has it."""
    enrich = [sys.executable, "-m", "enricher", "enrich", str(history)]
    now = trees["now"].source
    jobs = {
        "bare": ([sys.executable, "-c", BARE_LOOP, str(history)], now),
        "before": (enrich, trees["before"].source),
        "now": (enrich, now),
        "jobs": ([*enrich, "--jobs", "2"], now),
    }
    if jq := shutil.which("jq"):
        jobs["jq"] = ([jq, "-c", ".", str(history)], now)
    if has_duckdb(duckdb):
        table = history.with_name("lookup.csv")
        with table.open("wb") as output:
            command = [sys.executable, "-m", "enricher", "export", "--format", "csv", "--one-row"]
            subprocess.run(command, cwd=now, stdout=output, check=True)
        script = str(ROOT / "bench" / "duckdb_join.py")
        jobs["duckdb"] = ([str(duckdb), script, str(history), str(table)], now)
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, (command, folder) in jobs.items():
            costs[name].append(run(command, folder))
    yield from _rows({name: best(it) for name, it in costs.items()})


def _rows(found: dict[str, Cost]) -> Iterator[Row]:
    bare, before, now = found["bare"], found["before"], found["now"]
    yield pair("`enrich` ÷ a bare JSON loop, CPU", before.cpu / bare.cpu, now.cpu / bare.cpu, "≤ 3.0")
    yield pair("`enrich`, peak memory, MB", before.peak, now.peak, "≤ 60", ".0f")
    yield pair("`enrich`, first line out, wall s", before.first, now.first, "at once")
    ratio = found["jobs"].wall / found["now"].wall
    yield Row("`enrich --jobs 2` ÷ alone, wall", BLANK, f"{ratio:.2f}", "≤ 0.55")
    for name, label, missing in (
        ("jq", "`jq -c .` ÷ the bare loop, CPU; peak MB", "jq is missing: apt-get install jq"),
        ("duckdb", "DuckDB joining the look-up table ÷ the bare loop", "DuckDB is missing: make bench"),
    ):
        if cost := found.get(name):
            yield Row(label, BLANK, f"{cost.cpu / bare.cpu:.2f}; {cost.peak:.0f}")
        else:
            yield Row(label, BLANK, "", missing=missing)


def has_duckdb(python: Path) -> bool:
    """Return whether a Python exists and has DuckDB."""
    if not python.is_file():
        return False
    return not subprocess.run([python, "-c", "import duckdb"], capture_output=True, check=False).returncode
