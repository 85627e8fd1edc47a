"""Check what is written in Security Hub's format against every limit that ASFF states."""

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
from enricher.mapping.model import Mapping
from tests import examples
from tests.fault_injection.asff_rules import asff_faults, fields_faults
from tests.fault_injection.findings import small_mapping

_SHAPE = (
    boto3.client("securityhub", region_name="eu-west-1")
    .meta.service_model.operation_model("BatchImportFindings")
    .input_shape
)


def enriched(mapping: Mapping, name: str, **changes: Any) -> Any:
    """Enrich an example."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


@pytest.mark.parametrize("name", examples.names())
def test_every_example_is_valid(mapping: Mapping, name: str) -> None:
    """Every example must come out valid against ASFF's limits and botocore's model."""
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
    """Whatever an attacker puts into a finding, what is written must stay within ASFF's limits."""
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
def test_title_is_cut_at_its_limit(length: int, kept: int) -> None:
    """A title must be kept up to 256 characters."""
    finding = to_asff(enriched(small_mapping(), "ec2-portscan", title="t" * length))
    assert kept == len(finding["Title"])


@pytest.mark.parametrize(
    "changes",
    [{"arn": ""}, {"arn": "a" * 513}, {"accountId": "12345"}, {"updatedAt": ""}, {"updatedAt": "yesterday"}],
)
def test_what_asff_needs_must_be_there(changes: dict[str, str]) -> None:
    """A finding without an ARN, an account or a time must be refused, as no value could be made up for it."""
    with pytest.raises(ValueError, match="ASFF needs"):
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
    """A time must be written in UTC with milliseconds, so that Security Hub compares two updates rightly."""
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
def test_types_use_the_taxonomy(kind: str, expected: str) -> None:
    """A tactic must become the taxonomy's namespace and category, GuardDuty's type its classifier."""
    assert [expected] == types_of(enriched(small_mapping(), "ec2-portscan", type=kind))


def test_impact_is_named_by_its_effect(mapping: Mapping) -> None:
    """Impact must be put under the effect that its technique has."""
    types = types_of(enriched(mapping, "ec2-denial-of-service-udp"))
    assert types[0].startswith("Effects/Denial of Service/")


@pytest.mark.parametrize("name", examples.names())
def test_fields_are_within_the_limits_and_complete(mapping: Mapping, name: str) -> None:
    """The ATT&CK fields must be the same twelve for every finding, each with a value within its limit."""
    fields = attack_fields(enriched(mapping, name))
    assert [] == fields_faults(fields, USER_VALUE_LIMIT)
    assert 12 == len(fields)
    assert all(key.startswith(PREFIX) for key in fields)


def test_fields_name_the_technique() -> None:
    """The fields must hold what an analyst searches for."""
    fields = attack_fields(enriched(small_mapping(), "ec2-ssh-brute-force-inbound"))
    expected = {
        "technique": "T1110",
        "technique-name": "Brute Force",
        "tactic": "TA0006",
        "tactic-name": "Credential Access",
    }
    assert expected == {key: fields[PREFIX + key] for key in expected}


def test_lists_are_cut_between_ids() -> None:
    """A list that exceeds its limit must end with a whole id."""
    tagged = enriched(small_mapping(), "ec2-ssh-brute-force-inbound")
    row = tagged.attack["techniques"][0]
    tagged.attack["techniques"][:] = [{**row, "id": f"T{number:04d}"} for number in range(300)]
    ids = attack_fields(tagged)[f"{PREFIX}technique-ids"].split(", ")
    assert [f"T{number:04d}" for number in range(146)] == ids


def test_attack_is_no_field_of_the_customer() -> None:
    """ATT&CK must go into ProductFields: UserDefinedFields, Note and Workflow are the customer's."""
    finding = to_asff(enriched(small_mapping(), "ec2-ssh-brute-force-inbound"))
    assert set() == finding.keys() & {"UserDefinedFields", "Note", "Workflow", "Severity", "Types"}
    assert "T1110" == finding["ProductFields"]["attack/technique"]


def test_archived_finding_is_imported_as_archived(mapping: Mapping) -> None:
    """An archived finding must be archived there too, an active one active."""
    names = ("awkward-archived", "ec2-portscan")
    assert ["ARCHIVED", "ACTIVE"] == [to_asff(enriched(mapping, name))["RecordState"] for name in names]
