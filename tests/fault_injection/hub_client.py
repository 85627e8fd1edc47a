"""Play the Security Hub client to the function, in memory: faults, rates and findings that appear in time.

Rates: 3 GetFindings a second with a burst of 6, 10 of the others with a burst of 30
(https://docs.aws.amazon.com/securityhub/1.0/APIReference/Welcome.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.hub import Hub
from tests.fault_injection.weather import Weather, client_error, nothing

_RETRIED_CODES = ("ConcurrentUpdateError", "InternalFailure")


@dataclass(slots=True)
class Bucket:
    """Let calls through at a rate."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> bool:
        """Tell whether a call is let through now."""
        if self.tokens < 0:
            self.tokens, self.at = self.burst, now
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class HubClient:
    """Be the client of the hub's Region. on_call: what else happens while a call is under way."""

    hub: Hub
    weather: Weather
    on_call: Callable[[], None] = nothing
    looks: int = 0
    updates: int = 0
    imports: int = 0
    _get: Bucket = field(default_factory=lambda: Bucket(3, 6))
    _other: Bucket = field(default_factory=lambda: Bucket(10, 30))

    def get_findings(self, **request: Any) -> dict[str, Any]:
        """Play the operation."""
        self.looks += 1
        self._admit(self._get, "GetFindings")
        return self.weather.call(
            "GetFindings", lambda: self.hub.get(request), 22.0, "TooManyRequestsException"
        )

    def batch_update_findings(self, **request: Any) -> dict[str, Any]:
        """Play the operation."""
        self.updates += 1
        self._admit(self._other, "BatchUpdateFindings")

        def update() -> dict[str, Any]:
            spared, refused = [], []
            for identifier in request["FindingIdentifiers"]:
                if self.weather.strikes(self.weather.rates.partial):
                    code = self.weather.random.choice(_RETRIED_CODES)
                    refused.append({"FindingIdentifier": identifier, "ErrorCode": code, "ErrorMessage": "x"})
                else:
                    spared.append(identifier)
            if not spared:
                return {"ProcessedFindings": [], "UnprocessedFindings": refused}
            answer = self.hub.update({**request, "FindingIdentifiers": spared})
            return {**answer, "UnprocessedFindings": answer["UnprocessedFindings"] + refused}

        return self.weather.call("BatchUpdateFindings", update, 22.0, "LimitExceededException")

    def batch_import_findings(self, **request: Any) -> dict[str, Any]:
        """Play the operation."""
        self.imports += 1
        self._admit(self._other, "BatchImportFindings")

        def take() -> dict[str, Any]:
            spared, failed = [], []
            for finding in request["Findings"]:
                if self.weather.strikes(self.weather.rates.partial):
                    failed.append({"Id": finding["Id"], "ErrorCode": "InternalFailure", "ErrorMessage": "x"})
                else:
                    spared.append(finding)
            answer = self.hub.take({"Findings": spared}) if spared else {"FailedFindings": []}
            return {**answer, "FailedFindings": answer["FailedFindings"] + failed}

        return self.weather.call("BatchImportFindings", take, 22.0, "LimitExceededException")

    def _admit(self, bucket: Bucket, operation: str) -> None:
        self.on_call()
        if not bucket.take(self.weather.clock.now):
            self.weather.pass_time(1.0)
            raise client_error(operation, "TooManyRequestsException", 429)
