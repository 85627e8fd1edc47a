"""What one reader did with one input."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple


class Outcome(NamedTuple):
    """One row of the table in docs/formats.md; result: "accepted", or what to mind."""

    reader: str
    content: str
    result: str


def named(reader: str, package: str) -> str:
    """Return the reader's name with the version of its package."""
    return f"{reader} {version(package)}"
