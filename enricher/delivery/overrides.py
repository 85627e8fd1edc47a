"""Override bundled mapping records with a team's own, read from S3 or from SSM Parameter Store.

Imported only where MAPPING_OVERRIDES is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parameters import BaseProvider, SSMProvider

from enricher.destinations.timeouts import Timeouts
from enricher.mapping.model import AttackMapping
from enricher.mapping.records import read_overrides

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

#: Maximum age of the cached overrides, and the time before an unavailable source is read again, in seconds.
MAX_AGE = 300
#: Maximum size of an S3 object in bytes. The complete bundled mapping has 0.2 MB; a larger file is not one.
MAX_BYTES = 1_048_576

# Short, so that an unresponsive source cannot use up Lambda's init time or the execution time of a batch.
_TIMEOUTS = Timeouts(connect=1, read=2)


class S3Provider(BaseProvider):
    """Powertools parameter provider for S3 objects, named BUCKET/KEY: gives them the cache of parameters."""

    def __init__(self) -> None:
        self.client = boto3.client("s3", config=_TIMEOUTS.config())
        super().__init__(client=self.client)  # type: ignore[no-untyped-call]

    def _get(self, name: str, **_sdk_options: Any) -> str:
        bucket, _, key = name.partition("/")
        data = self.client.get_object(Bucket=bucket, Key=key)["Body"].read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"the object exceeds {MAX_BYTES} bytes")
        return data.decode("utf-8-sig")

    def _get_multiple(self, path: str, **_sdk_options: Any) -> dict[str, str]:
        raise NotImplementedError(path)


@dataclass(slots=True)
class Overrides:
    """The mapping with the overrides applied.

    source: s3://BUCKET/KEY or ssm:/NAME; read: returns the TOML text, at most MAX_AGE seconds old.
    """

    source: str
    read: Callable[[], Any]
    bundled: AttackMapping
    logger: Logger
    metrics: Metrics
    _text: str | None = None
    _mapping: AttackMapping = field(init=False)
    _retry_at: float = 0.0

    def __post_init__(self) -> None:
        """Start from the bundled mapping."""
        self._mapping = self.bundled

    def current(self) -> AttackMapping:
        """Return the mapping to use. Never raises: it stays unchanged if the source cannot be read."""
        if time.monotonic() < self._retry_at:
            return self._mapping
        try:
            text = self.read()
            if text != self._text:
                self._apply(text)
        except Exception as error:
            self.logger.exception(
                "overrides unavailable", extra={"source": self.source, "reason": str(error)}
            )
            self._count("OverridesUnavailable", 1)
            self._retry_at = time.monotonic() + MAX_AGE
        return self._mapping

    def _apply(self, text: str) -> None:
        records, problems = read_overrides(text, self.source, self.bundled.catalogue, self.bundled.responses)
        for problem in problems:
            details = {"source": problem.file, "override": problem.subject, "reason": problem.message}
            self.logger.error("invalid override; using the bundled record", extra=details)
        if problems:
            self._count("InvalidOverride", len({problem.subject for problem in problems}))
        self._mapping = self.bundled.with_overrides(records)
        self._text = text
        self.logger.info("overrides loaded", extra={"source": self.source, "types": sorted(records)})

    def _count(self, name: str, value: int) -> None:
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def build(source: str, bundled: AttackMapping, logger: Logger, metrics: Metrics) -> Overrides:
    """Create the overrides of a source, s3://BUCKET/KEY or ssm:/NAME, and load them for the first time."""
    if source.startswith("s3://"):
        read = partial(S3Provider().get, source.removeprefix("s3://"), max_age=MAX_AGE)
    else:
        ssm = SSMProvider(boto_config=_TIMEOUTS.config())
        read = partial(ssm.get, source.removeprefix("ssm:"), max_age=MAX_AGE, decrypt=True)
    overrides = Overrides(source, read, bundled, logger, metrics)
    overrides.current()
    return overrides
