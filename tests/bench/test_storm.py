"""Test the simulation of a storm where its result is known without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.batches import DESTINATIONS, batch_of
from bench.storm_model import QUOTAS, Cost, RouteModel, simulate

#: A record takes a tenth of a second and nothing else takes time.
PLAIN = Cost(record=0.1, request=0, init=0, round_trips=(("dynamodb", 0), ("sns", 0), ("security_hub", 0)))
REGION = "us-east-1"


def siem(**changes: float) -> RouteModel:
    """Return a SIEM route with one poller and a whole processor."""
    model = replace(RouteModel.of("siem"), concurrency=1, memory=QUOTAS["lambda"]["processor_megabytes"])
    return replace(model, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("pollers", "seconds"), [(1, 10), (2, 5), (5, 2)])
def test_pollers_share_the_work(pollers: int, seconds: float) -> None:
    """A hundred records of a tenth of a second each must take ten seconds, divided by the pollers."""
    outcome = simulate([siem(concurrency=pollers)], [0.0] * 100, REGION, PLAIN)["siem"]
    assert 100 == outcome.delivered
    # The first batches hold what has arrived by then, so that the last one may end a batch later.
    assert seconds <= outcome.last <= seconds + 1
    assert outcome.billed == pytest.approx(10)


def test_less_memory_takes_longer() -> None:
    """Half a processor must take twice as long."""
    whole, half = (
        simulate([siem(memory=memory)], [0.0] * 100, REGION, PLAIN)["siem"].billed for memory in (1769, 884.5)
    )
    assert half == pytest.approx(2 * whole)


def test_lambda_adds_pollers_over_time() -> None:
    """Of 65 pollers five must start at once, and the sixtieth of the others 12 seconds later."""
    slow = replace(PLAIN, record=20)
    outcome = simulate([siem(concurrency=65, batch=1)], [0.0] * 65, REGION, slow)["siem"]
    assert 20 + 60 * 60 / QUOTAS["lambda"]["batches_per_minute"] == pytest.approx(outcome.last, abs=0.1)


def test_eventbridge_delays_what_exceeds_its_rate() -> None:
    """Findings at one moment must arrive one after the other at the rate of the Region, and none be lost."""
    rate = QUOTAS["eventbridge"]["regions"]["af-south-1"]
    model = replace(RouteModel.of("import"), window=0)
    outcome = simulate([model], [0.0] * 2 * rate, "af-south-1", replace(PLAIN, record=0))["import"]
    assert 2 * rate == outcome.delivered
    # The rate of BatchImportFindings may delay the last batch by a retry.
    assert 2 <= outcome.last <= 3.5


def test_batching_window_collects_findings() -> None:
    """Findings that come one a second must be received as many at a time as the window has seconds."""
    model = replace(RouteModel.of("import"), concurrency=1, window=30, batch=100)
    free = replace(PLAIN, record=0)
    outcome = simulate([model], [float(second) for second in range(300)], REGION, free)["import"]
    assert outcome.invocations in range(9, 12)
    assert 300 == outcome.delivered


def test_rate_of_security_hub_sets_the_time() -> None:
    """Annotation must take as long as GetFindings allows: twenty findings a request."""
    model, get = replace(RouteModel.of("annotate"), delay=0), QUOTAS["security_hub"]["get"]
    outcome = simulate([model], [0.0] * 5_000, REGION)["annotate"]
    shortest = (5_000 / 20 - get["burst"]) / get["rate"]
    assert shortest <= outcome.last <= 3 * shortest + model.visibility
    assert outcome.throttled["GetFindings"]
    assert 5_000 == outcome.delivered


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("receives", [1, 3])
def test_every_finding_is_accounted_for(destination: str, receives: int) -> None:
    """Findings in must be delivered, dead-lettered or queued, also where everything throttles."""
    model = replace(RouteModel.of(destination), concurrency=200, max_receives=receives)
    outcome = simulate([model], [0.0] * 2_000, "eu-north-1")[destination]
    assert outcome.sent == outcome.delivered + outcome.dead_lettered + outcome.queued == 2_000
    assert 0 == outcome.queued
    assert bool(outcome.throttled) == bool(outcome.first_throttled)


def test_throttled_table_does_not_stop_the_findings() -> None:
    """Findings must be sent without deduplication where the table throttles, and be counted."""
    model = siem(concurrency=1000, memory=10_240)
    outcome = simulate([model], [0.0] * 10_000, REGION, replace(PLAIN, record=0))["siem"]
    assert outcome.throttled["DynamoDB writes"]
    assert outcome.unprotected
    assert 10_000 == outcome.delivered


def test_requests_of_a_batch_are_the_routes() -> None:
    """A batch of ten new findings must cost the requests that docs/scale.md counts."""
    batch = batch_of("siem", 10, 5)
    operations = [call.operation for call in batch.calls]
    assert ["batch_get_item", *["put_item"] * 10, "publish_batch", "batch_write_item"] == operations
    writes = sum(call.items for call in batch.calls if call.operation in ("put_item", "batch_write_item"))
    assert (30, 10) == (writes, batch.calls[0].items)
