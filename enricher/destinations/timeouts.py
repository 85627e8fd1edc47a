"""Say how long a call to AWS is waited for, so that none outlasts what its caller has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Patience:
    """Hold the time limits of each attempt, in seconds, and the number of attempts."""

    connect: float
    read: float
    attempts: int = 2

    @property
    def seconds(self) -> float:
        """Give the longest that a call can take: every attempt, and a second of back-off between two."""
        return self.attempts * (self.connect + self.read) + self.attempts - 1

    def config(self) -> Config:
        """Give the configuration of a client that waits no longer."""
        from botocore.config import Config

        return Config(
            connect_timeout=self.connect,
            read_timeout=self.read,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )
