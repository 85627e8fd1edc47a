"""Print one table: what a finding costs in this tree and in a baseline commit, as ratios of the same run.

Run `python -m bench`. Baseline and tree take turns, and the minimum of each counts, so that other load on the
machine matters little; CPU time except where the table says otherwise. Figures of the Lambda artifact:
`python -m bench.cold_start`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The commit before the work on speed.
BASELINE = "2394a27"
_BARE_LOOP = "import json, sys\nfor line in open(sys.argv[1]): print(json.dumps(json.loads(line)))"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: CPU and wall seconds, peak memory in MB, seconds to the first output."""

    cpu: float
    wall: float
    peak: float
    first: float


def run(command: list[str], tree: Path = ROOT) -> Cost:
    """Run a command in a tree, its output discarded, and return its cost, child processes included."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, stdout=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.read(1)
    first = time.perf_counter() - start
    while process.stdout.read(1 << 20):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    seconds = time.perf_counter() - start
    return Cost(usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss / 1024, first)


def best(costs: list[Cost]) -> Cost:
    """Return the minimum of each figure."""
    return Cost(*(min(getattr(cost, name) for cost in costs) for name in Cost.__slots__))


def event_texts() -> list[str]:
    """Return the example events that are GuardDuty findings, one line of JSON each."""
    events = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "events").glob("*.json"))
    ]
    return [json.dumps(it) for it in events if it.get("detail-type") == "GuardDuty Finding" and _has_type(it)]


def _has_type(event: dict[str, dict[str, object]]) -> bool:
    return isinstance(event["detail"], dict) and isinstance(event["detail"].get("type"), str)


def core_rows(trees: dict[str, Path], events: Path, runs: int) -> dict[str, dict[str, float]]:
    """Return by tree the minima of bench.core, the trees taking turns."""
    found: dict[str, dict[str, float]] = {name: {} for name in trees}
    for _ in range(runs):
        for name, tree in trees.items():
            script = [sys.executable, str(ROOT / "bench" / "core.py"), str(tree / "bundle.json"), str(events)]
            output = subprocess.check_output(script, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)})
            for key, seconds in json.loads(output).items():
                found[name][key] = min(seconds, found[name].get(key, seconds))
    return found


def check_out(commit: str, folder: Path) -> Path:
    """Unpack a commit into a folder and compile its mapping there."""
    folder.mkdir()
    archive = subprocess.check_output(["git", "archive", commit], cwd=ROOT)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    compile_mapping(folder, folder / "bundle.json")
    return folder


def compile_mapping(tree: Path, output: Path) -> None:
    """Compile a tree's mapping into a file."""
    command = [sys.executable, "-m", "enricher", "compile", "--output", str(output)]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)


def print_table(baseline: str, findings: int, runs: int) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        trees = {"before": check_out(baseline, folder / "before"), "now": check_out("HEAD", folder / "now")}
        texts = event_texts()
        events, history = folder / "events.jsonl", folder / "history.jsonl"
        events.write_text("\n".join(texts), encoding="utf-8")
        history.write_text("\n".join((texts * (findings // len(texts) + 1))[:findings]), encoding="utf-8")
        core = core_rows(trees, events, runs)
        enrich = [sys.executable, "-m", "enricher", "enrich", str(history)]
        costs: dict[str, list[Cost]] = {"bare": [], "before": [], "now": [], "jobs": [], "jq": []}
        for _ in range(max(1, runs // 2)):
            costs["bare"].append(run([sys.executable, "-c", _BARE_LOOP, str(history)]))
            for name, tree in trees.items():
                costs[name].append(run(enrich, tree))
            costs["jobs"].append(run([*enrich, "--jobs", "2"], trees["now"]))
            if shutil.which("jq"):
                costs["jq"].append(run(["jq", "-c", ".", str(history)]))
    _print_rows(core, {name: best(rows) for name, rows in costs.items() if rows}, findings, baseline)


def _print_rows(
    core: dict[str, dict[str, float]], costs: dict[str, Cost], findings: int, baseline: str
) -> None:
    bare = costs["bare"].cpu
    rows = [
        ("core / (json loads + dumps)", *(f"{core[it]['core'] / core[it]['json']:.2f}" for it in core)),
        ("core, unknown / known type", *(f"{core[it]['unknown'] / core[it]['core']:.2f}" for it in core)),
        ("core, µs a finding", *(f"{core[it]['core'] * 1e6:.0f}" for it in core)),
        ("enrich / bare json loop", *(f"{costs[it].cpu / bare:.2f}" for it in ("before", "now"))),
        ("enrich, peak MB", *(f"{costs[it].peak:.0f}" for it in ("before", "now"))),
        ("enrich, first line out, wall s", *(f"{costs[it].first:.2f}" for it in ("before", "now"))),
        ("enrich --jobs 2 / alone, wall", "-", f"{costs['jobs'].wall / costs['now'].wall:.2f}"),
    ]
    if jq := costs.get("jq"):
        rows.append(("jq -c / bare json loop", "-", f"{jq.cpu / bare:.2f}"))
    print(f"{findings} findings for enrich; CPU unless wall\n{'':<34}{baseline:>10}{'now':>10}")
    for label, before, now in rows:
        print(f"{label:<34}{before:>10}{now:>10}")


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--baseline", default=BASELINE, help="commit to compare with; default: %(default)s")
    parser.add_argument("--findings", type=int, default=20_000, help="findings in the file for enrich")
    parser.add_argument("--runs", type=int, default=4, help="runs of each; the minima are printed")
    options = parser.parse_args()
    print_table(options.baseline, options.findings, options.runs)


if __name__ == "__main__":
    main()
