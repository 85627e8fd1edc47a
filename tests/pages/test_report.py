"""Tests of the report of a period."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.charts import days_chart, shade_of
from enricher.pages.observed import Period
from enricher.pages.report import Comparison, report_page
from tests import examples
from tests.pages.hostile import ATTACKS, findings

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def _on(name: str, day: str, number: int, **changes: Any) -> Finding:
    event = examples.event(name, arn=f"arn:{name}:{number}", **changes)
    event["detail"]["service"] |= {"eventFirstSeen": f"{day}T01:00:00Z", "eventLastSeen": f"{day}T02:00:00Z"}
    return Finding.from_event(event)


def _report(mapping: AttackMapping, findings: list[Finding], period: Period = MARCH) -> str:
    comparison = Comparison.of(mapping, None, period)
    for finding in findings:
        comparison.add(finding)
    return report_page(comparison)


class _Reader(HTMLParser):
    """The text, elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def _section(page: str, title: str) -> str:
    return page.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]


def test_technique_of_this_period_only_is_new(mapping: AttackMapping) -> None:
    """What was seen in the period and not in the one before must be listed as new, the rest not."""
    page = _report(
        mapping,
        [
            _on("ec2-portscan", "2026-02-10", 1),
            _on("ec2-portscan", "2026-03-10", 2),
            _on("ec2-tor-client", "2026-03-11", 3),
        ],
    )
    new = _section(page, "New since the period before")
    assert "T1090.003" in new
    assert "T1046" not in new
    assert "UnauthorizedAccess:EC2/TorClient" in new
    assert "T1046" in _section(page, "Top techniques")


def test_counts_are_compared_with_the_period_before(mapping: AttackMapping) -> None:
    """A tile must state the number and its change; a finding of neither period must only be counted."""
    days = ["2026-01-28", "2026-01-29", "2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01", "2026-03-15"]
    page = _report(mapping, [_on("ec2-portscan", day, number) for number, day in enumerate(days)])
    assert "<li><b>3</b><span>findings</span><small>+1 from 2</small></li>" in page
    assert "2 findings are of neither period." in page


def test_samples_archived_and_unmapped_are_counted_apart(mapping: AttackMapping) -> None:
    """Samples must be left out and counted; archived findings and those without a technique be counted."""
    page = _report(
        mapping,
        [
            _on("awkward-sample-finding", "2026-03-10", 1),
            _on("awkward-archived", "2026-03-10", 2),
            _on("ec2-portscan", "2026-03-10", 3, type="Nothing:Known/AtAll"),
        ],
    )
    for number, name in (
        (2, "findings"),
        (1, "archived"),
        (1, "samples left out"),
        (1, "without a technique"),
    ):
        assert f"<li><b>{number}</b><span>{name}</span>" in page
    assert "Nothing:Known/AtAll" in _section(page, "Without a technique")


def test_tactics_are_counted_by_account(mapping: AttackMapping) -> None:
    """Each account must be a row with its number of findings."""
    page = _report(
        mapping,
        [_on("ec2-portscan", "2026-03-10", number, accountId=f"{number:012}") for number in (1, 2, 3)],
    )
    assert all(f"{number:012}" in _section(page, "Tactics by account") for number in (1, 2, 3))


def test_empty_period_says_so(mapping: AttackMapping) -> None:
    """A report without findings must state that in every section, not fail."""
    page = _report(mapping, [])
    assert "No finding of the period has a technique." in page
    assert "so everything would be new" in page


def test_page_has_no_script_and_loads_nothing(mapping: AttackMapping) -> None:
    """The report must have no script, and no address but links to ATT&CK."""
    reader = _Reader(_report(mapping, [_on("ec2-portscan", "2026-03-10", 1)]))
    assert "script" not in reader.tags
    links = [value for name, value in reader.attributes if name in ("href", "src")]
    assert all(link.startswith(("https://attack.mitre.org/", "data:")) for link in links)


def test_text_of_attackers_is_only_text(mapping: AttackMapping) -> None:
    """Nothing that findings say may add an element or an attribute; it must appear as text."""
    events = findings()
    for event in events:
        event["detail"]["service"] |= {"eventLastSeen": "2026-03-10T02:00:00Z"}
    plain = [_on("iam-anomalous-persistence-create-access-key", "2026-03-10", n) for n in range(len(events))]
    page = _report(mapping, [Finding.from_event(event) for event in events])
    harmless = _Reader(_report(mapping, plain))
    reader = _Reader(page)
    assert set(reader.tags) <= {*harmless.tags, "h3", "li", "p"}
    assert {name for name, _ in reader.attributes} <= {name for name, _ in harmless.attributes}
    assert any(ATTACKS[0][:20] in text for text in reader.texts)
    page.encode("utf-8")


def test_long_period_joins_days() -> None:
    """A year must have at most 120 bars, and no bar be outside the picture."""
    first, last = date(2025, 1, 1), date(2025, 12, 31)
    from collections import Counter

    chart = days_chart({first: Counter(HIGH=3), last: Counter(LOW=2, HIGH=1)}, first, last)
    assert 2 == chart.count('class="high"')
    assert "Findings by 4 days" in chart


@pytest.mark.parametrize(
    ("number", "shade"), [(0, "heat-0"), (1, "heat-1"), (25, "heat-1"), (26, "heat-2"), (100, "heat-4")]
)
def test_heat_is_the_share_of_the_highest(number: int, shade: str) -> None:
    """A cell's shade must be its quarter of the highest number; zero has none."""
    assert shade == shade_of(number, 100)
