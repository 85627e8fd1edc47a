"""Test that announcements of GuardDuty are read in each of their shapes, and unknown types are notified."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from enricher.mapping import model
from enricher.mapping.announced_types import types_in, without_record
from enricher.mapping.model import AttackMapping

KNOWN, UNKNOWN = "UnauthorizedAccess:EC2/TorClient", "Impact:Quantum/Decohered.B!DNS"
LINK = "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-active.html"

#: The documented shapes, and the one that was seen: an array, with the types in prose.
ANNOUNCEMENTS = {
    "NEW_FINDINGS": {
        "version": "1",
        "type": "NEW_FINDINGS",
        "findingDetails": [{"link": LINK, "findingType": UNKNOWN, "findingDescription": f"Like {KNOWN}."}],
    },
    "UPDATED_FINDINGS": {
        "version": "1",
        "type": "UPDATED_FINDINGS",
        "findingDetails": [{"link": LINK, "findingType": UNKNOWN, "description": "Raised severity."}],
    },
    "NEW_FEATURES": {
        "version": "1",
        "type": "NEW_FEATURES",
        "featureDetails": [{"featureDescription": f"New: 1. {UNKNOWN} 2. {KNOWN}", "featureLink": LINK}],
    },
    "array": [
        {
            "version": "1",
            "type": "UPDATED_FINDINGS",
            "featureDetails": [{"featureDescription": f"The type {UNKNOWN}."}],
        }
    ],
    "GENERAL": {
        "version": "1",
        "type": "GENERAL",
        "message": {"title": "x", "body": UNKNOWN, "links": [LINK]},
    },
}


@pytest.mark.parametrize("message", ANNOUNCEMENTS.values(), ids=ANNOUNCEMENTS.keys())
def test_unknown_type_is_found_in_every_shape(message: Any, mapping: AttackMapping) -> None:
    """A type must be found wherever an announcement has it; links are no types, known types not missing."""
    types = types_in(json.dumps(message))
    assert UNKNOWN in types
    assert set(types) <= {KNOWN, UNKNOWN}
    assert [UNKNOWN] == without_record(types, mapping)


@pytest.mark.parametrize("text", ["", "no JSON", "null", "[" * 100_000, '{"a": NaN}', "\ud800"])
def test_text_without_a_type_has_none(text: str) -> None:
    """A text that is not JSON, or holds no type, must not raise."""
    assert [] == types_in(text)


def test_every_type_of_the_mapping_is_recognized(mapping: AttackMapping) -> None:
    """The expression must match every finding type that AWS documents, whole, within a sentence."""
    names = [name for name in (*mapping.records, *mapping.aliases) if " " not in name]
    found = types_in(" ".join(f"The type {name}, and" for name in names))
    assert list(dict.fromkeys(names)) == found


@pytest.fixture
def drift_watch(monkeypatch: pytest.MonkeyPatch, mapping: AttackMapping) -> Iterator[tuple[ModuleType, str]]:
    """Yield the function's module, started in moto, and the URL of a queue of the operations topic."""
    with mock_aws():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        sqs, sns = boto3.client("sqs"), boto3.client("sns")
        topic = sns.create_topic(Name="operations")["TopicArn"]
        url = sqs.create_queue(QueueName="operations")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        monkeypatch.setenv("OPERATIONS_TOPIC_ARN", topic)
        monkeypatch.setattr(model.AttackMapping, "load", classmethod(lambda cls, path=None: mapping))
        sys.modules.pop("enricher.operations.drift_watch", None)
        yield importlib.import_module("enricher.operations.drift_watch"), url
        sys.modules.pop("enricher.operations.drift_watch", None)


def event_of(*messages: Any) -> dict[str, Any]:
    """Return the event that SNS invokes the function with."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(row)}} for row in messages]}


def test_operations_are_notified_of_unknown_types(drift_watch: tuple[ModuleType, str]) -> None:
    """One notification must name each type without a record once, and what to do."""
    module, url = drift_watch
    assert {"missing": [UNKNOWN]} == module.handle(event_of(*ANNOUNCEMENTS.values()), None)
    messages = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    [body] = [json.loads(message["Body"]) for message in messages]
    assert body["Message"].count(UNKNOWN) == 1
    assert KNOWN not in body["Message"]
    assert len(body["Subject"]) <= 100
    assert "override" in body["Message"]


def test_known_types_notify_nobody(drift_watch: tuple[ModuleType, str]) -> None:
    """An announcement of known types only, or of none, must not be passed on."""
    module, url = drift_watch
    known = {"type": "UPDATED_FINDINGS", "findingDetails": [{"findingType": KNOWN}]}
    assert {"missing": []} == module.handle(event_of(known, {"type": "GENERAL"}), None)
    assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=url)


def test_long_list_is_cut(drift_watch: tuple[ModuleType, str]) -> None:
    """Beyond the most types that are listed, the rest must be counted."""
    text = drift_watch[0].notification([f"Impact:EC2/New{number}" for number in range(103)], "2026.11.0")
    assert "  and 3 more" in text
    assert len(text.encode()) < 262_144
