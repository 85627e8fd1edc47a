"""Tests of the activity summary and of the headline that contains it."""

from __future__ import annotations

import pytest

from enricher.enrichment.alert import subject_of
from enricher.enrichment.enrich import enrich
from enricher.finding.activity import activity_of
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples


@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("iam-anomalous-persistence-create-access-key", "CreateAccessKey from 203.0.113.9"),
        ("iam-anomalous-impact-denied", "failed DeleteDBInstance from 198.51.100.140"),
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
def test_activity_names_action_actor_and_address(name: str, activity: str) -> None:
    """Each kind of action must be summarised with action, actor and address, without the subject."""
    finding = Finding.from_event(examples.event(name))
    assert activity == activity_of(finding, subject_of(finding))


def test_headline_has_technique_call_address_and_identity(mapping: AttackMapping) -> None:
    """The headline must contain technique, call, address and identity in one line."""
    event = examples.event("iam-anomalous-persistence-create-access-key")
    assert (
        "MEDIUM · Additional Cloud Credentials (T1098.001) · CreateAccessKey from 203.0.113.9"
        " · deploy-bot in 111122223333/us-east-1"
    ) == enrich(Finding.from_event(event), mapping).alert["headline"]
