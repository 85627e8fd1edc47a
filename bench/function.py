"""Measure the SIEM route's function over TLS: init, first invocation, new findings, dropped connections.

Every function runs in a process of its own against one loopback server (`bench.stub`), whose CPU does not
count. The settings are those of the template's defaults: SNS, the deduplication table, the source queue.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.stub import Stub, serve
from bench.table import BLANK, Row, compared, pair
from bench.trees import ROOT, Tree
from build_tools.artifact import zipped_sizes

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "POWERTOOLS_SERVICE_NAME": "stack",
    "POWERTOOLS_METRICS_NAMESPACE": "GuardDutyAttackEnricher",
    "ROUTE": "siem",
    "DESTINATION": "sns",
    "FORMAT": "guardduty",
    "UPDATES": "material",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:topic",
    "QUEUE_URL": f"{QUEUE}queue",
    "DEAD_LETTER_QUEUE_URL": f"{QUEUE}dead-letters",
    "DEDUPLICATION_TABLE": "table",
}
#: What differs in the other routes' functions.
ROUTES = {
    "notification": {"ROUTE": "notification", "FORMAT": "text"},
    "annotate": {"ROUTE": "security-hub", "DESTINATION": "security-hub-annotate", "DEDUPLICATION_TABLE": ""},
    "import": {"ROUTE": "security-hub", "DESTINATION": "security-hub-import"},
}
BATCH, WARM_UP, BATCHES, DROPS = 10, 3, 20, 5
OURS = "enricher.handler.handle"


@dataclass(frozen=True, slots=True)
class Subject:
    """A function to measure: its folder, its handler, and what differs in its environment."""

    folder: Path
    handler: str = OURS
    environment: dict[str, str] = field(default_factory=dict)


class Function:
    """One running function, its init done. init, wall: seconds of CPU and of time that its init took."""

    def __init__(self, subject: Subject, stub: Stub) -> None:
        results, write = os.pipe()
        driver = [sys.executable, "-I", "-S", str(ROOT / "bench" / "driver.py")]
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [*driver, str(subject.folder), subject.handler, str(write)],
            env=ENVIRONMENT
            | {"AWS_ENDPOINT_URL": stub.url, "AWS_CA_BUNDLE": str(stub.bundle)}
            | subject.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(write,),
            text=True,
        )
        os.close(write)
        self.results = os.fdopen(results)
        self.peak = 0.0
        self.init = self._result()
        self.wall = time.perf_counter() - start

    def invoke(self, event: dict[str, Any]) -> float:
        """Invoke the function; return the seconds of CPU."""
        assert self.process.stdin
        print(json.dumps(event), file=self.process.stdin, flush=True)
        return self._result()

    def _result(self) -> float:
        line = self.results.readline()
        if not line:
            raise SystemExit("the function ended, see its error above")
        result = json.loads(line)
        if result["failed"]:
            raise SystemExit(f"records failed: {result['failed']}")
        self.peak = result["peak"]
        return float(result["cpu"])

    def __enter__(self) -> Function:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        self.results.close()


def new_findings(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield SQS records of findings that were never seen before, whose content is that of the examples."""
    for number, text in zip(count(), cycle(texts), strict=False):
        event = json.loads(text)
        event["detail"]["arn"] = f"arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{number:032x}"
        yield {
            "messageId": str(number),
            "receiptHandle": "receipt",
            "body": json.dumps(event),
            "attributes": {"ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "awsRegion": "eu-west-1",
        }


def measure(subject: Subject, stub: Stub, texts: list[str]) -> tuple[dict[str, float], Counter[str]]:
    """Run a function once; return its figures, and the number of requests per 100 new findings."""
    records = new_findings(texts)

    def batch(size: int) -> dict[str, Any]:
        return {"Records": list(islice(records, size))}

    with Function(subject, stub) as function:
        found = {"init": function.init, "wall": function.wall, "first": function.invoke(batch(1))}
        for _ in range(WARM_UP):
            function.invoke(batch(BATCH))
        before, published = stub.requests.copy(), stub.messages
        found |= {f"batch {number}": function.invoke(batch(BATCH)) for number in range(BATCHES)}
        requests = Counter(
            {name: (n - before[name]) * 100 // (BATCH * BATCHES) for name, n in stub.requests.items()}
        )
        if stub.messages - published != BATCH * BATCHES:
            raise SystemExit(f"{subject.folder}: {stub.messages - published} of {BATCH * BATCHES} published")
        found["open"] = min(function.invoke(batch(1)) for _ in range(DROPS))
        dropped = []
        for _ in range(DROPS):
            stub.drop_connections()
            time.sleep(0.05)
            dropped.append(function.invoke(batch(1)))
        found["dropped"] = min(dropped)
        found["start"] = found["init"] + found["first"]
        return {**found, "peak": function.peak}, +requests


def measure_all(
    trees: dict[str, Tree], peers: Path, texts: list[str], runs: int, starts: int
) -> tuple[dict[str, dict[str, float]], dict[str, Counter[str]]]:
    """Return by function the minima of its figures and its requests, the functions taking turns."""
    subjects = {name: Subject(tree.artifact, OURS, table_variable(tree)) for name, tree in trees.items()}
    subjects["client"] = Subject(peers, "client_only.handle")
    subjects["obvious"] = Subject(peers, "obvious_handler.handle")
    only_started = {"client, roots": Subject(peers, "client_only.handle", {"PARSE_ROOTS": "1"})}
    only_started |= {name: Subject(trees["now"].artifact, OURS, rest) for name, rest in ROUTES.items()}
    best: dict[str, dict[str, float]] = {name: {} for name in (*subjects, *only_started)}
    requests: dict[str, Counter[str]] = {}

    def keep(name: str, found: dict[str, float]) -> None:
        best[name] |= {key: min(value, best[name].get(key, value)) for key, value in found.items()}

    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as stub:
        for _ in range(runs):
            for name, subject in subjects.items():
                found, requests[name] = measure(subject, stub, texts)
                keep(name, found)
        for _ in range(starts):
            for name, subject in (subjects | only_started).items():
                with Function(subject, stub) as function:
                    keep(name, {"init": function.init, "wall": function.wall})
    for name in subjects:
        # The minimum of each batch: the load of the machine differs within a run, the batches of runs do not.
        batches = [best[name].pop(f"batch {number}") for number in range(BATCHES)]
        best[name]["finding"] = sum(batches) / (BATCH * BATCHES)
    return best, requests


def table_variable(tree: Tree) -> dict[str, str]:
    """Return the variable of the deduplication table, which had another name in earlier commits."""
    template = (tree.source / "template.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^ +([A-Z_]+_TABLE): !Ref ", template, re.MULTILINE)
    return dict.fromkeys(names, "table")


def rows(trees: dict[str, Tree], peers: Path, texts: list[str], runs: int, starts: int) -> Iterator[Row]:
    """Yield the rows of the function and of its artifact."""
    best, requests = measure_all(trees, peers, texts, runs, starts)
    yield from _init_rows(best)
    before, now = best["before"], best["now"]
    for figure, label, bound in (
        ("first", "first invocation, one finding over TLS", "≤ 0.45"),
        ("dropped", "one finding after the connections were dropped", "≤ 0.40"),
        ("open", "one finding on open connections", ""),
        ("finding", "a new finding in batches of 10", "≤ 0.45"),
    ):
        yield compared(f"{label}, CPU", before[figure] * 1000, now[figure] * 1000, "ms", bound)
    label = "the same, obvious handler (`bench/obvious_handler.py`)"
    yield Row(label, BLANK, f"{best['obvious']['finding'] * 1000:.1f} ms")
    for service, bound in (("dynamodb", "≤ 120"), ("sns", "")):
        label = f"requests to {service} per 100 new findings in batches of 10"
        numbers = [_requests(requests[name], service) for name in ("before", "now")]
        yield pair(label, numbers[0], numbers[1], bound, "d")
    yield pair("peak memory of the function, MB", before["peak"], now["peak"], form=".0f")
    yield from _size_rows(trees)


def _init_rows(best: dict[str, dict[str, float]]) -> Iterator[Row]:
    before, now, client, roots = (best[name] for name in ("before", "now", "client", "client, roots"))
    label = 'init of the SIEM route ÷ `boto3.client("sns")` (now: and its roots parsed)'
    yield pair(f"{label}, CPU", before["init"] / client["init"], now["init"] / roots["init"], "≤ 0.95")
    yield pair(f"{label}, wall", before["wall"] / client["wall"], now["wall"] / roots["wall"])
    label = "init and first invocation ÷ those of a function that only publishes, CPU"
    yield pair(label, before["start"] / client["start"], now["start"] / client["start"])
    for name in ROUTES:
        ratio = best[name]["init"] / roots["init"]
        yield Row(f'init of {name} ÷ `boto3.client("sns")` and roots, CPU', BLANK, f"{ratio:.2f}")
    ratio = best["obvious"]["init"] / client["init"]
    yield Row('init of the obvious handler ÷ `boto3.client("sns")`, CPU', BLANK, f"{ratio:.2f}")


def _requests(found: Counter[str], service: str) -> int:
    return sum(number for name, number in found.items() if name.startswith(service))


def _size_rows(trees: dict[str, Tree]) -> Iterator[Row]:
    before, now = (zipped_sizes(trees[name].artifact) for name in ("before", "now"))
    yield pair("artifact, MB zipped", before.total() / 1e6, now.total() / 1e6, form=".1f")
    others = [it.total() - it["boto3"] - it["botocore"] for it in (before, now)]
    yield pair("of it neither boto3 nor botocore, MB", others[0] / 1e6, others[1] / 1e6, "≤ 2", ".1f")
