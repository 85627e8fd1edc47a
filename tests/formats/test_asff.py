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
from enricher.formats.asff import PREFIX, USER_VALUE_LIMIT, attack_fields, to_asff, types_of
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.fault_injection.asff_rules import asff_faults, fields_faults
from tests.fault_injection.findings import small_mapping

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
    "changes",
    [{"arn": ""}, {"arn": "a" * 513}, {"accountId": "12345"}, {"updatedAt": ""}, {"updatedAt": "yesterday"}],
)
def test_finding_without_a_required_value_is_rejected(changes: dict[str, str]) -> None:
    """A finding without a valid ARN, account or time must be rejected, as there is no substitute for it."""
    with pytest.raises(ValueError, match="ASFF requires"):
        to_asff(enriched(small_mapping(), "ec2-portscan", **changes))


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


def test_archived_finding_is_imported_as_archived(mapping: AttackMapping) -> None:
    """An archived finding must have RecordState ARCHIVED, any other ACTIVE."""
    names = ("awkward-archived", "ec2-portscan")
    assert ["ARCHIVED", "ACTIVE"] == [to_asff(enriched(mapping, name))["RecordState"] for name in names]
