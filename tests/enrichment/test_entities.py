"""Test the entities of a finding: the join keys for a SIEM."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.enrichment.alert import related_findings
from enricher.enrichment.entities import MAX_ENTITIES, MAX_ID_LENGTH, entities_of
from enricher.finding.event import Finding
from tests import examples


def pairs_of(detail: dict[str, Any], **event: Any) -> list[tuple[str, str]]:
    """Return (kind, id) of each entity of a finding."""
    finding = Finding.from_event(
        {"detail-type": "GuardDuty Finding", **event, "detail": {"type": "x", **detail}}
    )
    return [(item["kind"], item["id"]) for item in entities_of(finding)]


@pytest.mark.parametrize(
    ("detail", "event", "account"),
    [
        ({"accountId": "111122223333"}, {"account": "444455556666"}, "111122223333"),
        ({}, {"account": "444455556666"}, "444455556666"),
        ({}, {}, "unknown"),
        ({"accountId": "9" * 600}, {}, "unknown"),
    ],
)
def test_account_comes_first(detail: dict[str, Any], event: dict[str, Any], account: str) -> None:
    """The finding's account must be first, else the event's, else "unknown"."""
    assert [("account", account)] == pairs_of(detail, **event)


@pytest.mark.parametrize(
    ("user", "principal"),
    [
        ({"userType": "IAMUser", "userName": "deploy-bot"}, "111122223333/user/deploy-bot"),
        ({"userType": "AssumedRole", "userName": "cms-front"}, "111122223333/role/cms-front"),
        ({"userType": "Role", "userName": "cms-front/i-0e57890"}, "111122223333/role/cms-front"),
        ({"userType": "Root", "userName": "Root"}, "111122223333/root"),
    ],
)
def test_principal_has_no_session(user: dict[str, str], principal: str) -> None:
    """A principal must have the same ID in every finding: without session, never built into an ARN."""
    key = {"accessKeyId": "ASIAP6ZE2PDMMEXAMPLE", "principalId": "AROA:s", **user}
    found = pairs_of({"accountId": "111122223333", "resource": {"accessKeyDetails": key}})
    assert [("access-key", "ASIAP6ZE2PDMMEXAMPLE"), ("principal", principal)] == found[1:]


@pytest.mark.parametrize("kind", ["AWSService", "AWSAccount", ""])
def test_principal_that_is_neither_user_nor_role_is_left_out(kind: str) -> None:
    """Without a user or role no ID may be made up."""
    key = {"userType": kind, "userName": "x"}
    assert 1 == len(pairs_of({"resource": {"accessKeyDetails": key}}))


@pytest.mark.parametrize(
    ("resource", "ids"),
    [
        ({"uid": "arn:aws:s3:::logs", "name": "logs"}, [("bucket", "arn:aws:s3:::logs")]),
        ({"name": "logs"}, [("bucket", "logs")]),
        ({}, []),
    ],
)
def test_resource_of_a_sequence_has_its_uid_or_name(
    resource: dict[str, str], ids: list[tuple[str, str]]
) -> None:
    """A resource of an attack sequence must have its UID as its ID, otherwise its name, and none without."""
    sequence = {"resources": [{"resourceType": "S3_BUCKET", **resource}]}
    assert ids == pairs_of({"service": {"detection": {"sequence": sequence}}})[1:]


def test_resource_without_arn_and_name_is_left_out() -> None:
    """No ID may be made up for a resource that the finding does not identify."""
    resource = {"s3BucketDetails": [{"type": "Destination"}], "lambdaDetails": {"description": "x"}}
    assert [("account", "unknown")] == pairs_of({"resource": resource})


def test_resources_have_their_arn_or_name() -> None:
    """A resource's ID must be its ARN where the finding has it, otherwise the name as it is."""
    arn = "arn:aws:ecs:eu-west-1:111122223333:task/shop/1"
    resource = {
        "instanceDetails": {"instanceId": "i-0abc"},
        "s3BucketDetails": [{"arn": "arn:aws:s3:::logs", "name": "logs"}, {"name": "other"}],
        "ecsClusterDetails": {"name": "shop", "taskDetails": {"arn": arn}},
        "lambdaDetails": {"functionName": "resize"},
        "rdsDbInstanceDetails": {"dbInstanceIdentifier": "orders"},
    }
    assert [
        ("instance", "i-0abc"),
        ("bucket", "arn:aws:s3:::logs"),
        ("bucket", "other"),
        ("cluster", "shop"),
        ("task", arn),
        ("database", "orders"),
        ("function", "resize"),
    ] == pairs_of({"resource": resource})[1:]


def test_remote_addresses_are_as_they_came() -> None:
    """A remote address must be neither de-fanged nor rewritten, and the local side left out."""
    action = {
        "networkConnectionAction": {
            "remoteIpDetails": {"ipAddressV6": "2001:DB8::1"},
            "localIpDetails": {"ipAddressV4": "198.51.100.1"},
        },
        "portProbeAction": {"portProbeDetails": [{"remoteIpDetails": {"ipAddressV4": "203.0.113.9"}}]},
        "kubernetesApiCallAction": {"sourceIPs": ["192.0.2.7", 5, "203.0.113.9"]},
    }
    assert ["2001:DB8::1", "203.0.113.9", "192.0.2.7"] == [
        name for kind, name in pairs_of({"service": {"action": action}}) if kind == "remote-address"
    ]


def test_attack_sequence_names_its_actors_and_resources() -> None:
    """Every actor's key and principal and every resource of a sequence must be an entity."""
    found = pairs_of(examples.event("attack-sequence-compromised-credentials")["detail"])
    assert {
        ("principal", "111122223333/user/legacy-deploy"),
        ("principal", "111122223333/role/break-glass"),
        ("principal", "111122223333/user/finance-admin"),
        ("access-key", "AKIAHKNHDY2U7EXAMPLE"),
        ("remote-address", "198.51.100.201"),
    } <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("length", "kept"), [(MAX_ID_LENGTH, True), (MAX_ID_LENGTH + 1, False)])
def test_long_id_is_left_out(length: int, kept: bool) -> None:
    """An ID above the limit must be left out, not cut: a cut one would join with other resources."""
    name = "b" * length
    assert kept == (("bucket", name) in pairs_of({"resource": {"s3BucketDetails": [{"name": name}]}}))


def test_at_most_the_limit_of_entities() -> None:
    """However many resources a finding has, the list must end at the limit, the account first."""
    rows = [{"resourceType": "EC2_INSTANCE", "uid": f"i-{number}"} for number in range(90)]
    addresses = [{"ip": f"203.0.113.{number}"} for number in range(90)]
    sequence = {"resources": rows, "endpoints": addresses, "actors": []}
    buckets = [{"name": f"bucket-{number}"} for number in range(90)]
    detail = {
        "accountId": "111122223333",
        "resource": {"s3BucketDetails": buckets},
        "service": {"detection": {"sequence": sequence}},
    }
    found = pairs_of(detail)
    assert (MAX_ENTITIES, ("account", "111122223333")) == (len(found), found[0])


def test_related_findings_are_those_that_the_finding_names() -> None:
    """The trigger of a malware scan, a sequence's findings and the sequence of a finding must be listed."""
    service = {
        "ebsVolumeScanDetails": {"triggerFindingId": "c0ffee"},
        "detection": {
            "sequence": {
                "signals": [
                    {"type": "FINDING", "uid": "arn:one"},
                    {"type": "CLOUD_TRAIL", "uid": "signal"},
                    {"type": "FINDING", "uid": "arn:one"},
                ]
            }
        },
    }
    detail = {"type": "x", "associatedAttackSequenceArn": "arn:sequence", "service": service}
    assert "c0ffee arn:sequence arn:one" == related_findings(Finding.from_detail(detail))
    assert "" == related_findings(Finding.from_detail({"type": "x"}))
