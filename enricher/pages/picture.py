"""Draw the matrix as an SVG picture for README and slides: one row per tactic, one chip per technique."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import accumulate
from typing import NamedTuple

from enricher.attack.catalog import Release
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import Cells, Folded, coverage, fold, kinds
from enricher.pages.observed import Observed

#: README's width on most screens; the text is readable there without zooming.
WIDTH = 900
_MARGIN, _LABELS, _CHIP, _GAP, _ROW_GAP, _PAD = 18, 162, 19, 3, 9, 6
_HEAD = 92
_FONT, _SMALL = 11.0, 10.0

#: Widths of Helvetica's characters, in thousandths of the font size; 556 for the others. Every text states
#: its length, so that it keeps to its chip in any other font.
_WIDTHS = {
    **dict.fromkeys("ijl'", 222),
    **dict.fromkeys("fIt !,./:;", 278),
    **dict.fromkeys("r-()", 333),
    **dict.fromkeys("ckJsvxyz", 500),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("ABEKPSVXY&", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    "W": 944,
}

_STYLE = """
text { font-family: Helvetica, Arial, "Liberation Sans", sans-serif; fill: #161b22; }
.page { fill: #ffffff; stroke: #d6dce4; }
.title { font-size: 18px; font-weight: bold; }
.tactic { font-size: 12px; font-weight: bold; }
.muted { fill: #556070; }
.track { fill: #e4e9ef; }
.high { fill: #0b4f9e; } .on-high { fill: #ffffff; }
.medium { fill: #8fbdf0; } .on-medium { fill: #0b1a2c; }
.low { fill: #d9e8fa; } .on-low { fill: #0b1a2c; }
.rule { fill: none; stroke: #7a8696; stroke-dasharray: 3 2; } .on-rule { fill: #3c4653; }
.heat { fill: #c2410c; } .on-heat { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6eaf0; }
  .page { fill: #0e1116; stroke: #2d3641; }
  .muted { fill: #9ba7b6; }
  .track { fill: #262f3a; }
  .high { fill: #62a8f5; } .on-high { fill: #06162a; }
  .medium { fill: #225b95; } .on-medium { fill: #f2f7fd; }
  .low { fill: #16304c; } .on-low { fill: #d9e8fa; }
  .rule { stroke: #6d7a8a; } .on-rule { fill: #b5c0cd; }
  .heat { fill: #fb923c; } .on-heat { fill: #1d0e02; }
}
"""


class _Chip(NamedTuple):
    """A technique: its text, the class of its colors, the number in it, and what was observed of it."""

    text: str
    shade: str
    number: str
    heat: str

    @property
    def width(self) -> float:
        parts = [_width(self.text, _FONT)]
        parts += [_width(text, _SMALL) + 5 for text in (self.number, self.heat) if text]
        return sum(parts) + 2 * _PAD + (8 if self.heat else 0)


def matrix_picture(
    mapping: AttackMapping, version: str | None = None, observed: Observed | None = None
) -> str:
    """Return the picture as SVG text: light, and dark where the viewer prefers it."""
    release = mapping.catalogue.release(version)
    cells = coverage(mapping, version)
    rows = [
        (tactic, _lines([_chip(row, release, observed) for row in fold(cells, tactic)]))
        for tactic in release.tactics
    ]
    heights = [max(len(lines) * (_CHIP + _GAP) - _GAP, 34) + _ROW_GAP for _, lines in rows]
    tops = list(accumulate(heights, initial=_HEAD))
    body = [*_head(cells, mapping, release, observed)]
    for (tactic, lines), top in zip(rows, tops, strict=False):
        body += [*_label(tactic, cells, release, top), *_chips(lines, top)]
    height = tops[-1] + _MARGIN - _ROW_GAP
    title = f"What GuardDuty detects, in MITRE ATT&CK {release.version}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="title">\n<title id="title">{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _chip(row: Folded, release: Release, observed: Observed | None) -> _Chip:
    shade = row.confidence if row.kind == "type" else "rule"
    number = str(row.types) if row.types else ""
    seen = observed.cells if observed else {}
    heat = max((seen[key].findings for key in row.cells if key in seen), default=0)
    return _Chip(release.techniques[row.technique].name, shade, number, str(heat) if heat else "")


def _lines(chips: list[_Chip]) -> list[list[_Chip]]:
    """Break chips into lines that fit beside the tactic's name."""
    lines: list[list[_Chip]] = [[]]
    left = room = float(WIDTH - 2 * _MARGIN - _LABELS)
    for chip in chips:
        if chip.width > left and lines[-1]:
            lines.append([])
            left = room
        lines[-1].append(chip)
        left -= chip.width + _GAP
    return lines


def _head(cells: Cells, mapping: AttackMapping, release: Release, observed: Observed | None) -> Iterator[str]:
    counts = kinds(cells)
    yield _text(_MARGIN, 32, f"What GuardDuty detects, in MITRE ATT&CK {release.version}", 18, "title")
    summary = (
        f"{counts['type']} technique-tactic pairs are named by an active finding type, {counts['rule']} more "
        f"are seen where a finding shows the evidence. Mapping {mapping.version}."
    )
    yield _text(_MARGIN, 51, summary, _FONT, "muted")
    x = float(_MARGIN)
    legend = [("high", "high confidence"), ("medium", "medium"), ("low", "low"), ("rule", "only by evidence")]
    for shade, text in [*legend, *([("heat", "findings observed")] if observed else [])]:
        yield f'<rect class="{shade}" x="{x:.1f}" y="62.5" width="13" height="13" rx="3"/>'
        yield _text(x + 18, 73, text, _FONT, "muted")
        x += 18 + _width(text, _FONT) + 16
    yield _text(x, 73, "number: finding types, sub-techniques included", _FONT, "muted")


def _label(tactic: str, cells: Cells, release: Release, top: float) -> Iterator[str]:
    total = sum(tactic in technique.tactics for technique in release.techniques.values())
    by_kind = [cell.kind for key, cell in cells.items() if key[1] == tactic]
    by_type, by_rule = by_kind.count("type"), by_kind.count("rule")
    width = _LABELS - 20
    yield _text(_MARGIN, top + 11, release.tactics[tactic].name, 12, "tactic")
    yield _text(_MARGIN, top + 24, f"{by_type + by_rule} of {total}, {by_type} by type", _SMALL, "muted")
    yield f'<rect class="track" x="{_MARGIN}" y="{top + 29}" width="{width}" height="4" rx="2"/>'
    x = float(_MARGIN)
    for shade, number in (("high", by_type), ("medium", by_rule)):
        part = width * number / total
        yield f'<rect class="{shade}" x="{x:.1f}" y="{top + 29}" width="{part:.1f}" height="4"/>'
        x += part


def _chips(lines: list[list[_Chip]], top: float) -> Iterator[str]:
    for number, line in enumerate(lines):
        x, y = float(_MARGIN + _LABELS), top + number * (_CHIP + _GAP)
        for chip in line:
            yield (
                f'<rect class="{chip.shade}" x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" '
                f'width="{chip.width - 1:.1f}" height="{_CHIP - 1}" rx="4"/>'
            )
            at = x + _PAD
            yield _text(at, y + 13.5, chip.text, _FONT, f"on-{chip.shade}")
            at += _width(chip.text, _FONT) + 5
            if chip.number:
                yield _text(at, y + 13.5, chip.number, _SMALL, f"on-{chip.shade}")
                at += _width(chip.number, _SMALL) + 5
            if chip.heat:
                wide = _width(chip.heat, _SMALL) + 8
                yield f'<rect class="heat" x="{at:.1f}" y="{y + 3.5}" width="{wide:.1f}" height="12" rx="6"/>'
                yield _text(at + 4, y + 13, chip.heat, _SMALL, "on-heat")
            x += chip.width + _GAP


def _text(x: float, y: float, text: str, size: float, style: str) -> str:
    length = _width(text, size) * (1.07 if style in ("title", "tactic") else 1)
    return (
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" textLength="{length:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def _width(text: str, size: float) -> float:
    return sum(_WIDTHS.get(char, 556) for char in text) * size / 1000
