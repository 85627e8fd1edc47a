"""Tests of the counts of observed findings."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.observed import MOST_VALUES, Observed, Period, Top
from tests import examples

SCAN = ("T1046", "TA0007")


def _scan(number: int = 0, **changes: Any) -> Finding:
    arn = f"arn:aws:guardduty:::finding/{number}"
    return Finding.from_event(examples.event("ec2-portscan", **{"arn": arn, **changes}))


def _times(first: str, last: str, count: int = 1) -> dict[str, Any]:
    service = examples.event("ec2-portscan")["detail"]["service"]
    return {"service": service | {"eventFirstSeen": first, "eventLastSeen": last, "count": count}}


def test_copies_of_a_finding_count_once_and_widen_its_span(mapping: AttackMapping) -> None:
    """Later copies of a finding must not add to the counts, but move the last observation."""
    observed = Observed(mapping)
    observed.add(_scan(**_times("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")))
    observed.add(_scan(**_times("2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z")))
    cell = observed.cells[SCAN]
    assert (1, 1, 1, 1) == (cell.findings, observed.total.findings, observed.repeats, sum(cell.days.values()))
    span = [moment.date() for moment in (cell.first, cell.last) if moment]
    assert [date(2026, 1, 2), date(2026, 2, 1)] == span


def test_accounts_are_distinct_and_occurrences_add_up(mapping: AttackMapping) -> None:
    """Accounts must count once each, with their number of findings; occurrences sum `service.count`."""
    observed = Observed(mapping)
    for number, account in enumerate(["111122223333", "444455556666", "111122223333"]):
        span = _times("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", count=5)
        observed.add(_scan(number, accountId=account, **span))
    cell = observed.cells[SCAN]
    assert {"111122223333": 2, "444455556666": 1} == {key: row[0] for key, row in cell.accounts.items()}
    assert (3, 15) == (cell.findings, cell.occurrences)


def test_samples_and_findings_outside_the_period_are_counted_apart(mapping: AttackMapping) -> None:
    """A sample and a finding last seen outside the period must be left out and counted as such."""
    observed = Observed(mapping, period=Period(date(2026, 1, 1), date(2026, 1, 31)))
    observed.add(Finding.from_event(examples.event("awkward-sample-finding")))
    for number, day in enumerate(["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01"]):
        observed.add(_scan(number, **_times("2025-01-01T00:00:00Z", f"{day}T12:00:00Z")))
    assert (5, 1, 2, 2) == (observed.read, observed.samples, observed.outside, observed.total.findings)


def test_evidence_and_resources_of_a_technique_are_counted(mapping: AttackMapping) -> None:
    """The fields that decided, and the affected resource, must be counted for the technique."""
    observed = Observed(mapping)
    observed.add(Finding.from_event(examples.event("iam-anomalous-persistence-create-access-key")))
    cell = observed.cells["T1098.001", "TA0003"]
    assert ("service.action.awsApiCallAction.api = CreateAccessKey", 1) in cell.evidence.most(9)
    assert cell.resources.most(9)
    assert not [text for text, _ in cell.evidence.most(99) if text.startswith("type = ")]


def test_finding_without_technique_is_counted_as_unmapped(mapping: AttackMapping) -> None:
    """A finding that gets no technique must be counted, with its type."""
    observed = Observed(mapping)
    observed.add(Finding.from_detail({"type": "Nothing:Known/AtAll", "accountId": "111122223333"}))
    assert [("Nothing:Known/AtAll", 1)] == observed.unmapped.types.most(9)


def test_top_is_bounded_and_counts_the_rest() -> None:
    """Beyond MOST_VALUES distinct values, further ones must be counted together."""
    top = Top()
    for number in range(MOST_VALUES + 5):
        top.add(str(number))
    top.add("0")
    assert (MOST_VALUES, 5, 2) == (len(top.counts), top.others, top.counts["0"])


def test_period_before_has_the_same_length() -> None:
    """The period before must end the day before and have as many days; one without limits has none before."""
    period = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert Period(date(2026, 1, 29), date(2026, 2, 28)) == period.before()
    with pytest.raises(ValueError, match="without a limit"):
        Period(date(2026, 3, 1)).before()
    assert None not in period
    assert None in Period()


def test_memory_grows_by_the_set_of_findings_only(mapping: AttackMapping) -> None:
    """Beyond the bounds, a finding of its own resource must take less than 400 bytes: numbers in a set."""
    event = examples.event("ec2-portscan")

    def findings(start: int, number: int) -> Iterator[Finding]:
        for index in range(start, start + number):
            detail = event["detail"]
            instance = detail["resource"]["instanceDetails"] | {"instanceId": f"i-{index}"}
            changed = {"arn": f"arn:{index}", "resource": detail["resource"] | {"instanceDetails": instance}}
            yield Finding.from_event({**event, "detail": detail | changed})

    observed = Observed(mapping).add_all(findings(0, MOST_VALUES + 100))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    observed.add_all(findings(MOST_VALUES + 100, 2_000))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert MOST_VALUES + 2_100 == observed.total.findings
    assert grown < 400 * 2_000
