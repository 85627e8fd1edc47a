"""Build the report of a period: one page, without a script, to read, print and send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.charts import SEVERITIES, days_between, days_chart
from enricher.pages.document import asset, document
from enricher.pages.markup import Markup, tag, text
from enricher.pages.observed import Observed, Period, times_of
from enricher.pages.report_tables import (
    accounts_table,
    new_since,
    techniques_table,
    types_table,
    unmapped_table,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The observed findings of a period, and those of the period of the same length before it."""

    now: Observed
    before: Observed

    @classmethod
    def of(
        cls, mapping: AttackMapping, release: str | None, period: Period, *, with_samples: bool = False
    ) -> Comparison:
        """Return an empty comparison; the period must have both limits."""
        return cls(
            Observed(mapping, release, period, with_samples=with_samples),
            Observed(mapping, release, period.before(), with_samples=with_samples),
        )

    def add(self, finding: Finding) -> None:
        """Count one finding in the period it belongs to; one of neither counts as outside."""
        _, last = times_of(finding)
        earlier = last is not None and last.date() in self.before.period
        (self.before if earlier else self.now).add(finding)


def report_page(comparison: Comparison) -> str:
    """Return the report as HTML."""
    now, before = comparison.now, comparison.before
    first, last = _limits(now.period)
    title = f"GuardDuty findings in ATT&CK, {first} to {last}"
    sections = [
        _head(now, title, before),
        _tiles(now, before),
        _section("Findings by day", _legend(), days_chart(now.severities, first, last)),
        _section("Top techniques", techniques_table(now, before, now.cells, "Techniques")),
        _section("New since the period before", new_since(now, before)),
        _section("Tactics by account", accounts_table(now)),
        _section("Finding types", types_table(now, before)),
        _section("Without a technique", unmapped_table(now)),
        _foot(now),
    ]
    body = tag("main", *sections)
    return document(title, style=asset("base.css", "report.css"), body=body)


def _limits(period: Period) -> tuple[date, date]:
    if period.since is None or period.until is None:
        raise ValueError("a report needs a period with both limits")
    return period.since, period.until


def _head(now: Observed, title: str, before: Observed) -> Markup:
    days = days_between(*_limits(now.period))
    earlier = " to ".join(map(str, _limits(before.period)))
    line = (
        f"{days} days in UTC, by the day each finding was last seen; compared with {earlier}. "
        f"{now.outside:,} findings are of neither period."
    )
    return tag("header", tag("h1", text(title)), tag("p", text(line), class_="muted"))


def _tiles(now: Observed, before: Observed) -> Markup:
    tiles = [
        ("findings", now.total.findings, before.total.findings),
        ("high or critical", _severe(now), _severe(before)),
        ("accounts", len(now.total.accounts), len(before.total.accounts)),
        ("techniques", len(_names(now)), len(_names(before))),
        ("without a technique", now.unmapped.findings, before.unmapped.findings),
        ("archived", now.archived, before.archived),
        ("samples left out", now.samples, before.samples),
    ]
    items = [
        tag(
            "li",
            tag("b", text(number)),
            tag("span", text(name)),
            tag("small", text(_change(number, earlier))),
        )
        for name, number, earlier in tiles
    ]
    return tag("ul", items, class_="tiles")


def _severe(observed: Observed) -> int:
    return sum(labels["CRITICAL"] + labels["HIGH"] for labels in observed.severities.values())


def _change(number: int, earlier: int) -> str:
    if number == earlier:
        return "as before"
    return f"{number - earlier:+,} from {earlier:,}"


def _names(observed: Observed) -> set[str]:
    return {technique for technique, _ in observed.cells}


def _section(title: str, *parts: Markup) -> Markup:
    return tag("section", tag("h2", text(title)), *parts)


def _legend() -> Markup:
    items = [
        tag("li", tag("i", class_=f"swatch {name.lower()}"), text(name.capitalize())) for name in SEVERITIES
    ]
    return tag("ul", items, class_="legend")


def _foot(now: Observed) -> Markup:
    release = now.mapping.catalogue.release(now.release)
    line = (
        f"Mapping {now.mapping.version}, ATT&CK {release.version}. A finding counts once, and once for each "
        "of its techniques; copies of it, such as updates, only widen its first and last time. Archived "
        "findings count. "
        "ATT&CK © The MITRE Corporation, reproduced and distributed with its permission."
    )
    return tag("footer", tag("p", text(line), class_="muted"))
