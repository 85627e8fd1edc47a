"""Test the table of costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cost import MARKERS, fixed_usage, monthly_usage
from bench.prices import PRICES, cost_of, free_of
from bench.table import write


def test_cost_grows_with_the_findings() -> None:
    """A finding must use three writes and a read of the table, and one invocation where it comes alone."""
    usage = monthly_usage("siem", 1_000)
    assert (3_000, 1_000) == (usage["dynamodb.write"], usage["dynamodb.read"])
    assert 1_000 == pytest.approx(usage["lambda.request"], rel=0.1)
    assert 0 < cost_of(usage) < 0.01
    assert cost_of(usage, "dynamodb.write") == pytest.approx(3_000 * PRICES["dynamodb"]["write"])


def test_free_allowances_take_off_at_most_the_cost() -> None:
    """The free allowances must never make a bill negative."""
    usage = fixed_usage()
    assert 0 < free_of(usage) <= cost_of(usage)


def test_another_route_costs_more() -> None:
    """A route that is switched on must add its alarms, its metrics and the polling of its queue."""
    more = fixed_usage(NotificationRoute="text") - fixed_usage()
    assert {"sqs.request", "cloudwatch.metric", "cloudwatch.alarm"} == more.keys()


def test_table_is_written_between_its_markers(tmp_path: Path) -> None:
    """Only what stands between the markers may change."""
    path = tmp_path / "page.md"
    path.write_text(f"above\n{MARKERS[0]}\nold\n{MARKERS[1]}\nbelow\n", encoding="utf-8")
    write(path, ["new"], MARKERS)
    assert f"above\n{MARKERS[0]}\nnew\n{MARKERS[1]}\nbelow\n" == path.read_text(encoding="utf-8")
