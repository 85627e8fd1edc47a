"""Tests of the activity summary and of the headline that contains it."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.enrichment.alert import subject_of
from enricher.enrichment.enrich import enrich
from enricher.finding.activity import activity_of
from enricher.finding.context import read_context
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.finding.findings import context


@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("iam-anomalous-persistence-create-access-key", "CreateAccessKey from 203.0.113.9"),
        ("iam-anomalous-impact-denied", "failed DeleteDBInstance and 1 more call from 198.51.100.140"),
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
        ("malware-ec2-volume-scan", "Gen:Application.Linux.CoinMiner.12 in var/tmp/.x/kworkerds and 2 more"),
        ("attack-sequence-compromised-s3-data", "3 signals by analytics from 203.0.113.9"),
        ("awkward-no-action", ""),
    ],
)
def test_activity_names_action_actor_and_address(name: str, activity: str) -> None:
    """Each kind of action must be summarised with action, actor and address, without the subject."""
    finding = Finding.from_event(examples.event(name))
    read = read_context(finding)
    assert activity == activity_of(read, subject_of(finding, read))


def test_headline_has_technique_call_address_and_identity(mapping: AttackMapping) -> None:
    """The headline must contain technique, call, address and identity in one line."""
    event = examples.event("iam-anomalous-persistence-create-access-key")
    assert (
        "MEDIUM · Additional Cloud Credentials (T1098.001) · CreateAccessKey from 203.0.113.9"
        " · deploy-bot in 111122223333/us-east-1"
    ) == enrich(Finding.from_event(event), mapping).alert["headline"]


@pytest.mark.parametrize(
    ("action", "activity"),
    [
        (
            {"portProbeAction": {"portProbeDetails": [
                {"localPortDetails": {"port": 22}, "remoteIpDetails": {"ipAddressV4": f"198.51.100.{number}"}}
                for number in (1, 2, 2, 3)
            ]}},
            "port 22 probed from 198.51.100.1 and 2 more",
        ),
        (
            {"kubernetesApiCallAction": {"verb": "list", "requestUri": "/api/v1/secrets", "statusCode": 403,
                                         "sourceIPs": ["198.51.100.7", "192.0.2.44"]}},
            "failed list secrets from 198.51.100.7 and 1 more",
        ),
        (
            {"rdsLoginAttemptAction": {"remoteIpDetails": {"ipAddressV4": "198.51.100.7"}}},
            "log-in from 198.51.100.7",
        ),
        (
            {"networkConnectionAction": {"connectionDirection": "INBOUND", "localPortDetails": {"port": 3389},
                                         "remoteIpDetails": {"ipAddressV6": "2001:DB8::1"}}},
            "from 2001:db8::1 to port 3389",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_counted_and_nothing_invented(action: dict[str, Any], activity: str) -> None:
    """Further sources must be counted, a refused call marked, and no count shown that is not stated."""
    assert activity == activity_of(context(service={"action": action}))
