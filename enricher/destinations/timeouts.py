"""Timeouts of AWS calls, bounded so that no call outlasts the execution time its caller has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Connect and read timeout of each attempt, in seconds, and the total number of attempts."""

    connect: float
    read: float
    attempts: int = 2

    @property
    def seconds(self) -> float:
        """Return the longest time a call can take: all attempts, with one second of back-off between them."""
        return self.attempts * (self.connect + self.read) + self.attempts - 1

    def config(self) -> Config:
        """Return the botocore client configuration with these limits."""
        from botocore.config import Config

        return Config(
            connect_timeout=self.connect,
            read_timeout=self.read,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )
