"""Test the alert block: label, occurrence, identity, headline, console address."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.alert import console_url, dedup_id, headline, severity_label, subject_of
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.finding.safe_text import single_line
from enricher.mapping.model import Mapping
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
def test_labels_leave_no_gap(severity: float | None, label: str) -> None:
    """Every severity must have the label GuardDuty gives it, with no gap between 6.9 and 7.0."""
    assert label == severity_label(severity)


def alert_of(name: str, mapping: Mapping) -> dict[str, Any]:
    """Enrich an example event and give its alert."""
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
    ],
)
def test_alert_reads_the_finding(name: str, key: str, value: object, mapping: Mapping) -> None:
    """Label, occurrence and sample mark must be what the finding says."""
    assert value == alert_of(name, mapping)[key]


def test_dedup_id_is_arn_and_update(mapping: Mapping) -> None:
    """The id for de-duplication must be the sha256 of ARN and updatedAt, joined by a bar."""
    detail = examples.event("ec2-portscan")["detail"]
    expected = hashlib.sha256(f"{detail['arn']}|{detail['updatedAt']}".encode()).hexdigest()
    assert expected == alert_of("ec2-portscan", mapping)["dedupId"]


def test_findings_without_an_arn_have_ids_of_their_own() -> None:
    """Two findings that name no ARN must not have the same id, or a SIEM would take them for one."""
    ids = {dedup_id(Finding.from_detail({"type": "x", "title": title})) for title in ("one", "other")}
    assert 2 == len(ids)


def test_long_name_does_not_push_the_account_out() -> None:
    """However long the resource's name, the headline must end with the account and Region."""
    detail = {
        "type": "x", "accountId": "111122223333", "region": "eu-west-1",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"userName": "u" * 300}},
    }  # fmt: skip
    line = headline(Finding.from_detail(detail), {"techniques": [], "tactics": []}, "LOW")
    assert line.endswith("… in 111122223333/eu-west-1")


def test_headline_names_no_place_where_there_is_none() -> None:
    """A finding without account and Region must not get an empty place."""
    line = headline(Finding.from_detail({"type": "x"}), {"techniques": [], "tactics": []}, "UNKNOWN")
    assert "UNKNOWN · x · unnamed resource" == line


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_console_is_that_of_the_partition(partition: str, region: str, host: str) -> None:
    """The link must lead to the console of the finding's own partition and Region."""
    finding = Finding.from_detail({"type": "x", "id": "abc", "partition": partition, "region": region})
    assert f"https://{host}/guardduty/home?region={region}#/findings?macros=current&fId=abc" == console_url(
        finding
    )


@pytest.mark.parametrize("text", ["\ud800", "\u00e9" * 100_000])
def test_console_link_is_made_of_anything(text: str) -> None:
    """Half a character or a megabyte for an id must neither raise nor swell the link."""
    finding = Finding.from_detail({"type": "A:B/C", "id": text, "region": text})
    assert len(console_url(finding)) < 1_200


def test_console_link_cannot_be_broken_out_of() -> None:
    """An id with characters that mean something in a link must be escaped."""
    finding = Finding.from_detail({"type": "x", "id": 'a"><b>&fId=', "region": "r/../x?"})
    assert re.search(r'["<>]', console_url(finding)) is None


def test_headline_says_how_bad_what_and_where() -> None:
    """The headline must read: label, technique, resource, account and Region of the finding."""
    finding = Finding.from_event(examples.event("awkward-no-action"))
    attack = {"techniques": [{"name": "Network Service Discovery", "id": "T1046"}], "tactics": []}
    assert headline(finding, attack, "HIGH").startswith("HIGH · Network Service Discovery (T1046) · ")
    assert headline(finding, attack, "HIGH").endswith(f" in 111122223333/{finding.region}")


@pytest.mark.parametrize("name", examples.names())
def test_every_example_names_its_resource(name: str) -> None:
    """A finding with resource details must be named by them, not by "unnamed resource"."""
    assert "unnamed resource" != subject_of(Finding.from_event(examples.event(name)))


@given(st.text())
def test_single_line_is_one_printable_line(text: str) -> None:
    """Whatever an attacker puts into a name, one line must stay one line and within its limit."""
    line = single_line(text, 40)
    assert len(line) <= 40
    assert [line] == (line.splitlines() or [""])
    line.encode("utf-8")
