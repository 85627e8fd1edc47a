"""Test the `alert` object: severity label, occurrence, dedupId, headline, console URL."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.alert import Alert, console_url, dedup_id, severity_label
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.finding.safe_text import single_line
from enricher.mapping.model import AttackMapping
from tests import examples


@pytest.mark.parametrize(
    ("severity", "label"),
    [
        (1.0, "LOW"),
        (3.9, "LOW"),
        (3.99, "LOW"),
        (4.0, "MEDIUM"),
        (6.9, "MEDIUM"),
        (6.95, "MEDIUM"),
        (7.0, "HIGH"),
        (8.99, "HIGH"),
        (9.0, "CRITICAL"),
        (10.0, "CRITICAL"),
        (0.0, "LOW"),
        (None, "UNKNOWN"),
    ],
)
def test_severity_labels_cover_every_value(severity: float | None, label: str) -> None:
    """Every severity must have GuardDuty's label, including values between 6.9 and 7.0."""
    assert label == severity_label(severity)


def alert_of(name: str, mapping: AttackMapping) -> Alert:
    """Return the `alert` object of an example event."""
    return enrich(Finding.from_event(examples.event(name)), mapping).alert


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("awkward-severity-9-0", "severity", "CRITICAL"),
        ("awkward-severity-6-95", "severity", "MEDIUM"),
        ("awkward-severity-7-0", "severity", "HIGH"),
        ("awkward-repeat", "occurrence", "repeat"),
        ("awkward-severity-7-0", "sample", False),
        ("awkward-sample-finding", "sample", True),
        ("awkward-archived", "archived", True),
        ("ec2-portscan", "archived", False),
    ],
)
def test_alert_fields_match_the_finding(name: str, key: str, value: object, mapping: AttackMapping) -> None:
    """Severity label, occurrence and sample flag must match the finding."""
    assert value == dict(alert_of(name, mapping))[key]


def test_dedup_id_is_hash_of_arn_and_updated_at(mapping: AttackMapping) -> None:
    """The dedupId must be the SHA-256 of ARN and updatedAt, joined by a vertical bar."""
    detail = examples.event("ec2-portscan")["detail"]
    expected = hashlib.sha256(f"{detail['arn']}|{detail['updatedAt']}".encode()).hexdigest()
    assert expected == alert_of("ec2-portscan", mapping)["dedupId"]


def test_findings_without_an_arn_have_different_dedup_ids() -> None:
    """Two findings without an ARN must have different dedupIds, or a SIEM would merge them."""
    ids = {dedup_id(Finding.from_detail({"type": "x", "title": title})) for title in ("one", "other")}
    assert 2 == len(ids)


def test_order_of_keys_does_not_change_the_dedup_id() -> None:
    """A finding without an ARN that comes again with its keys in another order must have the same dedupId."""
    ids = {
        dedup_id(Finding.from_detail(dict(pairs)))
        for pairs in (
            (("type", "x"), ("title", "one")),
            (("title", "one"), ("type", "x")),
        )
    }
    assert 1 == len(ids)


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("aws-eusc", "eusc-de-east-1", "console.amazonaws-eusc.eu"),
        ("", "eusc-de-east-1", "console.amazonaws-eusc.eu"),
        ("", "cn-northwest-1", "console.amazonaws.cn"),
        ("", "ap-southeast-2", "console.aws.amazon.com"),
    ],
)
def test_console_url_matches_the_partition(partition: str, region: str, host: str) -> None:
    """The link must lead to the console of the finding's own partition and Region."""
    finding = Finding.from_detail({"type": "x", "id": "abc", "partition": partition, "region": region})
    assert f"https://{host}/guardduty/home?region={region}#/findings?macros=current&fId=abc" == console_url(
        finding
    )


@pytest.mark.parametrize(("partition", "region"), [("aws-iso", ""), ("", "us-isob-east-1"), ("aws-x", "x")])
def test_no_link_where_the_console_is_not_documented(partition: str, region: str) -> None:
    """A partition without a documented console host must have no link: a wrong one leads to a stranger."""
    assert "" == console_url(Finding.from_detail({"type": "x", "partition": partition, "region": region}))


@pytest.mark.parametrize("text", ["\ud800", "\u00e9" * 100_000])
def test_console_url_accepts_any_id(text: str) -> None:
    """A lone surrogate or a very long ID must neither raise nor exceed the length of a URL."""
    finding = Finding.from_detail({"type": "A:B/C", "id": text, "region": text})
    assert len(console_url(finding)) < 1_200


def test_console_url_escapes_the_id() -> None:
    """Characters of an ID that have a meaning in a URL must be escaped."""
    finding = Finding.from_detail({"type": "x", "id": 'a"><b>&fId=', "region": "r/../x?"})
    url = console_url(finding)
    assert re.search(r'["<>]', url) is None
    assert "region=r%2F..%2Fx%3F#/findings?" in url
    assert url.endswith("&fId=a%22%3E%3Cb%3E%26fId%3D")


@given(st.text())
def test_single_line_is_one_printable_line(text: str) -> None:
    """Any attacker-controlled name must become a single line within the limit."""
    line = single_line(text, 40)
    assert len(line) <= 40
    assert [line] == (line.splitlines() or [""])
    line.encode("utf-8")
