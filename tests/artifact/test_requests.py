"""Test over TLS what the built function asks of AWS, with the server and the driver of the benchmark."""

from __future__ import annotations

from pathlib import Path

from bench.__main__ import event_texts
from bench.function import Subject, measure
from bench.stub import serve


def test_requests_of_a_hundred_new_findings(artifact: Path, tmp_path: Path) -> None:
    """The built function must publish every finding with one read, ten claims and one write for each ten."""
    with serve(tmp_path) as stub:
        figures, requests = measure(Subject(artifact), stub, event_texts())
    assert {
        "dynamodb:BatchGetItem": 10,
        "dynamodb:PutItem": 100,
        "dynamodb:BatchWriteItem": 10,
        "sns:PublishBatch": 10,
    } == requests
    assert all(seconds > 0 for seconds in figures.values())
