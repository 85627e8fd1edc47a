"""Build the report of a period: one page, without a script, to read, print and send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from enricher.attack.catalog import Release, Technique, archived_url, parent_id
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.charts import SEVERITIES, bar, days_between, days_chart, shade_of
from enricher.pages.coverage import Key
from enricher.pages.document import asset, document
from enricher.pages.markup import Markup, join, table, tag, text
from enricher.pages.observed import Observed, Period, Tally, times_of

#: Rows of the tables; what is beyond them is counted.
_MAX_ROWS, _MAX_ACCOUNTS = 15, 20


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
        _section("Top techniques", _techniques(now, before, now.cells, "Techniques")),
        _section("New since the period before", _new(now, before)),
        _section("Tactics by account", _accounts(now)),
        _section("Finding types", _types(now, before)),
        _section("Without a technique", _unmapped(now)),
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


def _techniques(now: Observed, before: Observed, keys: Iterable[Key], name: str) -> Markup:
    cells = {key: now.cells[key] for key in keys}
    if not cells:
        return tag("p", text("No finding of the period has a technique."), class_="muted")
    ranked = sorted(cells.items(), key=lambda item: (-item[1].findings, item[0]))
    top = ranked[0][1].findings
    release = now.mapping.catalogue.release(now.release)
    rows = [
        [
            _technique(key[0], now.mapping, release),
            text(release.tactics[key[1]].name),
            join(bar(tally.findings, top), text(tally.findings)),
            text(before.cells[key].findings if key in before.cells else 0),
            text(len(tally.accounts)),
            *_span(tally),
        ]
        for key, tally in ranked[:_MAX_ROWS]
    ]
    heads = ["Technique", "Tactic", "Findings", "Before", "Accounts", "First seen", "Last seen"]
    return join(
        table(heads, rows, caption=f"{name} by number of findings", numbers={2, 3, 4, 5, 6}),
        _more(len(ranked)),
    )


def _technique(technique: str, mapping: AttackMapping, release: Release) -> Markup:
    item: Technique = release.techniques[technique]
    is_former = release is mapping.catalogue.former
    url = archived_url(item.url, release.version) if is_former else item.url
    parent = release.techniques.get(parent_id(technique) or "")
    name = f"{parent.name}: {item.name}" if parent else item.name
    link = tag("a", text(technique), href=url, rel="noreferrer noopener")
    return join(link, text(f" {name}"))


def _span(tally: Tally) -> list[Markup]:
    return [text(f"{moment:%Y-%m-%d %H:%M}" if moment else "unknown") for moment in (tally.first, tally.last)]


def _more(number: int) -> Markup:
    rest = number - _MAX_ROWS
    return tag("p", text(f"and {rest:,} more"), class_="muted") if rest > 0 else Markup("")


def _new(now: Observed, before: Observed) -> Markup:
    if not before.total.findings:
        line = "The files have no finding of the period before, so everything would be new."
        return tag("p", text(line), class_="muted")
    keys = [key for key in now.cells if key not in before.cells]
    types = sorted(now.total.types.counts.keys() - before.total.types.counts.keys())
    accounts = sorted(now.total.accounts.keys() - before.total.accounts.keys())
    parts = [
        _techniques(now, before, keys, "New techniques")
        if keys
        else tag("p", text("No new technique."), class_="muted"),
        *(
            _listing(name, found)
            for name, found in (("Finding types", types), ("Accounts", accounts))
            if found
        ),
    ]
    return join(*parts)


def _listing(name: str, values: list[str]) -> Markup:
    items = [tag("li", text(value)) for value in values[:_MAX_ROWS]]
    return join(
        tag("h3", text(f"{name} ({len(values)})")), tag("ul", items, class_="listing"), _more(len(values))
    )


def _accounts(now: Observed) -> Markup:
    if not now.by_account:
        return tag("p", text("No finding in the period."), class_="muted")
    release = now.mapping.catalogue.release(now.release)
    ranked = sorted(now.total.accounts.items(), key=lambda item: (-item[1][0], item[0]))[:_MAX_ACCOUNTS]
    counts: dict[str, Counter[str]] = {name: now.by_account[name] for name, _ in ranked}
    top = max((number for row in counts.values() for number in row.values()), default=1)
    rows = [
        [
            tag("span", text(name), class_="whole"),
            text(number),
            *(
                tag(
                    "span",
                    text(counts[name][tactic] or ""),
                    class_=f"heat {shade_of(counts[name][tactic], top)}",
                )
                for tactic in release.tactics
            ),
        ]
        for name, (number, _) in ranked
    ]
    heads = ["Account", "Findings", *(tactic.name for tactic in release.tactics.values())]
    caption, columns = "Findings of each tactic by account", set(range(1, len(heads)))
    shown = table(heads, rows, caption=caption, numbers=columns, style="dense")
    rest = len(now.total.accounts) - len(ranked)
    more = tag("p", text(f"and {rest:,} more accounts"), class_="muted") if rest > 0 else Markup("")
    return join(shown, more)


def _types(now: Observed, before: Observed) -> Markup:
    ranked = now.total.types.most(_MAX_ROWS)
    if not ranked:
        return tag("p", text("No finding in the period."), class_="muted")
    rows = [
        [text(name), join(bar(number, ranked[0][1]), text(number)), text(before.total.types.counts[name])]
        for name, number in ranked
    ]
    shown = table(["Type", "Findings", "Before"], rows, caption="Finding types by number", numbers={1, 2})
    return join(shown, _more(len(now.total.types.counts)))


def _unmapped(now: Observed) -> Markup:
    if not now.unmapped.findings:
        return tag("p", text("Every finding of the period has a technique."), class_="muted")
    rows = [[text(name), text(number)] for name, number in now.unmapped.types.most(_MAX_ROWS)]
    shown = table(["Type", "Findings"], rows, caption="Finding types without a technique", numbers={1})
    hint = "explain TYPE states why; a type that is unknown was named by AWS after this mapping."
    return join(shown, tag("p", text(hint), class_="muted"))


def _foot(now: Observed) -> Markup:
    release = now.mapping.catalogue.release(now.release)
    line = (
        f"Mapping {now.mapping.version}, ATT&CK {release.version}. A finding counts once, and once for each "
        "of its techniques; copies of it, such as updates, only widen its first and last time. Archived "
        "findings count. "
        "ATT&CK © The MITRE Corporation, reproduced and distributed with its permission."
    )
    return tag("footer", tag("p", text(line), class_="muted"))
