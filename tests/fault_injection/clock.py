"""The simulated time of a schedule: nothing sleeps, every operation advances the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from enricher.delivery import dedup_store, pipeline

#: Start of a schedule, in seconds since the epoch.
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp()


class Clock:
    """The current simulated time, in seconds since the epoch."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds


@contextmanager
def simulated_time(clock: Clock) -> Iterator[None]:
    """Make the deduplication table and the pipeline use the simulated time."""
    module = SimpleNamespace(time=lambda: clock.now, sleep=clock.advance)
    with patch.object(dedup_store, "time", module), patch.object(pipeline, "time", module):
        yield
