"""Measure what evidence costs: CPU per finding, and as a ratio to parsing the same event's JSON.

Run `python -m bench.evidence`. Printed, not asserted: a busy or slow machine is no fault of the code; ratios
travel better than microseconds.
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
    """Give the CPU of one call in microseconds: the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REPEATS):
            call()
        best = min(best, time.process_time() - start)
    return best / REPEATS * 1e6


def measure(path: Path) -> tuple[float, float] | None:
    """Give the cost of evidence and of json.loads for one event; None for what is no finding."""
    mapping, text = MAPPING, path.read_text(encoding="utf-8")
    try:
        finding = Finding.from_json(text)
    except MalformedEvent:
        return None
    record = mapping.record_for(finding.type)
    return cost(lambda: find_evidence(finding, record, mapping)), cost(lambda: json.loads(text))


MAPPING = read_mapping()


def main() -> None:
    """Print a line for each example event, the dearest first, and the median."""
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
