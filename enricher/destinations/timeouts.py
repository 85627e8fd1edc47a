"""Timeouts of AWS calls, bounded so that no call outlasts the execution time its caller has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from botocore.config import Config

#: The longest wait of botocore's mode standard before a second attempt, in seconds: up to one by itself, and
#: up to five more if the answer has the header x-amz-retry-after. (botocore/retries/standard.py)
RETRY_WAIT = 1.0 + 5.0


class Timeouts(NamedTuple):
    """Connect and read timeout of each attempt, in seconds, and the total number of attempts."""

    connect: float
    read: float
    attempts: int = 2

    @property
    def seconds(self) -> float:
        """Return the longest time a call can take: all attempts and the waits between them."""
        return self.attempts * (self.connect + self.read) + (self.attempts - 1) * RETRY_WAIT

    def config(self, *, validate: bool = True) -> Config:
        """Return the botocore client configuration with these limits.

        validate: whether botocore checks the parameters of each call against its model before it sends them.
        """
        from botocore.config import Config

        return Config(
            connect_timeout=self.connect,
            read_timeout=self.read,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            parameter_validation=validate,
        )
