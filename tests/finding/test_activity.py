"""Test that the headline tells what happened: what, by whom, from or to where."""

from __future__ import annotations

import pytest

from enricher.enrichment.alert import subject_of
from enricher.enrichment.enrich import enrich
from enricher.finding.activity import deed_of
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping
from tests import examples


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("iam-anomalous-persistence-create-access-key", "CreateAccessKey from 203.0.113.9"),
        ("iam-anomalous-impact-denied", "DeleteDBInstance refused from 198.51.100.140"),
        ("s3-anomalous-delete", "DeleteObjects by etl-loader from 203.0.113.9"),
        ("ec2-ssh-brute-force-inbound", "from 198.51.100.23 to port 22"),
        ("ec2-ssh-brute-force-outbound", "to 198.51.100.140 port 22"),
        ("ec2-port-probe", "port 9200 probed from 203.0.113.9"),
        ("ec2-command-and-control-dns", "looked up cdn-update.example.net"),
        ("kubernetes-exec-in-kube-system", "create pods/exec in kube-system by oncall from 203.0.113.214"),
        (
            "rds-failed-login-malicious-ip",
            "37 failed and 0 successful log-ins as postgres from 203.0.113.88",
        ),
        ("runtime-reverse-shell", "/usr/bin/bash as app, to 198.51.100.77 port 4444"),
        ("malware-ec2-volume-scan", "Gen:Application.Linux.CoinMiner.12 in var/tmp/.x/kworkerds"),
        ("attack-sequence-compromised-s3-data", "3 signals by analytics from 203.0.113.9"),
        ("awkward-no-action", ""),
    ],
)
def test_deed(name: str, deed: str) -> None:
    """Each kind of action must be told with what, by whom and where, the subject not named twice."""
    finding = Finding.from_event(examples.event(name))
    assert deed == deed_of(finding, subject_of(finding))


def test_headline_tells_who_what_where(mapping: Mapping) -> None:
    """The headline must hold technique, call, address and identity in one line."""
    event = examples.event("iam-anomalous-persistence-create-access-key")
    assert (
        "MEDIUM · Additional Cloud Credentials (T1098.001) · CreateAccessKey from 203.0.113.9"
        " · deploy-bot in 111122223333/us-east-1"
    ) == enrich(Finding.from_event(event), mapping).alert["headline"]
