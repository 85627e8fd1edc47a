"""Draw the small charts of the report as inline SVG, without scripts and style attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

from enricher.pages.markup import Markup, tag, text

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
_WIDTH, _HEIGHT, _FOOT, _LEFT = 960, 170, 22, 44
#: Most bars of a chart; more days than that are joined, so that each bar stands for several.
_MOST_BARS = 120


def days_chart(severities: Mapping[date, Counter[str]], first: date, last: date) -> Markup:
    """Return bars by day from `first` to `last`, stacked by severity, with the highest number stated."""
    days = (last - first).days + 1
    step = -(-days // _MOST_BARS)
    bars: list[Counter[str]] = [Counter() for _ in range(-(-days // step))]
    for day, labels in severities.items():
        if first <= day <= last:
            bars[(day - first).days // step].update(labels)
    top = max((bar.total() for bar in bars), default=0)
    width, scale = (_WIDTH - _LEFT) / len(bars), (_HEIGHT - _FOOT - 8) / max(top, 1)
    shapes: list[Markup] = []
    for place, bar in enumerate(bars):
        y = float(_HEIGHT - _FOOT)
        for label in reversed(SEVERITIES):
            if height := bar[label] * scale:
                y -= height
                shapes.append(_rect(_LEFT + place * width, y, max(width - 1, 1), height, label.lower()))
    lines = [
        _line(_HEIGHT - _FOOT, "0"),
        *([_line(8, f"{top:,}")] if top else []),
        tag("text", text(str(first)), x=_LEFT, y=_HEIGHT - 5),
        tag("text", text(str(last)), x=_WIDTH, y=_HEIGHT - 5, text_anchor="end"),
    ]
    each = "day" if step == 1 else f"{step} days"
    label = f"Findings by {each} from {first} to {last}, at most {top}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return tag("svg", *lines, *shapes, viewBox=box, role="img", class_="days", aria_label=label)


def bar(number: int, top: int) -> Markup:
    """Return a horizontal bar whose length is a number's share of the highest one."""
    part = 100 * number / max(top, 1)
    return tag(
        "svg",
        _rect(0, 0, 100, 8, "track"),
        _rect(0, 0, part, 8, "fill"),
        viewBox="0 0 100 8",
        class_="bar",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def shade_of(number: int, top: int) -> str:
    """Return the class of a heat cell: heat-0 for nothing, heat-1 to heat-4 by the share of the highest."""
    return f"heat-{min(4, 1 + int(4 * number / max(top, 1) - 1e-9))}" if number else "heat-0"


def days_between(first: date, last: date) -> int:
    """Return the number of days from `first` to `last`, both included."""
    return (last - first) // timedelta(days=1) + 1


def _rect(x: float, y: float, width: float, height: float, style: str) -> Markup:
    return tag("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}", class_=style)


def _line(y: float, label: str) -> Markup:
    return tag(
        "g",
        _rect(_LEFT, y, _WIDTH - _LEFT, 0.6, "line"),
        tag("text", text(label), x=_LEFT - 6, y=y + 4, text_anchor="end"),
    )
