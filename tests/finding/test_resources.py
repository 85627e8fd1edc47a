"""Test the one table of resource kinds: the same type and id in every place a resource stands."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.enrichment.enrich import enrich
from enricher.finding.resource_kinds import KINDS
from enricher.finding.resources import main_resource
from enricher.formats.asff import to_asff
from enricher.mapping.model import AttackMapping
from tests.finding.findings import context, finding


def resources(**detail: Any) -> list[tuple[str, str, str]]:
    """Return the resources of a finding as (kind, uid, name)."""
    return [(it.kind, it.uid, it.name) for it in context(**detail).resources]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.block], ids=lambda kind: kind.name)
@pytest.mark.parametrize("is_list", [False, True])
def test_each_kind_is_read(kind: Any, *, is_list: bool) -> None:
    """A resource of each kind must be read from its block, an object or a list of objects."""
    row: dict[str, Any] = {kind.uid: "arn:id"} | ({kind.label: "name"} if kind.label else {})
    block: Any = [row] if is_list else row
    for step in reversed(kind.block.split(".")):
        block = {step: block}
    assert (kind.name, "arn:id", "name" if kind.label else "") in resources(resource=block)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"resourceType": "ACCESS_KEY", "uid": "AKIAEXAMPLE", "name": "AKIAEXAMPLE",
             "data": {"accessKey": {"userName": "dev"}}},
            ("AWS::IAM::AccessKey", "AKIAEXAMPLE", "dev"),
        ),
        (
            {"resourceType": "EC2_INSTANCE", "uid": "arn:aws:ec2:eu-west-1:111122223333:instance/i-0a1",
             "tags": [{"key": "Name", "value": "web"}]},
            ("AWS::EC2::Instance", "i-0a1", "web"),
        ),
        (
            {"resourceType": "S3_BUCKET", "uid": "arn:aws:s3:::claims", "name": "claims"},
            ("AWS::S3::Bucket", "arn:aws:s3:::claims", "claims"),
        ),
        ({"resourceType": "GLUE_JOB", "uid": "job"}, ("GLUE_JOB", "job", "")),
    ],
)  # fmt: skip
def test_resource_of_a_sequence_is_as_everywhere(row: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """A resource of an attack sequence must have the type, id and name that it has in other findings."""
    assert [expected] == resources(service={"detection": {"sequence": {"resources": [row]}}})


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ({"resourceType": "EBSSnapshot", "ebsSnapshotDetails":
            {"snapshotArn": "arn:aws:ec2:eu-west-1:111122223333:snapshot/snap-0a1"}}, "snapshot/snap-0a1"),
        ({"resourceType": "EBSRecoveryPoint", "recoveryPointDetails": {"backupVaultName": "vault",
            "recoveryPointArn": "arn:aws:backup:eu-west-1:111122223333:recovery-point:1-2"}},
         "recovery-point:1-2"),
        ({"resourceType": "EC2Image", "ec2ImageDetails":
            {"imageArn": "arn:aws:ec2:eu-west-1:111122223333:image/ami-0a1"}}, "image/ami-0a1"),
        ({"resourceType": "BedrockGuardrail", "bedrockGuardrailDetails":
            {"guardrailArn": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/g1"}}, "guardrail/g1"),
        ({"resourceType": "Instance", "instanceDetails":
            {"instanceId": "i-0a1", "tags": [{"key": "Name", "value": "web"}]}}, "i-0a1"),
        ({"resourceType": "AccessKey", "instanceDetails": {"instanceId": "i-0a1"},
          "accessKeyDetails": {"userName": "dev", "accessKeyId": "AKIAEXAMPLE"}}, "dev"),
        ({"resourceType": "S3Bucket", "s3BucketDetails": [{"name": "claims", "arn": "arn:aws:s3:::claims"}],
          "accessKeyDetails": {"userName": "dev", "accessKeyId": "AKIAEXAMPLE"}}, "claims"),
        ({"resourceType": "Lambda", "lambdaDetails": {"functionArn": "arn:f", "functionName": "report"}},
         "report"),
    ],
)  # fmt: skip
def test_main_resource_has_a_short_name(resource: dict[str, Any], name: str) -> None:
    """The resource that the finding is about must be named as a console search finds it."""
    found = main_resource(finding(resource=resource).view, context(resource=resource).resources)
    assert found is not None
    assert name == found.short_name


def test_table_has_every_block_of_a_finding() -> None:
    """Each block of `resource` that GuardDuty documents must have its row, with its own type."""
    assert {
        "instanceDetails": "AWS::EC2::Instance",
        "accessKeyDetails": "AWS::IAM::AccessKey",
        "s3BucketDetails": "AWS::S3::Bucket",
        "eksClusterDetails": "AWS::EKS::Cluster",
        "kubernetesDetails.kubernetesWorkloadDetails": "Kubernetes workload",
        "ecsClusterDetails": "AWS::ECS::Cluster",
        "ecsClusterDetails.taskDetails": "AWS::ECS::Task",
        "containerDetails": "Container",
        "lambdaDetails": "AWS::Lambda::Function",
        "rdsDbInstanceDetails": "AWS::RDS::DBInstance",
        "rdsLimitlessDbDetails": "AWS::RDS::DBShardGroup",
        "ebsSnapshotDetails": "AWS::EC2::Snapshot",
        "ec2ImageDetails": "AWS::EC2::Image",
        "recoveryPointDetails": "AWS::Backup::RecoveryPoint",
        "bedrockGuardrailDetails": "AWS::Bedrock::Guardrail",
        "modelDetails": "Bedrock model",
        "ebsVolumeDetails.scannedVolumeDetails": "AWS::EC2::Volume",
    } == {kind.block: kind.name for kind in KINDS if kind.block}


def test_asff_has_the_resources_of_the_table(mapping: AttackMapping) -> None:
    """ASFF must name the same resources as every other format, with the IDs that Security Hub uses."""
    rows = [
        {"resourceType": "ACCESS_KEY", "uid": "AKIAEXAMPLE", "data": {"accessKey": {"userName": "dev"}}},
        {"resourceType": "EC2_INSTANCE", "uid": "i-0a1"},
        {"resourceType": "EC2_VPC", "uid": "arn:vpc"},
    ]
    read = finding(
        accountId="111122223333",
        region="eu-west-1",
        arn="arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/f",
        updatedAt="2026-10-02T09:01:00.000Z",
        resource={"ebsSnapshotDetails": {"snapshotArn": "arn:snapshot"}},
        service={"detection": {"sequence": {"resources": rows}}},
    )
    found = {row["Id"]: row["Type"] for row in to_asff(enrich(read, mapping))["Resources"]}
    assert {
        "arn:snapshot": "Other",
        "AWS::IAM::AccessKey:AKIAEXAMPLE": "AwsIamAccessKey",
        "arn:aws:ec2:eu-west-1:111122223333:instance/i-0a1": "AwsEc2Instance",
        "arn:vpc": "AwsEc2Vpc",
    } == found


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "New", "newDetails": {"newArn": "arn:1", "newName": "n"}}, ("New", "arn:1", "n")),
        ({"resourceType": "New", "newDetails": [{"id": "1"}]}, ("New", "1", "")),
        ({"newDetails": {"identifier": "x", "displayName": "n"}}, ("new", "x", "n")),
    ],
)
def test_kind_without_a_row_is_read(resource: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """A resource that GuardDuty adds must have its type, and the ID and name that its block has."""
    assert [expected] == resources(resource=resource)


@pytest.mark.parametrize("block", [{}, {"newArn": [], "other": "x"}, "text", None, ["text"]])
def test_block_without_an_id_is_no_resource(block: object) -> None:
    """A block that names nothing, or of another shape, must not become a resource."""
    assert [] == resources(resource={"resourceType": "New", "newDetails": block})
