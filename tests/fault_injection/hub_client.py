"""A fake, in-memory Security Hub client for the function, with injected faults and rate limits.

Rate limits: 3 GetFindings a second with a burst of 6, 10 of the others with a burst of 30
(https://docs.aws.amazon.com/securityhub/1.0/APIReference/Welcome.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.hub import Hub
from tests.fault_injection.injector import FaultInjector, client_error, do_nothing

_RETRIED_CODES = ("ConcurrentUpdateError", "InternalFailure")


@dataclass(slots=True)
class TokenBucket:
    """A token bucket. rate: tokens per second; burst: capacity."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = 0.0

    def take(self, now: float, count: float = 1) -> bool:
        """Take `count` tokens for a call; return whether there were as many."""
        if self.tokens < 0:
            self.tokens, self.at = self.burst, now
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < count:
            return False
        self.tokens -= count
        return True


@dataclass(slots=True)
class HubClient:
    """The client of the hub's Region; counts its calls. on_call: called during each call."""

    hub: Hub
    injector: FaultInjector
    on_call: Callable[[], None] = do_nothing
    get_calls: int = 0
    updates: int = 0
    imports: int = 0
    _get: TokenBucket = field(default_factory=lambda: TokenBucket(3, 6))
    _other: TokenBucket = field(default_factory=lambda: TokenBucket(10, 30))

    def get_findings(self, **request: Any) -> dict[str, Any]:
        """Fake the operation."""
        self.get_calls += 1
        self._limit_rate(self._get, "GetFindings")
        return self.injector.call(
            "GetFindings", lambda: self.hub.get(request), 26.0, "TooManyRequestsException"
        )

    def batch_update_findings(self, **request: Any) -> dict[str, Any]:
        """Fake the operation."""
        self.updates += 1
        self._limit_rate(self._other, "BatchUpdateFindings")

        def update() -> dict[str, Any]:
            accepted, unprocessed = [], []
            for identifier in request["FindingIdentifiers"]:
                if self.injector.occurs(self.injector.rates.partial):
                    code = self.injector.random.choice(_RETRIED_CODES)
                    unprocessed.append(
                        {"FindingIdentifier": identifier, "ErrorCode": code, "ErrorMessage": "x"}
                    )
                else:
                    accepted.append(identifier)
            if not accepted:
                return {"ProcessedFindings": [], "UnprocessedFindings": unprocessed}
            response = self.hub.update({**request, "FindingIdentifiers": accepted})
            return {**response, "UnprocessedFindings": response["UnprocessedFindings"] + unprocessed}

        return self.injector.call("BatchUpdateFindings", update, 26.0, "LimitExceededException")

    def batch_import_findings(self, **request: Any) -> dict[str, Any]:
        """Fake the operation."""
        self.imports += 1
        self._limit_rate(self._other, "BatchImportFindings")

        def import_() -> dict[str, Any]:
            accepted, failed = [], []
            for finding in request["Findings"]:
                if self.injector.occurs(self.injector.rates.partial):
                    failed.append({"Id": finding["Id"], "ErrorCode": "InternalFailure", "ErrorMessage": "x"})
                else:
                    accepted.append(finding)
            response: dict[str, Any] = (
                self.hub.import_findings({"Findings": accepted})
                if accepted
                else {"SuccessCount": 0, "FailedFindings": []}
            )
            failed += response["FailedFindings"]
            return {**response, "FailedCount": len(failed), "FailedFindings": failed}

        return self.injector.call("BatchImportFindings", import_, 26.0, "LimitExceededException")

    def _limit_rate(self, bucket: TokenBucket, operation: str) -> None:
        self.on_call()
        if not bucket.take(self.injector.clock.now):
            self.injector.pass_time(1.0)
            raise client_error(operation, "TooManyRequestsException", 429)
