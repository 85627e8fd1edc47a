"""Measure the CPU time of the evidence rules per finding, in µs and as a ratio to parsing the event's JSON.

Run `python -m bench.evidence`. Results are printed, not asserted, as they depend on the machine and its load;
ratios are easier to compare between machines than microseconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from enricher.authoring.loader import ROOT, read_mapping
from enricher.enrichment.evidence import find_evidence
from enricher.finding.event import Finding, MalformedEvent

ROUNDS, REPEATS = 7, 100


def cost(call: Callable[[], object]) -> float:
    """Return the CPU time of one call in microseconds, the best of ROUNDS rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REPEATS):
            call()
        best = min(best, time.process_time() - start)
    return best / REPEATS * 1e6


def measure(path: Path) -> tuple[float, float] | None:
    """Return the cost in µs of find_evidence and of json.loads for one event; None if it is not a finding."""
    mapping, text = MAPPING, path.read_text(encoding="utf-8")
    try:
        finding = Finding.from_json(text)
    except MalformedEvent:
        return None
    record = mapping.record_for(finding.type)
    return cost(lambda: find_evidence(finding, record, mapping)), cost(lambda: json.loads(text))


MAPPING = read_mapping()


def main() -> None:
    """Print one line per example event, the most expensive first, and the median."""
    paths = sorted((ROOT.parent / "events").glob("*.json"))
    rows = [(*measured, path.stem) for path in paths if (measured := measure(path))]
    print(f"{'evidence µs':>12}{'json.loads µs':>15}{'ratio':>8}  event")
    for evidence, parse, name in sorted(rows, reverse=True):
        print(f"{evidence:12.1f}{parse:15.1f}{evidence / parse:8.2f}  {name}")
    print(
        f"{median(row[0] for row in rows):12.1f}{median(row[1] for row in rows):15.1f}"
        f"{median(row[0] / row[1] for row in rows):8.2f}  median of {len(rows)}"
    )


if __name__ == "__main__":
    main()
