"""Build the tables of the report of a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from enricher.attack.catalog import Release, Technique, archived_url, parent_id
from enricher.mapping.model import AttackMapping
from enricher.pages.charts import bar, shade_of
from enricher.pages.coverage import Key
from enricher.pages.markup import Markup, join, table, tag, text
from enricher.pages.observed import Observed, Tally

#: Rows of the tables; what is beyond them is counted.
_MAX_ROWS, _MAX_ACCOUNTS = 15, 20


def techniques_table(now: Observed, before: Observed, keys: Iterable[Key], name: str) -> Markup:
    """Return the techniques at `keys` by number of findings, with those of the period before."""
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


def new_since(now: Observed, before: Observed) -> Markup:
    """Return what has been observed in this period only: techniques, finding types, accounts."""
    if not before.total.findings:
        line = "The files have no finding of the period before, so everything would be new."
        return tag("p", text(line), class_="muted")
    keys = [key for key in now.cells if key not in before.cells]
    types = sorted(now.total.types.counts.keys() - before.total.types.counts.keys())
    accounts = sorted(now.total.accounts.keys() - before.total.accounts.keys())
    parts = [
        techniques_table(now, before, keys, "New techniques")
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


def accounts_table(now: Observed) -> Markup:
    """Return the accounts with the most findings, shaded by tactic."""
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


def types_table(now: Observed, before: Observed) -> Markup:
    """Return the finding types by number of findings."""
    ranked = now.total.types.most(_MAX_ROWS)
    if not ranked:
        return tag("p", text("No finding in the period."), class_="muted")
    rows = [
        [text(name), join(bar(number, ranked[0][1]), text(number)), text(before.total.types.counts[name])]
        for name, number in ranked
    ]
    shown = table(["Type", "Findings", "Before"], rows, caption="Finding types by number", numbers={1, 2})
    return join(shown, _more(len(now.total.types.counts)))


def unmapped_table(now: Observed) -> Markup:
    """Return the finding types that have no technique."""
    if not now.unmapped.findings:
        return tag("p", text("Every finding of the period has a technique."), class_="muted")
    rows = [[text(name), text(number)] for name, number in now.unmapped.types.most(_MAX_ROWS)]
    shown = table(["Type", "Findings"], rows, caption="Finding types without a technique", numbers={1})
    hint = "explain TYPE states why; a type that is unknown was named by AWS after this mapping."
    return join(shown, tag("p", text(hint), class_="muted"))
