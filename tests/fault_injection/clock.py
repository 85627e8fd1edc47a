"""The simulated time of a schedule: nothing sleeps, every operation advances the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb

from enricher.delivery import pipeline

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
    """Make Powertools Idempotency and the pipeline use the simulated time."""

    class Datetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(clock.now, tz)

    module = SimpleNamespace(datetime=Datetime, timedelta=dt.timedelta, date=dt.date, time=dt.time)
    with (
        patch.object(base, "dt", module),
        patch.object(dynamodb, "dt", module),
        patch.object(datarecord, "dt", module),
        patch.object(pipeline, "time", SimpleNamespace(time=lambda: clock.now)),
    ):
        yield
