"""Test the ASFF findings against the documented limits of ASFF."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.asff import (
    FINDING_LIMIT,
    PREFIX,
    USER_VALUE_LIMIT,
    Incomplete,
    _with_activity,
    attack_fields,
    to_asff,
    types_of,
)
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.fault_injection.asff_rules import asff_faults, fields_faults
from tests.fault_injection.findings import small_mapping
from tests.formats import malformed_events

_SHAPE = (
    boto3.client("securityhub", region_name="eu-west-1")
    .meta.service_model.operation_model("BatchImportFindings")
    .input_shape
)


def enriched(mapping: AttackMapping, name: str, **changes: Any) -> Any:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


@pytest.mark.parametrize("name", examples.names())
def test_every_example_is_valid(mapping: AttackMapping, name: str) -> None:
    """Every example must be valid against ASFF's limits and botocore's service model."""
    finding = to_asff(enriched(mapping, name))
    partition = finding["ProductArn"].split(":")[1]
    assert [] == asff_faults(finding)
    assert _SHAPE is not None
    assert "" == ParamValidator().validate({"Findings": [finding]}, _SHAPE).generate_report()
    assert finding["SourceUrl"].startswith("https://")
    assert {partition} <= {resource.get("Partition", partition) for resource in finding["Resources"]}


@given(
    title=st.text(max_size=400),
    description=st.text(max_size=2000),
    kind=st.text(max_size=200),
    severity=st.one_of(st.floats(), st.text(max_size=5), st.none()),
    names=st.lists(st.text(max_size=600), max_size=50),
)
def test_any_content_is_valid(
    title: str, description: str, kind: str, severity: object, names: list[str]
) -> None:
    """Any attacker-controlled content must stay within ASFF's limits."""
    resources = [{"uid": name, "resourceType": name} for name in names]
    event = examples.event(
        "attack-sequence-compromised-s3-data",
        title=title,
        description=description,
        type=kind,
        severity=severity,
        service={"detectorId": title, "detection": {"sequence": {"resources": resources}}},
    )
    assert [] == asff_faults(to_asff(enrich(Finding.from_event(event), small_mapping())))


@pytest.mark.parametrize(("length", "kept"), [(256, 256), (257, 256)])
def test_title_is_truncated_at_its_limit(length: int, kept: int) -> None:
    """A title must be kept up to 256 characters and truncated above."""
    finding = to_asff(enriched(small_mapping(), "ec2-portscan", title="t" * length))
    assert kept == len(finding["Title"])


@pytest.mark.parametrize(
    ("changes", "required"),
    [
        ({"arn": ""}, "an Id"),
        ({"arn": "a" * 513}, "an Id"),
        ({"accountId": "12345"}, "an account ID"),
        ({"region": "", "arn": "arn:odd"}, "a Region"),
        ({"updatedAt": ""}, "UpdatedAt"),
        ({"updatedAt": "yesterday"}, "UpdatedAt"),
    ],
)
def test_finding_without_a_required_value_is_rejected(changes: dict[str, str], required: str) -> None:
    """A finding without a value for which there is no substitute must be rejected, and the value named."""
    detail = examples.event("ec2-portscan", **changes)["detail"]
    with pytest.raises(Incomplete, match=f"ASFF requires {required}"):
        to_asff(enrich(Finding.from_detail(detail), small_mapping()))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000Z"),
        ("2026-11-01T12:00:00.178+02:00", "2026-11-01T10:00:00.178Z"),
        ("2026-11-01T10:00:00", "2026-11-01T10:00:00.000Z"),
    ],
)
def test_times_are_utc(written: str, expected: str) -> None:
    """A time must be written in UTC with milliseconds, so that Security Hub compares updates correctly."""
    assert expected == to_asff(enriched(small_mapping(), "ec2-portscan", updatedAt=written))["UpdatedAt"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "UnauthorizedAccess:EC2/SSHBruteForce",
            "TTPs/Credential Access/UnauthorizedAccess:EC2-SSHBruteForce",
        ),
        ("Recon:EC2/PortProbeUnprotectedPort", "TTPs/Reconnaissance/Recon:EC2-PortProbeUnprotectedPort"),
        (
            "Stealth:IAMUser/CloudTrailLoggingDisabled",
            "TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled",
        ),
        ("Exfiltration:S3/AnomalousBehavior", "Effects/Data Exfiltration/Exfiltration:S3-AnomalousBehavior"),
        ("Policy:S3/BucketBlockPublicAccessDisabled", "Unusual Behaviors"),
    ],
)
def test_types_follow_the_taxonomy(kind: str, expected: str) -> None:
    """A tactic must become namespace and category of the taxonomy, GuardDuty's type the classifier."""
    assert [expected] == types_of(enriched(small_mapping(), "ec2-portscan", type=kind))


def test_impact_has_the_category_of_its_effect(mapping: AttackMapping) -> None:
    """A technique of Impact must have the Effects category of its effect."""
    types = types_of(enriched(mapping, "ec2-denial-of-service-udp"))
    assert types[0].startswith("Effects/Denial of Service/")


@pytest.mark.parametrize("name", examples.names())
def test_fields_are_within_the_limits_and_complete(mapping: AttackMapping, name: str) -> None:
    """The ATT&CK fields must be the same twelve for every finding, each with a value within its limit."""
    fields = attack_fields(enriched(mapping, name))
    assert [] == fields_faults(fields, USER_VALUE_LIMIT)
    assert 12 == len(fields)
    assert all(key.startswith(PREFIX) for key in fields)


def test_fields_contain_the_technique() -> None:
    """The fields must contain the ID and name of technique and tactic, which analysts search for."""
    fields = attack_fields(enriched(small_mapping(), "ec2-ssh-brute-force-inbound"))
    expected = {
        "technique": "T1110",
        "technique-name": "Brute Force",
        "tactic": "TA0006",
        "tactic-name": "Credential Access",
    }
    assert expected == {key: fields[PREFIX + key] for key in expected}


def test_lists_are_truncated_between_ids() -> None:
    """A list that exceeds its limit must end with a complete ID."""
    tagged = enriched(small_mapping(), "ec2-ssh-brute-force-inbound")
    row = tagged.attack["techniques"][0]
    tagged.attack["techniques"][:] = [{**row, "id": f"T{number:04d}"} for number in range(300)]
    ids = attack_fields(tagged)[f"{PREFIX}technique-ids"].split(", ")
    assert [f"T{number:04d}" for number in range(146)] == ids


def test_attack_fields_are_product_fields() -> None:
    """The ATT&CK fields must be ProductFields: UserDefinedFields, Note and Workflow are the customer's."""
    finding = to_asff(enriched(small_mapping(), "ec2-ssh-brute-force-inbound"))
    assert set() == finding.keys() & {"UserDefinedFields", "Note", "Workflow", "Severity", "Types"}
    assert "T1110" == finding["ProductFields"]["attack/technique"]


def test_generator_is_the_detector_or_the_whole_arn(mapping: AttackMapping) -> None:
    """The generator must be the detector in the ARN, or the ARN if it has none; it is never empty."""
    detector = "arn:aws:guardduty:eu-west-1:111122223333:detector/d0"
    ids = ((f"{detector}/finding/f0", detector), ("arn:odd", "arn:odd"), ("/finding/f0", "guardduty"))
    for arn, generator in ids:
        assert generator == to_asff(enriched(mapping, "ec2-portscan", arn=arn))["GeneratorId"]


def test_name_of_a_key_is_within_its_limit(mapping: AttackMapping) -> None:
    """A user name of any length must fit into the details of its access key."""
    event = examples.event("iam-cloudtrail-logging-disabled")["detail"]["resource"]
    event["accessKeyDetails"]["userName"] = "x" * 600
    made = to_asff(enriched(mapping, "iam-cloudtrail-logging-disabled", resource=event))
    [details] = [row["Details"]["AwsIamAccessKey"] for row in made["Resources"] if "Details" in row]
    assert 512 == len(details["PrincipalName"])


def test_archived_finding_is_imported_as_archived(mapping: AttackMapping) -> None:
    """An archived finding must have RecordState ARCHIVED, any other ACTIVE."""
    names = ("awkward-archived", "ec2-portscan")
    assert ["ARCHIVED", "ACTIVE"] == [to_asff(enriched(mapping, name))["RecordState"] for name in names]


@given(event=malformed_events.events())
def test_any_finding_is_valid_or_rejected(event: dict[str, Any], mapping: AttackMapping) -> None:
    """The ASFF finding of any finding must be valid, or the finding rejected for a required value."""
    try:
        finding = to_asff(enrich(Finding.from_event(event), mapping))
    except Incomplete:
        return
    assert [] == [fault for fault in asff_faults(finding) if not fault.startswith("ProductArn")]
    assert _SHAPE is not None
    assert "" == ParamValidator().validate({"Findings": [finding]}, _SHAPE).generate_report()


def test_call_has_who_and_from_where(mapping: AttackMapping) -> None:
    """An API call must have its API, service and address, and the access key its principal."""
    finding = to_asff(enriched(mapping, "iam-cloudtrail-logging-disabled"))
    call = finding["Action"]["AwsApiCallAction"]
    assert ("DeleteTrail", "cloudtrail.amazonaws.com") == (call["Api"], call["ServiceName"])
    assert "203.0.113.42" == call["RemoteIpDetails"]["IpAddressV4"]
    assert ("IN", "203.0.113.42") == (finding["Network"]["Direction"], finding["Network"]["SourceIpV4"])
    details = finding["Resources"][0]["Details"]["AwsIamAccessKey"]
    assert "ops-breakglass" == details["PrincipalName"]


def test_connection_has_direction_and_ports(mapping: AttackMapping) -> None:
    """A connection must have its direction and ends as Action and as Network."""
    finding = to_asff(enriched(mapping, "runtime-reverse-shell"))
    assert ("192.0.2.171", "198.51.100.77") == (
        finding["Network"]["SourceIpV4"],
        finding["Network"]["DestinationIpV4"],
    )
    assert "Name" in finding["Process"]


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
    finding = to_asff(
        enriched(mapping, "ec2-ssh-brute-force-inbound", service=service | {"resourceRole": role})
    )
    ends = (finding["Network"]["SourceIpV4"], finding["Network"]["DestinationIpV4"])
    assert (source, destination) == ends
    assert "Direction" not in finding["Network"]


def test_connection_is_the_one_of_the_action(mapping: AttackMapping) -> None:
    """Where a sequence states further endpoints, Action must have the end of the action's own connection."""
    service = examples.event("ec2-ssh-brute-force-inbound")["detail"]["service"]
    endpoints = [{"id": "e0", "ip": "203.0.113.77"}]
    service["detection"] = {"sequence": {"endpoints": endpoints}}
    event = Finding.from_event(examples.event("ec2-ssh-brute-force-inbound", service=service))
    tagged = enrich(event, mapping)
    assert len(tagged.context.connections) == 2
    details = to_asff(tagged)["Action"]["NetworkConnectionAction"]
    assert "198.51.100.23" == details["RemoteIpDetails"]["IpAddressV4"]


@pytest.mark.parametrize("blocked", [True, False])
def test_blocked_is_what_the_finding_states(blocked: bool, mapping: AttackMapping) -> None:
    """Blocked must be true or false where the finding states it."""
    service = {
        "action": {
            "actionType": "DNS_REQUEST",
            "dnsRequestAction": {"domain": "example.net", "protocol": "UDP", "blocked": blocked},
        }
    }
    finding = to_asff(enriched(mapping, "ec2-portscan", service=service))
    expected = {"Domain": "example.net", "Protocol": "UDP", "Blocked": blocked}
    assert expected == finding["Action"]["DnsRequestAction"]


def test_ipv6_address_is_in_network(mapping: AttackMapping) -> None:
    """An IPv6 address, for which ASFF's Action has no field, must be in Network."""
    service = {
        "action": {
            "actionType": "AWS_API_CALL",
            "awsApiCallAction": {
                "api": "CreateUser",
                "remoteIpDetails": {"ipAddressV6": "2001:db8::1"},
            },
        }
    }
    finding = to_asff(enriched(mapping, "ec2-portscan", service=service))
    assert "2001:db8::1" == finding["Network"]["SourceIpV6"]
    assert "RemoteIpDetails" not in finding["Action"]["AwsApiCallAction"]


def test_malware_has_threats_with_files(mapping: AttackMapping) -> None:
    """Each threat of a scan must be listed with its files and hashes."""
    finding = to_asff(enriched(mapping, "malware-ec2-volume-scan"))
    files = [(item["Name"], len(item["FilePaths"])) for item in finding["Threats"]]
    assert [("Gen:Application.Linux.CoinMiner.12", 2), ("Trojan.Linux.Downloader.7", 1)] == files
    assert {"OBSERVED"} == {item["State"] for item in finding["Malware"]}


def test_name_of_malware_is_cut_at_its_limits(mapping: AttackMapping) -> None:
    """A long name of a threat must be cut at ASFF's limits: 64 characters in Malware, 128 in Threats."""
    service = examples.event("malware-ec2-volume-scan")["detail"]["service"]
    found = service["ebsVolumeScanDetails"]["scanDetections"]["threatDetectedByName"]["threatNames"]
    for threat in found:
        threat["name"] = "x" * 300
    finding = to_asff(enriched(mapping, "malware-ec2-volume-scan", service=service))
    assert {64} == {len(item["Name"]) for item in finding["Malware"]}
    assert {128} == {len(item["Name"]) for item in finding["Threats"]}


def test_sequence_names_resources_as_other_findings_do(mapping: AttackMapping) -> None:
    """An access key and an instance of a sequence must have the ID they have in any other finding."""
    event = examples.event("attack-sequence-compromised-credentials")
    resources = event["detail"]["service"]["detection"]["sequence"]["resources"]
    resources.append({"uid": "i-0abc", "resourceType": "EC2_INSTANCE"})
    ids = {row["Id"] for row in to_asff(enrich(Finding.from_event(event), mapping))["Resources"]}
    assert "AWS::IAM::AccessKey:AKIAWLNWBFD5JEXAMPLE" in ids
    assert f"arn:aws:ec2:{event['detail']['region']}:111122223333:instance/i-0abc" in ids


def test_activity_is_left_out_above_the_limit(mapping: AttackMapping) -> None:
    """Details of the activity must not make a finding larger than Security Hub accepts."""
    base = to_asff(enriched(mapping, "malware-ec2-volume-scan"))
    large = {**base, "Description": "x" * (FINDING_LIMIT - len(str(base)))}
    activity = {name: large.pop(name) for name in ("Malware", "Threats")} | {"Process": {"Name": "x" * 9_000}}
    assert "Process" not in _with_activity(large, activity)
