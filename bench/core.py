"""Measure one tree's core in its own process: parse, enrich and render, beside json.loads and json.dumps.

Run by `python -m bench` with the tree on PYTHONPATH; also reads the layout of the baseline commit. Prints one
JSON object of CPU seconds per finding: `json`, `core`, and `unknown`, the core for types without a record.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 7
_LIMIT = 262_144


def _named(*places: tuple[str, str]) -> Any:
    """Return the first of these names (module, name) that exists in the tree."""
    for module, name in places:
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"none of {places} found: is the tree on PYTHONPATH?")


def measure(bundle: Path, events: list[str]) -> dict[str, float]:
    """Return the CPU seconds per finding, the minimum of ROUNDS interleaved rounds."""
    enrich = _named(("enricher.enrichment.enrich", "enrich"), ("enricher.enrich", "enrich"))
    finding = _named(("enricher.finding.event", "Finding"), ("enricher.finding", "Finding"))
    mapping_class = _named(("enricher.mapping.model", "AttackMapping"), ("enricher.mapping", "Mapping"))
    render = _named(("enricher.formats", "load_format"))("guardduty")
    mapping = mapping_class.load(bundle)
    unknown = [_with_unknown_type(text) for text in events]

    def core(text: str) -> None:
        render(enrich(finding.from_json(text), mapping), _LIMIT)

    jobs: dict[str, tuple[Callable[[str], object], list[str]]] = {
        "json": (lambda text: json.dumps(json.loads(text)), events),
        "core": (core, events),
        "unknown": (core, unknown),
    }
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(ROUNDS):
        for name, (job, texts) in jobs.items():
            start = time.process_time()
            for text in texts:
                job(text)
            best[name] = min(best[name], (time.process_time() - start) / len(texts))
    return best


def _with_unknown_type(text: str) -> str:
    event = json.loads(text)
    purpose = event["detail"]["type"].partition(":")[0]
    event["detail"]["type"] = f"{purpose}:Unheard/NeverSeen.Of"
    return json.dumps(event)


def main() -> None:
    """Print the figures of the tree for the events of a file, one on each line."""
    bundle, events = map(Path, sys.argv[1:])
    print(json.dumps(measure(bundle, events.read_text(encoding="utf-8").splitlines())))


if __name__ == "__main__":
    main()
