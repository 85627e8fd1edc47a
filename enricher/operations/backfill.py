"""Read past findings, from GuardDuty or its S3 export, and put them on a queue as EventBridge would have.

One page is held at a time. A page's position is where a later run continues; it is saved only after the queue
has confirmed the page: an interruption sends at most one page twice, which the deduplication suppresses.
"""

from __future__ import annotations

import gzip
import json
import re
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from enricher.finding.event import Finding, MalformedEvent, read_json
from enricher.finding.fields import time_at
from enricher.operations.aws import Aws, OperationFailed, Pace, confirmed
from enricher.operations.detectors import MAX_IDS, detector_ids, get_findings
from enricher.operations.queues import Message, send

#: Bytes of an SQS message, attributes included; some are left for the attribute `resend`.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_MESSAGE_BYTES = 1_048_576 - 1024
#: The date in a key of the export: AWSLogs/ACCOUNT/GuardDuty/REGION/2026/11/27/UUID.jsonl.gz
#: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
_KEY_DATE = re.compile(r"/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]+$")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which findings to bring in: last updated between since and until.

    minimum_severity: 0 for all; types: () for all; archived: include, exclude or only.
    """

    since: datetime
    until: datetime
    minimum_severity: int = 0
    types: tuple[str, ...] = ()
    archived: str = "exclude"

    def criterion(self, since: int) -> dict[str, Any]:
        """Return the criterion of ListFindings; since: milliseconds, as it compares times."""
        until = int(self.until.timestamp() * 1000)
        criterion: dict[str, Any] = {"updatedAt": {"GreaterThanOrEqual": since, "LessThanOrEqual": until}}
        if self.minimum_severity:
            criterion["severity"] = {"GreaterThanOrEqual": self.minimum_severity}
        if self.types:
            criterion["type"] = {"Equals": list(self.types)}
        if self.archived != "include":
            criterion["service.archived"] = {"Equals": ["true" if self.archived == "only" else "false"]}
        return criterion

    def keep(self, finding: Finding) -> bool:
        """Return whether a finding of the export passes; what cannot be compared passes."""
        updated, severity = time_at(finding.view, "updatedAt"), finding.number("severity")
        return (
            (updated is None or self.since <= updated <= self.until)
            and (severity is None or severity >= self.minimum_severity)
            and (not self.types or finding.type in self.types)
            and (self.archived == "include" or finding.flag("service.archived") is (self.archived == "only"))
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 50 findings.

    source, position: where a later run continues, "" if not after this page; rejected: place and reason.
    """

    source: str
    position: str
    findings: Sequence[Finding]
    rejected: Sequence[str] = ()


def from_guardduty(aws: Aws, region: str, filters: Filters, done: dict[str, str]) -> Iterator[Page]:
    """Yield the findings of every detector of a Region, oldest update first; done: position by source."""
    detectors = detector_ids(aws, region)
    if not detectors:
        raise OperationFailed(f"no GuardDuty detector in {region}: check --regions")
    for detector in detectors:
        source = f"guardduty:{region}:{detector}"
        since = done.get(source, str(int(filters.since.timestamp() * 1000)))
        yield from _from_detector(aws.client("guardduty", region), detector, filters, int(since), source)


def _from_detector(client: Any, detector: str, filters: Filters, since: int, source: str) -> Iterator[Page]:
    """Yield the pages of one detector.

    Each list begins at the last update that was seen, not at a page token: findings that are updated
    meanwhile leave the list, and would shift the pages behind a token past findings that were not read.
    """
    token: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        page = client.list_findings(
            DetectorId=detector,
            FindingCriteria={"Criterion": filters.criterion(since)},
            SortCriteria={"AttributeName": "updatedAt", "OrderBy": "ASC"},
            MaxResults=MAX_IDS,
            **token,
        )
        ids = [name for name in confirmed(page, "FindingIds") if name not in seen]
        rows = get_findings(client, detector, ids) if ids else []
        findings, rejected = _parse(rows, source)
        latest = max([since, *(_milliseconds(finding) for finding in findings)])
        if rows:
            yield Page(source, str(latest), findings, rejected)
        if not page.get("NextToken"):
            return
        if latest > since:
            # Those of the same millisecond are listed again.
            seen = {finding.text("id") for finding in findings if _milliseconds(finding) == latest}
            since, token = latest, {}
        else:
            seen.update(ids)
            token = {"NextToken": page["NextToken"]}


def _parse(rows: Sequence[object], source: str) -> tuple[list[Finding], list[str]]:
    findings: list[Finding] = []
    rejected: list[str] = []
    for row in rows:
        try:
            findings.append(Finding.from_detail(row))
        except MalformedEvent as error:
            rejected.append(f"{source}: {error}")
    return findings, rejected


def _milliseconds(finding: Finding) -> int:
    updated = time_at(finding.view, "updatedAt")
    return round(updated.timestamp() * 1000) if updated else 0


def from_s3(aws: Aws, uri: str, filters: Filters, done: dict[str, str]) -> Iterator[Page]:
    """Yield the findings of GuardDuty's export below s3://BUCKET/PREFIX, in the order of the keys."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    client, source = aws.client("s3"), f"s3:{bucket}/{prefix}"
    first = f"{filters.since:%Y/%m/%d}"
    arguments = {"Bucket": bucket, "Prefix": prefix, "StartAfter": done.get(source, "")}
    for listed in client.get_paginator("list_objects_v2").paginate(**arguments):
        for row in listed.get("Contents", []):
            date = _KEY_DATE.search(row["Key"])
            if not row["Key"].endswith(".gz") or (date and date[1] < first):
                continue
            yield from _from_object(client, bucket, row["Key"], filters, source)


def _from_object(client: Any, bucket: str, key: str, filters: Filters, source: str) -> Iterator[Page]:
    """Yield the findings of one object; the position is its key, on the last page only."""
    position, place = "", f"s3://{bucket}/{key}"
    findings: list[Finding] = []
    rejected: list[str] = []
    body = confirmed(client.get_object(Bucket=bucket, Key=key), "Body")
    try:
        with gzip.GzipFile(fileobj=body) as lines:
            for number, line in enumerate(lines, 1):
                if len(findings) == MAX_IDS:
                    yield Page(source, position, findings, rejected)
                    findings, rejected = [], []
                found, wrong = _parse_line(line, f"{place}: line {number}")
                findings += [finding for finding in found if filters.keep(finding)]
                rejected += wrong
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        rejected.append(f"{place}: not a valid gzip file: {error}")
    yield Page(source, key, findings, rejected)


def _parse_line(line: bytes, place: str) -> tuple[list[Finding], list[str]]:
    if not line.strip():
        return [], []
    try:
        return _parse([read_json(line)], place)
    except MalformedEvent as error:
        return [], [f"{place}: {error}"]


def event_of(finding: Finding) -> dict[str, Any]:
    """Return the event that EventBridge would have sent: camelCase `detail`, `time` in whole seconds.

    Its id is a hash of ARN and update time: the same for the same update, whenever it is brought in.
    """
    updated = finding.text("updatedAt")
    return {
        **finding.event,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{finding.arn}|{updated}")),
        "time": re.sub(r"\.[0-9]+Z$", "Z", updated),
        "detail": finding.view,
    }


def message_of(finding: Finding, resend: str) -> Message:
    """Return the message for a route's queue: ASCII, as SQS takes not every character."""
    return Message(json.dumps(event_of(finding), default=_wire_value, separators=(",", ":")), resend)


def _wire_value(value: object) -> float:
    """Return a time that boto3 has parsed as the API sends it: seconds since 1970."""
    if not isinstance(value, datetime):
        raise TypeError(type(value).__name__)
    return value.timestamp()


@dataclass(slots=True)
class Backfill:
    """Puts pages on queues. queues: their URLs; pace: messages a second; sent: findings so far."""

    sqs: Any
    queues: Sequence[str]
    pace: Pace
    resend: str = ""
    sent: int = 0
    rejected: list[str] = field(default_factory=list)

    def put(self, page: Page) -> None:
        """Put the findings of a page on every queue; raise OperationFailed if one is not confirmed."""
        messages = []
        for finding in page.findings:
            message = message_of(finding, self.resend)
            if len(message.body) > MAX_MESSAGE_BYTES:
                self.rejected.append(f"{finding.arn}: larger than an SQS message may be: send it by hand")
            else:
                messages.append(message)
        for url in self.queues:
            for start in range(0, len(messages), 10):
                some = messages[start : start + 10]
                self.pace.wait(len(some))
                if failures := send(self.sqs, url, some):
                    reason = next(iter(failures.values()))
                    raise OperationFailed(
                        f"{url}: {len(failures)} not taken: {reason}: run the command again"
                    )
        self.sent += len(messages)
        self.rejected += page.rejected


def days_before(days: int, until: datetime) -> datetime:
    """Return the time a number of days before another."""
    return datetime.fromtimestamp(until.timestamp() - days * 86_400, UTC)
