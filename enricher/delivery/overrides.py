"""Override bundled mapping records with a team's own, read from S3 or from SSM Parameter Store.

Imported only where MAPPING_OVERRIDES is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from enricher.destinations.clients import make_client
from enricher.destinations.timeouts import Timeouts
from enricher.mapping.model import AttackMapping
from enricher.mapping.records import read_overrides

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.settings import Settings

#: How long the overrides are used before their source is read again, in seconds, also after a failed read.
MAX_AGE = 300
#: Maximum size of an S3 object in bytes. The complete bundled mapping has 0.2 MB; a larger file is not one.
MAX_BYTES = 1_048_576

# Short, so that an unresponsive source cannot use up Lambda's init time or the execution time of a batch.
_TIMEOUTS = Timeouts(connect=1, read=2)


class Document(NamedTuple):
    """What a source contains. version: the ETag of an object, the version of a parameter."""

    text: str
    version: str


def read_object(client: Any, bucket: str, key: str, owner: str) -> Document:
    """Read an S3 object; raise ValueError above MAX_BYTES, ClientError if `owner` does not own the bucket.

    owner: account ID, "" to accept any. A deleted bucket's name is free: without the check its next owner
    would write our mapping.
    """
    expected = {"ExpectedBucketOwner": owner} if owner else {}
    answer = client.get_object(Bucket=bucket, Key=key, **expected)
    data = answer["Body"].read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"the object exceeds {MAX_BYTES} bytes")
    return Document(data.decode("utf-8-sig"), answer["ETag"])


def read_parameter(client: Any, name: str) -> Document:
    """Read an SSM parameter, decrypted."""
    parameter = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return Document(parameter["Value"], str(parameter["Version"]))


@dataclass(slots=True)
class Overrides:
    """The mapping with the overrides applied.

    source: s3://BUCKET/KEY or ssm:/NAME; read: reads it.
    """

    source: str
    read: Callable[[], Document]
    bundled: AttackMapping
    logger: Logger
    metrics: Metrics
    _document: Document | None = None
    _mapping: AttackMapping = field(init=False)
    _read_at: float = 0.0

    def __post_init__(self) -> None:
        """Start from the bundled mapping."""
        self._mapping = self.bundled

    def current(self) -> AttackMapping:
        """Return the mapping to use, at most MAX_AGE seconds old.

        Never raises: it stays unchanged if the source cannot be read.
        """
        if time.monotonic() < self._read_at:
            return self._mapping
        try:
            document = self.read()
            if document != self._document:
                self._apply(document)
        except Exception as error:
            self.logger.exception(
                "overrides unavailable", extra={"source": self.source, "reason": str(error)}
            )
            self._count("OverridesUnavailable", 1)
        self._read_at = time.monotonic() + MAX_AGE
        return self._mapping

    def _apply(self, document: Document) -> None:
        records, problems = read_overrides(
            document.text, self.source, self.bundled.catalogue, self.bundled.responses
        )
        for problem in problems:
            place = {"source": problem.file, "line": problem.line, "override": problem.subject}
            self.logger.error(
                "invalid override; using the bundled record", extra={**place, "reason": problem.message}
            )
        if problems:
            self._count("InvalidOverride", len({problem.subject for problem in problems}))
        self._mapping = self.bundled.with_overrides(records)
        self._document = document
        self._count("OverrideRecords", len(records))
        loaded = {"source": self.source, "version": document.version, "records": len(records)}
        self.logger.info("overrides loaded", extra={**loaded, "types": sorted(records)})

    def _count(self, name: str, value: int) -> None:
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def build(settings: Settings, bundled: AttackMapping, logger: Logger, metrics: Metrics) -> Overrides:
    """Create the overrides of `settings.mapping_overrides` and load them for the first time."""
    source, config = settings.mapping_overrides, _TIMEOUTS.config()
    if source.startswith("s3://"):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        owner = settings.mapping_overrides_owner or settings.account_id
        read = partial(read_object, make_client("s3", config), bucket, key, owner)
    else:
        read = partial(read_parameter, make_client("ssm", config), source.removeprefix("ssm:"))
    overrides = Overrides(source, read, bundled, logger, metrics)
    overrides.current()
    return overrides
