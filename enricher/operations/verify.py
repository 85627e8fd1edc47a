"""Prove that a deployed stack works: make findings, and wait until each route has delivered them.

A sample finding takes the whole way, from GuardDuty through the rule. A sample of a type that has one already
is an update of it, which GuardDuty may delay by the detector's publishing frequency; so types are chosen
that have none. https://docs.aws.amazon.com/guardduty/latest/ug/sample_findings.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from enricher.destinations.batching import batch_by_number
from enricher.finding.event import Finding
from enricher.formats.asff import PREFIX
from enricher.operations.aws import Aws, OperationFailed
from enricher.operations.detectors import MAX_IDS, finding_ids, get_findings
from enricher.operations.queues import Message, depth, send
from enricher.operations.stack import MINIMUM_SEVERITIES, ROUTES, Route, Stack
from enricher.operations.temporary_queue import Arrival, arrivals
from enricher.settings import FORMATS

#: Finding types with the severity that GuardDuty documents for them, in the order in which they are tried.
SAMPLES = {
    "Trojan:EC2/DropPoint": 5,
    "Backdoor:EC2/C&CActivity.B": 8,
    "PenTest:IAMUser/KaliLinux": 5,
    "Policy:S3/BucketAnonymousAccessGranted": 8,
    "Recon:IAMUser/TorIPCaller": 5,
    "CryptoCurrency:EC2/BitcoinTool.B!DNS": 8,
    "UnauthorizedAccess:S3/TorIPCaller": 8,
    "AttackSequence:IAM/CompromisedCredentials": 9,
    "AttackSequence:S3/CompromisedData": 9,
}
#: Number of samples that a verification makes, and types of one CreateSampleFindings call.
SAMPLE_COUNT, MAX_TYPES = 2, 50
FREQUENCIES = {"FIFTEEN_MINUTES": "15 minutes", "ONE_HOUR": "an hour", "SIX_HOURS": "6 hours"}
#: Seconds: until a new sample must be listed; between two looks into Security Hub; of long polling.
LISTED_WITHIN, HUB_INTERVAL, POLL = 60, 15, 5


@dataclass(slots=True)
class Expected:
    """A finding that one route must deliver. arrived: seconds it took, None until then; seen: techniques."""

    route: Route
    finding: Finding
    arrived: float | None = None
    seen: str = ""

    def is_in(self, arrival: Arrival) -> bool:
        """Whether a message is the finding: formats for people have no ARN, so the attributes tell."""
        attributes = arrival.attributes
        return (
            arrival.topic_arn == self.route.topic_arn
            and attributes.get("finding_type") == self.finding.type
            and attributes.get("account_id", self.finding.account) == self.finding.account
            and (not FORMATS[self.route.format].has_finding_id or self.finding.text("id") in arrival.body)
        )


def threshold(stack: Stack, route: str) -> int:
    """Return the lowest severity that reaches a route's destination."""
    limits = ["MinimumSeverity", *(["NotificationMinimumSeverity"] if route == "notification" else [])]
    return max(MINIMUM_SEVERITIES.get(stack.parameters.get(name, "ALL"), 0) for name in limits)


def routes_on(stack: Stack) -> list[Route]:
    """Return the routes of a stack that are on."""
    return [route for name in ROUTES if (route := stack.route(name)).is_on]


def free_types(client: Any, detector: str, stack: Stack) -> list[str]:
    """Return types to make samples of: those without a finding whose severity reaches every route."""
    least = max(threshold(stack, route.name) for route in routes_on(stack))
    wanted = [name for name, severity in SAMPLES.items() if severity >= least]
    free = (name for name in wanted if not has_finding(client, detector, name))
    return [name for _, name in zip(range(SAMPLE_COUNT), free, strict=False)]


def has_finding(client: Any, detector: str, name: str) -> bool:
    """Return whether the detector has a finding of a type, archived or not."""
    return any(finding_ids(client, detector, {"type": {"Equals": [name]}}))


def make_samples(
    client: Any, detector: str, types: Sequence[str], wait: Callable[[float], None] = time.sleep
) -> list[Finding]:
    """Create sample findings; return them once GuardDuty lists each, or raise OperationFailed."""
    for some in batch_by_number(types, MAX_TYPES):
        client.create_sample_findings(DetectorId=detector, FindingTypes=list(some))
    criterion = {"type": {"Equals": list(types)}}
    for _ in range(LISTED_WITHIN // POLL):
        found: dict[str, Finding] = {}
        for ids in finding_ids(client, detector, criterion):
            rows = get_findings(client, detector, ids) if ids else []
            samples = (Finding.from_detail(row) for row in rows)
            found |= {item.type: item for item in samples if item.flag("service.additionalInfo.sample")}
        if found.keys() >= set(types):
            return list(found.values())
        wait(POLL)
    missing = ", ".join(sorted(set(types) - found.keys()))
    raise OperationFailed(f"no sample of {missing} within {LISTED_WITHIN} s: choose another type with --type")


def expectations(
    stack: Stack, findings: Sequence[Finding], account: str, *, own_event: bool
) -> tuple[list[Expected], list[str]]:
    """Return what each route must deliver, and a line for each finding that cannot arrive somewhere."""
    expected: list[Expected] = []
    impossible: list[str] = []
    for route in routes_on(stack):
        for finding in findings:
            if problem := _problem(stack, route, finding, account, own_event=own_event):
                impossible.append(f"{route.name}: {finding.type} cannot arrive: {problem}")
            else:
                expected.append(Expected(route, finding))
    return expected, impossible


def _problem(stack: Stack, route: Route, finding: Finding, account: str, *, own_event: bool) -> str:
    severity = finding.number("severity")
    # What is put on a route's queue has passed the rule, and so MinimumSeverity.
    names = ["NotificationMinimumSeverity"] if route.name == "notification" else []
    for name in names if own_event else ["MinimumSeverity", *names]:
        limit = stack.parameters.get(name, "ALL")
        if severity is not None and severity < MINIMUM_SEVERITIES.get(limit, 0):
            return f"its severity is {severity:g} and {name} is {limit}"
    if route.needs.native and own_event:
        return f"{route.mode} needs a finding that GuardDuty has sent to Security Hub"
    if route.needs.native and finding.flag("service.archived"):
        return "it is archived, and archived findings are not in Security Hub"
    if route.needs.account and finding.account != account:
        return f"it is of account {finding.account}, and {route.mode} takes only findings of {account}"
    return ""


def put_event(sqs: Any, stack: Stack, finding: Finding, run: str) -> None:
    """Put a finding on the queue of each route that is on, so that the deduplication lets it pass."""
    body = json.dumps(finding.event)
    for route in routes_on(stack):
        if failures := send(sqs, route.queue_url, [Message(body, run)]):
            raise OperationFailed(f"{route.name}: the event was not put on its queue: {failures[0]}")


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks for the expected findings. url: the temporary queue, "" where no topic is watched."""

    aws: Aws
    url: str
    expected: Sequence[Expected]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self, seconds: float) -> Iterator[Expected]:
        """Yield each expected finding as it arrives, until all have or the time is over."""
        start = self.clock()
        next_hub = 0.0
        while (passed := self.clock() - start) < seconds and self._missing():
            found = list(self._in_queue())
            if passed >= next_hub:
                found += self._in_security_hub()
                next_hub = passed + HUB_INTERVAL
            for item in found:
                item.arrived = self.clock() - start
            yield from found

    def _missing(self) -> list[Expected]:
        return [item for item in self.expected if item.arrived is None]

    def _in_queue(self) -> Iterator[Expected]:
        topics = [item for item in self._missing() if item.route.topic_arn]
        if not topics:
            self.sleep(POLL)
            return
        for arrival in arrivals(self.aws.client("sqs"), self.url, POLL):
            for item in topics:
                if item.is_in(arrival) and not item.seen:
                    item.seen = arrival.attributes.get("techniques", "") or "no technique"
                    yield item

    def _in_security_hub(self) -> list[Expected]:
        return [item for item in self._missing() if not item.route.topic_arn and self._is_tagged(item)]

    def _is_tagged(self, item: Expected) -> bool:
        filters = {"Id": [{"Value": item.finding.arn, "Comparison": "EQUALS"}]}
        client = self.aws.client("securityhub", item.finding.region)
        for row in client.get_findings(Filters=filters).get("Findings", []):
            fields = row.get("UserDefinedFields") or {}
            own = not item.route.needs.native and row["ProductArn"].endswith("/default")
            if own or any(key.startswith(PREFIX) for key in fields):
                return True
        return False


def where_to_look(sqs: Any, stack: Stack, route: Route) -> list[str]:
    """Return what the queues tell about a finding that did not arrive, and what to do."""
    dead, waiting = depth(sqs, route.dead_letter_url)[0], depth(sqs, route.queue_url)[0]
    undelivered = depth(sqs, stack.output("EventBridgeDeadLetterQueueUrl"))[0]
    lines = []
    if dead.visible:
        lines.append(
            f"{dead.visible} in its dead-letter queue: enricher redrive --dry-run --queue {route.name}"
        )
    if undelivered.visible:
        lines.append(
            f"{undelivered.visible} in EventBridge's: enricher redrive --dry-run --queue eventbridge"
        )
    if waiting.hidden:
        lines.append(
            f"{waiting.hidden} in delivery or waiting for a retry: see the function's log, or --wait longer"
        )
    if waiting.visible:
        lines.append(
            f"{waiting.visible} waiting in its queue: is the function's event source mapping enabled?"
        )
    return lines or ["its queues are empty: is the rule enabled, and what does the function's log say?"]


def archive(client: Any, detector: str, types: Sequence[str]) -> int:
    """Archive the samples of types that had no finding before, as GuardDuty cannot delete one.

    Return their number.
    """
    criterion = {"type": {"Equals": list(types)}, "service.archived": {"Equals": ["false"]}}
    ids = [name for page in finding_ids(client, detector, criterion) for name in page]
    for some in batch_by_number(ids, MAX_IDS):
        client.archive_findings(DetectorId=detector, FindingIds=list(some))
    return len(ids)
