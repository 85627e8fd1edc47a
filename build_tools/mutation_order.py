"""A pytest plugin for `make mutation`: the fastest tests first, and no search for a smaller example."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import Phase, settings

#: Written by mutmut in the folder that its tests run in.
STATS = Path("mutmut-stats.json")


def pytest_configure() -> None:
    """Let Hypothesis stop at the first failure, with the same examples each time."""
    settings.register_profile(
        "mutation", deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutation")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fastest tests first: mutmut stops at the first that fails."""
    if STATS.is_file():
        seconds = json.loads(STATS.read_text(encoding="utf-8"))["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))
