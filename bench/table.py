"""The rows of the table, and writing a table into a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BLANK = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. before, now: in the baseline commit and in this tree; bound: what `now` should be.

    missing: what is needed to measure it, "" if it was measured.
    """

    label: str
    before: str
    now: str
    bound: str = ""
    missing: str = ""


def compared(label: str, before: float, now: float, unit: str, bound: str = "") -> Row:
    """Return a row of two figures of one unit, and their ratio in brackets, which the bound is for."""
    return Row(label, f"{before:.1f} {unit}", f"{now:.1f} {unit} ({now / before:.2f})", bound)


def pair(label: str, before: float, now: float, bound: str = "", form: str = ".2f") -> Row:
    """Return a row of two figures; form: how they are written, as of `format`."""
    return Row(label, f"{before:{form}}", f"{now:{form}}", bound)


def table(rows: Iterable[Row], commit: str) -> list[str]:
    """Return the lines of a Markdown table of the rows."""
    return [
        f"| | {commit} | now | should be |",
        "|---|---|---|---|",
        *(f"| {row.label} | {row.before} | {row.missing or row.now} | {row.bound} |" for row in rows),
    ]


def write(path: Path, lines: list[str], markers: tuple[str, str]) -> None:
    """Replace what stands between two markers in a file."""
    before, rest = path.read_text(encoding="utf-8").split(markers[0])
    after = rest.split(markers[1])[1]
    path.write_text("\n".join([before + markers[0], *lines, markers[1] + after]), encoding="utf-8")
