"""Serve a team's own records in place of the bundled ones, read from S3 or from SSM Parameter Store.

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

from enricher.destinations.timeouts import Patience
from enricher.mapping.model import Mapping
from enricher.mapping.records import read_overrides

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

#: How old the overrides may be, and how long an unreachable source is left alone, in seconds.
MAX_AGE = 300
#: A mapping of everything is 0.2 MB; more than this is some other file.
MOST_BYTES = 1_048_576

# Short, so that a source that does not answer can use up neither Lambda's init time nor the batch's.
_PATIENCE = Patience(connect=1, read=2)


class S3Provider(BaseProvider):
    """Read an S3 object, named BUCKET/KEY, as Powertools reads a parameter: with its cache."""

    def __init__(self) -> None:
        self.client = boto3.client("s3", config=_PATIENCE.config())
        super().__init__(client=self.client)  # type: ignore[no-untyped-call]

    def _get(self, name: str, **_sdk_options: Any) -> str:
        bucket, _, key = name.partition("/")
        data = self.client.get_object(Bucket=bucket, Key=key)["Body"].read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"the object is larger than {MOST_BYTES} bytes")
        return data.decode("utf-8-sig")

    def _get_multiple(self, path: str, **_sdk_options: Any) -> dict[str, str]:
        raise NotImplementedError(path)


@dataclass(slots=True)
class Overrides:
    """Hold the mapping with the overrides applied; read: gives their TOML text, at most MAX_AGE old."""

    source: str
    read: Callable[[], Any]
    bundled: Mapping
    logger: Logger
    metrics: Metrics
    _text: str | None = None
    _mapping: Mapping = field(init=False)
    _ask_again: float = 0.0

    def __post_init__(self) -> None:
        """Start from the bundled mapping."""
        self._mapping = self.bundled

    def current(self) -> Mapping:
        """Give the mapping to work with. Never raises: what cannot be read leaves the mapping as it was."""
        if time.monotonic() < self._ask_again:
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
            self._ask_again = time.monotonic() + MAX_AGE
        return self._mapping

    def _apply(self, text: str) -> None:
        records, faults = read_overrides(text, self.source, self.bundled.catalogue)
        for fault in faults:
            facts = {"source": fault.file, "override": fault.subject, "reason": fault.message}
            self.logger.error("override refused, the bundled record serves", extra=facts)
        if faults:
            self._count("OverrideRefused", len({fault.subject for fault in faults}))
        self._mapping = self.bundled.with_overrides(records)
        self._text = text
        self.logger.info("overrides read", extra={"source": self.source, "types": sorted(records)})

    def _count(self, name: str, value: int) -> None:
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def build(source: str, bundled: Mapping, logger: Logger, metrics: Metrics) -> Overrides:
    """Make the overrides of a source, s3://BUCKET/KEY or ssm:/NAME, and read them a first time."""
    if source.startswith("s3://"):
        read = partial(S3Provider().get, source.removeprefix("s3://"), max_age=MAX_AGE)
    else:
        ssm = SSMProvider(boto_config=_PATIENCE.config())
        read = partial(ssm.get, source.removeprefix("ssm:"), max_age=MAX_AGE, decrypt=True)
    overrides = Overrides(source, read, bundled, logger, metrics)
    overrides.current()
    return overrides
