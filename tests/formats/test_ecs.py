"""Test the ECS document against the field types of ECS 9.4."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.ecs import TRUNCATION_ORDER, render
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.formats import malformed_events
from tests.formats.ecs_fields import FIELDS

LIMIT = 262_144

#: The values of event.category used here, a subset of those that ECS allows.
CATEGORIES = {"api", "authentication", "intrusion_detection", "malware", "network", "process"}
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _is_ip(value: object) -> bool:
    return isinstance(value, str) and bool(ipaddress.ip_address(value))


IS_VALID: dict[str, Callable[[Any], bool]] = {
    "keyword": lambda value: isinstance(value, str) and 0 < len(value) <= 1024,
    "text": lambda value: isinstance(value, str),
    "date": lambda value: bool(DATE.fullmatch(value)),
    "long": lambda value: type(value) is int and abs(value) < 2**63,
    "float": lambda value: type(value) is float,
    "ip": _is_ip,
    "geo_point": lambda value: abs(value["lat"]) <= 90 and abs(value["lon"]) <= 180,
}


def leaves(block: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of each field of a document."""
    for key, value in block.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and FIELDS.get(name) != "geo_point":
            yield from leaves(value, f"{name}.")
        else:
            yield name, value


def invalid_fields(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields that ECS does not have or whose value does not match the type."""
    found = []
    for name, value in leaves(document):
        kind = FIELDS.get(name, "")
        values = value if kind.startswith("*") and isinstance(value, list) else [value]
        is_valid = IS_VALID.get(kind.removeprefix("*"), lambda _: False)
        if not values or not all(map(is_valid, values)):
            found.append((name, value))
    return found


def document(mapping: AttackMapping, name: str, **changes: Any) -> dict[str, Any]:
    """Render an example, with `changes` to its detail."""
    made: dict[str, Any] = json.loads(render(enriched(mapping, name, **changes), LIMIT))
    return made


def enriched(mapping: AttackMapping, name: str, **changes: Any) -> EnrichedFinding:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


@pytest.mark.parametrize("name", examples.names())
def test_fields_match_their_types(name: str, mapping: AttackMapping) -> None:
    """Each field must be an ECS field of the right type, or Elasticsearch rejects the document."""
    made = document(mapping, name)
    assert [] == invalid_fields(made)
    assert set(made["event"]["category"]) <= CATEGORIES


@settings(max_examples=150)
@given(event=malformed_events.events())
def test_any_finding_is_accepted_by_the_index(event: dict[str, Any], mapping: AttackMapping) -> None:
    """The document of any finding must have a timestamp and no invalid field."""
    made = json.loads(render(enrich(Finding.from_event(event), mapping), LIMIT))
    assert [] == invalid_fields(made)
    assert "@timestamp" in made


def test_threat_arrays_are_parallel(mapping: AttackMapping) -> None:
    """Tactics, techniques and sub-techniques must be arrays, primary first, sub-techniques under parents."""
    threat = document(mapping, "attack-sequence-compromised-credentials")["threat"]
    assert threat["framework"] == "MITRE ATT&CK"
    assert ["TA0001", "TA0007", "TA0003", "TA0004", "TA0112"] == threat["tactic"]["id"]
    technique = threat["technique"]
    assert ["T1078", "T1087", "T1098", "T1685"] == technique["id"]
    assert technique["reference"][0] == "https://attack.mitre.org/techniques/T1078/"
    assert technique["name"][0] == "Valid Accounts"
    children = technique["subtechnique"]
    assert ["T1078.004", "T1087.004", "T1098.001", "T1098.003", "T1685.002"] == children["id"]
    assert children["reference"][0] == "https://attack.mitre.org/techniques/T1078/004/"
    for arrays in (threat["tactic"], technique, children):
        assert len({len(arrays[key]) for key in ("id", "name", "reference")}) == 1


def test_unmapped_has_no_threat(mapping: AttackMapping) -> None:
    """A finding without a tactic must not have an empty `threat`."""
    made = document(mapping, "ec2-portscan", type="Policy:NewThing/Odd")
    assert "threat" not in made
    assert made["labels"]["attack_status"] == "unmapped"


@pytest.mark.parametrize(
    ("name", "source", "destination"),
    [
        ("ec2-ssh-brute-force-inbound", "198.51.100.23", "192.0.2.20"),
        ("runtime-reverse-shell", "192.0.2.171", "198.51.100.77"),
        ("iam-cloudtrail-logging-disabled", "203.0.113.42", None),
    ],
)
def test_direction_determines_source_and_destination(
    name: str, source: str, destination: str | None, mapping: AttackMapping
) -> None:
    """The side that opened the connection must be the source."""
    made = document(mapping, name)
    assert (source, destination) == (made["source"]["ip"], made.get("destination", {}).get("ip"))


@pytest.mark.parametrize(
    ("role", "source", "destination"),
    [("ACTOR", "192.0.2.20", "198.51.100.23"), ("TARGET", "198.51.100.23", "192.0.2.20")],
)
def test_without_a_direction_the_role_decides(
    role: str, source: str, destination: str, mapping: AttackMapping
) -> None:
    """If GuardDuty gives no direction, the resource must be the source if it was the actor."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    del service["action"]["networkConnectionAction"]["connectionDirection"]
    made = document(mapping, "ec2-ssh-brute-force-inbound", service=service | {"resourceRole": role})
    assert (source, destination) == (made["source"]["ip"], made["destination"]["ip"])
    assert "direction" not in made["network"]


@pytest.mark.parametrize(
    ("remote", "kind"),
    [
        ({"ipAddressV4": "198.51.100.23"}, "ipv4"),
        ({"ipAddressV6": "2001:db8::1"}, "ipv6"),
    ],
)
def test_network_type_is_that_of_the_address(
    remote: dict[str, Any], kind: str, mapping: AttackMapping
) -> None:
    """`network.type` must be ECS's lower-case name of the remote address's kind."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    service["action"]["networkConnectionAction"]["remoteIpDetails"] = remote
    made = document(mapping, "ec2-ssh-brute-force-inbound", service=service)
    assert kind == made["network"]["type"]


def test_rule_matches_elastics_own_integration(mapping: AttackMapping) -> None:
    """Name, category and ruleset must be the type and its parts, so that saved searches keep working."""
    rule = document(mapping, "ec2-command-and-control-dns")["rule"]
    expected = ("Backdoor:EC2/C&CActivity.B!DNS", "Backdoor", "Backdoor:EC2")
    assert expected == (rule["name"], rule["category"], rule["ruleset"])


def test_event_is_an_alert_with_its_outcome(mapping: AttackMapping) -> None:
    """A failed call must have the outcome failure; a call that states no result must have none."""
    denied = document(mapping, "iam-anomalous-impact-denied")["event"]
    passed = document(mapping, "iam-cloudtrail-logging-disabled")["event"]
    assert ("alert", "failure", ["info", "denied"]) == (denied["kind"], denied["outcome"], denied["type"])
    assert ("alert", ["info"]) == (passed["kind"], passed["type"])
    assert "outcome" not in passed


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"kubernetesApiCallAction": {"verb": "list", "statusCode": 200}}, "success"),
        ({"kubernetesApiCallAction": {"verb": "list", "statusCode": 403}}, "failure"),
        ({"kubernetesApiCallAction": {"verb": "list"}}, None),
        ({"rdsLoginAttemptAction": {"LoginAttributes": [{"failedLoginAttempts": 9}]}}, "failure"),
        (
            {
                "rdsLoginAttemptAction": {
                    "LoginAttributes": [{"failedLoginAttempts": 9}, {"successfulLoginAttempts": 1}]
                }
            },
            "success",
        ),
        ({"rdsLoginAttemptAction": {}}, None),
    ],
)
def test_outcome_is_what_the_finding_states(
    action: dict[str, Any], expected: str | None, mapping: AttackMapping
) -> None:
    """event.outcome must be the HTTP status or the log-ins that the finding states, and absent without."""
    event = document(mapping, "ec2-portscan", service={"action": action})["event"]
    assert expected == event.get("outcome")


def test_severity_keeps_its_fraction(mapping: AttackMapping) -> None:
    """event.severity must be an integer, event.risk_score GuardDuty's own number."""
    event = document(mapping, "awkward-severity-6-95")["event"]
    assert (6, 6.95) == (event["severity"], event["risk_score"])


def test_related_contains_all_entities(mapping: AttackMapping) -> None:
    """Every address, user and host name of a finding must be in `related`."""
    made = document(mapping, "attack-sequence-compromised-credentials")["related"]
    assert ["203.0.113.42", "198.51.100.201"] == made["ip"]
    assert ["legacy-deploy", "break-glass"] == made["user"][:2]
    assert "AIDAWLNWBFD5JEXAMPLE" in made["user"]
    assert ["cdn-update.example.net"] == document(mapping, "ec2-command-and-control-dns")["related"]["hosts"][
        1:
    ]


def test_reasons_are_in_labels_and_event(mapping: AttackMapping) -> None:
    """Each technique's rationale and former name must be in labels, the first one in event.reason."""
    made = document(mapping, "iam-cloudtrail-logging-disabled")
    [reason] = made["labels"]["attack_reasons"]
    assert reason == made["event"]["reason"]
    assert reason.endswith("In ATT&CK 18.1: T1562.008 Disable or Modify Cloud Logs, Defense Evasion")


def test_long_reason_is_truncated(mapping: AttackMapping) -> None:
    """A reason longer than an indexed keyword must be truncated, or Lucene rejects the document."""
    finding = enriched(mapping, "iam-cloudtrail-logging-disabled")
    row = finding.attack["techniques"][0].copy()
    row["rationale"] = "x" * 40_000
    oversized = replace(finding, attack={**finding.attack, "techniques": [row]})
    assert [] == invalid_fields(json.loads(render(oversized, LIMIT)))


def test_original_is_the_finding(mapping: AttackMapping) -> None:
    """event.original must be the unchanged finding as JSON."""
    event = examples.event("awkward-free-text")
    assert event["detail"] == json.loads(document(mapping, "awkward-free-text")["event"]["original"])


def test_original_is_truncated_first_and_removed_second(mapping: AttackMapping) -> None:
    """Above the limit event.original must be truncated, then removed, and labels.truncated must list it."""
    finding = enriched(mapping, "attack-sequence-compromised-credentials")
    whole = render(finding, LIMIT)
    first = json.loads(render(finding, len(whole.encode()) - 1))
    assert ["detail.service.detection.sequence.signals"] == first["labels"]["truncated"]
    assert "signals" not in json.loads(first["event"]["original"])["service"]["detection"]["sequence"]
    bare = json.loads(whole)
    del bare["event"]["original"]
    second = json.loads(render(finding, len(json.dumps(bare, ensure_ascii=False).encode())))
    assert ["event.original"] == second["labels"]["truncated"]


def test_threat_and_labels_are_never_removed(mapping: AttackMapping) -> None:
    """Identity, threat and labels must be kept at any limit; below their size TooLarge must be raised."""
    finding = enriched(mapping, "runtime-reverse-shell")
    made = json.loads(render(finding, 4_600))
    assert {"file", "process", "host"}.isdisjoint(made)
    assert {"event", "threat", "rule", "cloud", "labels"} <= made.keys()
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)


def test_truncation_order_excludes_identity() -> None:
    """Fields that identify the finding must not be in TRUNCATION_ORDER."""
    assert {"event", "threat", "rule", "cloud", "labels", "@timestamp"}.isdisjoint(TRUNCATION_ORDER)


def test_what_the_finding_is_about_is_searchable(mapping: AttackMapping) -> None:
    """Access key, bucket, instance, image, zone, network, groups and threats must be indexed fields."""
    resource = {
        "accessKeyDetails": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "dev"},
        "s3BucketDetails": [{"name": "reports", "arn": "arn:aws:s3:::reports"}],
        "rdsDbInstanceDetails": {
            "dbInstanceIdentifier": "orders",
            "dbInstanceArn": "arn:aws:rds:eu-west-1:111122223333:db:orders",
            "dbClusterIdentifier": "shop",
        },
        "bedrockGuardrailDetails": {"guardrailArn": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/g1"},
        "instanceDetails": {
            "instanceId": "i-0abc",
            "instanceType": "m5.large",
            "imageId": "ami-0abc",
            "availabilityZone": "eu-west-1a",
            "platform": "Windows",
            "iamInstanceProfile": {"arn": "arn:aws:iam::111122223333:instance-profile/web", "id": "AIPA1"},
            "networkInterfaces": [
                {
                    "vpcId": "vpc-1",
                    "subnetId": "subnet-1",
                    "securityGroups": [{"groupId": "sg-1", "groupName": "web"}],
                }
            ],
        },
        "ecsClusterDetails": {
            "name": "prod",
            "arn": "arn:aws:ecs:eu-west-1:111122223333:cluster/prod",
            "taskDetails": {"arn": "arn:aws:ecs:eu-west-1:111122223333:task/prod/0a1b"},
        },
        "kubernetesDetails": {"kubernetesUserDetails": {"username": "dev", "groups": ["system:masters"]}},
    }
    service = {
        "action": {
            "actionType": "AWS_API_CALL",
            "awsApiCallAction": {"api": "CreateAccessKey", "serviceName": "iam.amazonaws.com"},
        },
        "evidence": {
            "threatIntelligenceDetails": [{"threatListName": "ProofPoint", "threatNames": ["Mirai"]}]
        },
    }
    made = document(mapping, "ec2-portscan", resource=resource, service=service)
    labels = made["labels"]
    assert {
        "access_key": ["AKIAIOSFODNN7EXAMPLE"],
        "bucket": ["reports"],
        "database": ["orders", "shop"],
        "image_id": ["ami-0abc"],
        "instance_profile": ["arn:aws:iam::111122223333:instance-profile/web", "AIPA1"],
        "vpc_id": ["vpc-1"],
        "subnet_id": ["subnet-1"],
        "security_group": ["sg-1", "web"],
        "threat_list": ["ProofPoint"],
        "threat_name": ["Mirai"],
    }.items() <= labels.items()
    assert {
        "arn:aws:s3:::reports",
        "arn:aws:rds:eu-west-1:111122223333:db:orders",
        "arn:aws:bedrock:eu-west-1:111122223333:guardrail/g1",
        "arn:aws:ecs:eu-west-1:111122223333:task/prod/0a1b",
    } <= set(labels["resource"])
    assert ("i-0abc", "m5.large", "eu-west-1a") == (
        made["cloud"]["instance"]["id"],
        made["cloud"]["machine"]["type"],
        made["cloud"]["availability_zone"],
    )
    assert "iam.amazonaws.com" == made["service"]["target"]["name"]
    assert ["system:masters"] == made["user"]["roles"]
    assert "windows" == made["host"]["os"]["platform"]
    assert ("task", "arn:aws:ecs:eu-west-1:111122223333:task/prod/0a1b") == (
        made["orchestrator"]["resource"]["type"],
        made["orchestrator"]["resource"]["id"],
    )
    assert [] == invalid_fields(made)


def test_container_image_is_split(mapping: AttackMapping) -> None:
    """Name, tag and digest of an image must be apart, so that each can be searched."""
    image = f"registry.example.com:5000/app:1.2@sha256:{'ab' * 32}"
    made = document(
        mapping, "ec2-portscan", resource={"containerDetails": {"id": "c1", "name": "app", "image": image}}
    )
    assert {
        "name": "registry.example.com:5000/app",
        "tag": ["1.2"],
        "hash": {"all": [f"sha256:{'ab' * 32}"]},
    } == made["container"]["image"]


def test_labels_of_resources_are_removed_before_the_identity(mapping: AttackMapping) -> None:
    """Long names of resources must not make a finding too large for its destination."""
    groups = [{"groupId": f"sg-{number}-{'x' * 1_000}"} for number in range(20)]
    resource = {
        "instanceDetails": {"instanceId": "i-0abc", "networkInterfaces": [{"securityGroups": groups}]}
    }
    made = json.loads(render(enriched(mapping, "ec2-portscan", resource=resource), 16_384))
    assert "labels.resource" in made["labels"]["truncated"]
    assert "security_group" not in made["labels"]


def test_alert_is_in_labels(mapping: AttackMapping) -> None:
    """First step, changes, related findings, principal and account name must be fields of their own."""
    finding = enriched(mapping, "iam-cloudtrail-logging-disabled")
    stated = {"check": "Do this.", "benign": "a change", "changes": "severity LOW to HIGH", "related": "a b"}
    alert: Any = {**finding.alert, **stated, "accountName": "prod"}
    made = json.loads(render(replace(finding, alert=alert), LIMIT))
    assert stated.items() <= made["labels"].items()
    assert "111122223333/role/ops-breakglass" == made["labels"]["principal"]
    assert "prod" == made["cloud"]["account"]["name"]


def test_field_that_decides_is_in_the_message(mapping: AttackMapping) -> None:
    """A field that the record names must be in the message, before the further facts."""
    message = document(mapping, "kubernetes-privileged-container-host-root")["message"].splitlines()
    assert message.index("Host path: /") < message.index("Tags: env=production")
