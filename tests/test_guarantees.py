"""Check that docs/guarantees.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_TEXT = (_ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_named_test_exists(path: str, name: str) -> None:
    """Every test that the guarantees name must exist under that name."""
    assert f"def {name}(" in (_ROOT / path).read_text(encoding="utf-8")


def test_every_promise_names_a_test() -> None:
    """Every row of the promises must name a test, and there must be rows."""
    promised = _TEXT.partition("## Promised")[2].partition("## Not promised")[0]
    rows = [
        line for line in promised.splitlines() if line.startswith("| ") and not line.startswith("| Promise")
    ]
    assert [] == [
        row for row in rows if "::" not in row and "Schedules" not in row and "Every line" not in row
    ]
    assert len(rows) > 10
