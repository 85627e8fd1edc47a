"""Keep the time of a schedule: nothing sleeps, everything that takes time says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb

from enricher.delivery import pipeline as route

#: When a schedule begins, in seconds of the epoch.
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp()


class Clock:
    """Hold the time, in seconds of the epoch."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@contextmanager
def all_read(clock: Clock) -> Iterator[None]:
    """Make Powertools Idempotency and the route read their time from the clock."""

    class Datetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(clock.now, tz)

    module = SimpleNamespace(datetime=Datetime, timedelta=dt.timedelta, date=dt.date, time=dt.time)
    with (
        patch.object(base, "dt", module),
        patch.object(dynamodb, "dt", module),
        patch.object(datarecord, "dt", module),
        patch.object(route, "time", SimpleNamespace(time=lambda: clock.now)),
    ):
        yield
