"""Test that every guarantee in docs/guarantees.md refers to a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_TEXT = (_ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
REFERENCED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _TEXT)))


@pytest.mark.parametrize(("path", "name"), REFERENCED, ids=[name for _, name in REFERENCED])
def test_referenced_test_exists(path: str, name: str) -> None:
    """Every test that the guarantees refer to must exist under that name."""
    assert f"def {name}(" in (_ROOT / path).read_text(encoding="utf-8")


def test_every_guarantee_refers_to_a_test() -> None:
    """Every row of the guarantees must refer to a test, and there must be rows."""
    guaranteed = _TEXT.partition("## Guaranteed")[2].partition("## Not guaranteed")[0]
    rows = [
        line
        for line in guaranteed.splitlines()
        if line.startswith("| ") and not line.startswith("| Guarantee")
    ]
    assert [] == [
        row for row in rows if "::" not in row and "Schedules" not in row and "Every line" not in row
    ]
    assert len(rows) > 10
