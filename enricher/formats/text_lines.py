"""Write the lines of an e-mail: labelled rows, wrapped, within a number of words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from enricher.enrichment.ranking import IF_SUCCESSFUL
from enricher.finding.safe_text import defang, plain
from enricher.formats.rows import Rows
from enricher.formats.summary import MINOR, Summary

WIDTH = 78
LABEL = 9
#: Maximum words of the line that names the facts left out.
COUNT_WORDS = 7
#: Maximum words of one signal of an attack sequence: its names are finding content.
_SIGNAL_WORDS = 16


def row(label: str, text: str) -> list[str]:
    """Return a labelled row as wrapped lines, [] without a text."""
    if not text:
        return []
    first = f"{label:<{LABEL}}" if len(label) < LABEL else f"{label} "
    if len(first) + len(text) <= WIDTH and " ".join(text.split()) == text:
        return [f"{first}{text}"]
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * LABEL,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def words_in(lines: Iterable[str]) -> int:
    """Return the number of words of some lines."""
    return sum(len(line.split()) for line in lines)


def clipped(text: str, words: int) -> str:
    """Return the first words of a text, the last one "..." if it has more."""
    found = text.split()
    return text if len(found) <= words else " ".join((*found[: words - 1], "..."))


def who_lines(rows: Rows) -> list[str]:
    """Return the rows of who, where and on what."""
    return [line for label, value in rows for line in row(label.upper(), defang(value, 200))]


def signal_lines(rows: Rows, most: int | None = None) -> list[str]:
    """Return one row for each signal; if there are more than `most`, the first ones and the last one."""
    if most is not None and len(rows) > most:
        rows = [*rows[: most - 1], ("...", f"{len(rows) - most} more lines"), rows[-1]]
    return [line for time, text in rows for line in row(time, clipped(defang(text, 200), _SIGNAL_WORDS))]


def attack_lines(rows: Rows) -> list[str]:
    """Return the rows of the techniques, the first one labelled."""
    lines: list[str] = []
    for label, value in rows:
        lines += row("" if lines else "ATT&CK", plain(f"{label} {value}".strip(), 300))
    return lines


def fact_lines(facts: Rows, room: int) -> list[str]:
    """Return what else decides, as far as there is room; what is left out is named, if it may decide."""
    lines: list[str] = []
    left: list[str] = []
    # With the label of the first row; where all of them fit, no words are kept for what is left out.
    is_fitting = 1 + words_in(f"{defang(label)}: {defang(value, 160)}" for label, value in facts) <= room
    for place, (label, value) in enumerate(facts, 1):
        more = row("" if lines else "DETAIL", f"{defang(label)}: {defang(value, 160)}")
        may_be_cut = not is_fitting and any(it not in MINOR for it, _ in facts[place:])
        reserve = COUNT_WORDS if left or may_be_cut else 0
        if words_in(lines) + words_in(more) + reserve > room:
            left += [label] if label not in MINOR else []
        else:
            lines += more
    note = row("" if lines else "DETAIL", _left_out(left))
    return lines + (note if words_in(lines) + words_in(note) <= room else [])


def _left_out(labels: list[str]) -> str:
    """Return the labels of the facts left out, in at most COUNT_WORDS with the row's own label."""
    for shown in range(len(labels), 0, -1):
        names = [defang(label.partition(" for ")[0], 40).lower() for label in labels[:shown]]
        names += [f"{len(labels) - shown} more"] if shown < len(labels) else []
        if len((text := f"not shown: {', '.join(names)}").split()) < COUNT_WORDS:
            return text
    return f"{len(labels)} more facts" if labels else ""


def why_lines(summary: Summary, room: int) -> list[str]:
    """Return the rationale, its first sentence, or nothing, and the evidence, as far as there is room."""
    texts = (summary.why, _first_sentence(summary.why), "")
    rows = (row("WHY", plain(text, 700)) for text in texts)
    lines = next((lines for lines in rows if words_in(lines) <= room), [])
    for name, value in summary.seen:
        more = row("SEEN", f"{defang(name, 60)} = {defang(value, 120)}")
        lines += more if words_in(lines) + words_in(more) <= room else []
    return lines


def _first_sentence(text: str) -> str:
    head = f"{IF_SUCCESSFUL} " if text.startswith(IF_SUCCESSFUL) else ""
    first, *rest = re.split(r"(?<=[.:;]) ", text.removeprefix(head), maxsplit=2)
    # "Rule VPCFlowLogsDeleted:" is no sentence yet.
    sentence = f"{first} {rest[0]}" if rest and first.endswith(":") and len(first.split()) < 4 else first
    sentence = sentence.rstrip(":;")
    return f"{head}{sentence}." if sentence and not sentence.endswith(".") else head + sentence
