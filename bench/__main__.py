"""Print one table: what the enricher costs in this tree, in a baseline commit and beside other tools.

Run `make bench`, or `python -m bench` with the packages of `.venv`. Everything takes turns in one run and the
minimum of each figure counts, so that other load on the machine matters little. Figures are CPU time except
where the table says otherwise. Spark has a command of its own: docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import function, history
from bench.table import Row, pair, table, write
from bench.trees import ROOT, Tree, check_out, install_peers

#: The commit before the work on speed.
BASELINE = "2394a27"
MARKERS = "<!-- bench:begin -->", "<!-- bench:end -->"


def event_texts() -> list[str]:
    """Return the example events that are GuardDuty findings, one line of JSON each."""
    events = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "events").glob("*.json"))
    ]
    return [json.dumps(it) for it in events if it.get("detail-type") == "GuardDuty Finding" and _has_type(it)]


def _has_type(event: dict[str, dict[str, object]]) -> bool:
    return isinstance(event["detail"], dict) and isinstance(event["detail"].get("type"), str)


def core_rows(trees: dict[str, Tree], events: Path, runs: int) -> Iterator[Row]:
    """Yield the rows of the core: the minima of bench.core, the trees taking turns."""
    found: dict[str, dict[str, float]] = {name: {} for name in trees}
    for _ in range(runs):
        for name, tree in trees.items():
            script = [sys.executable, str(ROOT / "bench" / "core.py"), str(tree.bundle), str(events)]
            environment = os.environ | {"PYTHONPATH": str(tree.source)}
            output = subprocess.check_output(script, cwd=tree.source, env=environment)
            for key, seconds in json.loads(output).items():
                found[name][key] = min(seconds, found[name].get(key, seconds))
    before, now = found["before"], found["now"]
    label = "parse, enrich, render ÷ `json.loads` and `json.dumps`"
    yield pair(label, before["core"] / before["json"], now["core"] / now["json"], "≤ 3.0")
    label = "the same for a type without a record ÷ a known one"
    yield pair(label, before["unknown"] / before["core"], now["unknown"] / now["core"], "1")
    yield pair("the same, µs a finding", before["core"] * 1e6, now["core"] * 1e6, form=".0f")


def all_rows(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Make what is measured in an empty folder; yield the rows."""
    commits = {"before": options.baseline, "now": "HEAD"}
    trees = {name: check_out(commit, folder / name) for name, commit in commits.items()}
    peers = install_peers(trees["now"], folder / "peers")
    texts = event_texts()
    events, saved = folder / "events.jsonl", folder / "history.jsonl"
    events.write_text("\n".join(texts), encoding="utf-8")
    repeated = (texts * (options.findings // len(texts) + 1))[: options.findings]
    saved.write_text("\n".join(repeated), encoding="utf-8")
    yield from function.rows(trees, peers, texts, options.runs, options.starts)
    yield from core_rows(trees, events, options.runs)
    yield from history.rows(trees, saved, max(2, options.runs // 2), options.duckdb)


def main() -> int:
    """Read the options and print the table; return 1 if a row could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--baseline", default=BASELINE, help="commit to compare with; default: %(default)s")
    parser.add_argument("--findings", type=int, default=20_000, help="findings in the file for enrich")
    parser.add_argument("--runs", type=int, default=6, help="runs of each; the minima are printed")
    parser.add_argument("--starts", type=int, default=15, help="further starts of each function")
    duckdb = ROOT / ".venv-bench" / "bin" / "python"
    parser.add_argument("--duckdb", type=Path, default=duckdb, help="a Python that has DuckDB")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="also replace the table between its markers in FILE"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(all_rows(options, Path(folder)))
    lines = table(rows, options.baseline)
    print("\n".join(lines))
    if options.write:
        write(options.write, lines, MARKERS)
    return int(any(row.missing for row in rows))


if __name__ == "__main__":
    sys.exit(main())
