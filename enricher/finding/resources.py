"""Read the resources of a finding: the affected resource, and those of an attack sequence.

`KINDS` is the one table of resource kinds: headline, text, ECS, OCSF and ASFF all read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from enricher.finding.event import Finding
from enricher.finding.fields import (
    ROW_LIMIT,
    TEXT_LIMIT,
    Block,
    rows_at,
    text_at,
    text_of,
    texts_at,
    value_at,
)

#: Maximum number of resources of an attack sequence that are read.
MAX_RESOURCES = 100


class Kind(NamedTuple):
    """One kind of resource.

    name: its CloudFormation type if there is one; asff: its type in ASFF; sequence: its `resourceType` in an
    attack sequence; block: path under `resource` of an object or a list of objects, "" if only sequences have
    it; uid, label: keys of the id or ARN and of the name; types: values of `resource.resourceType` for it.
    """

    name: str
    asff: str = "Other"
    sequence: str = ""
    block: str = ""
    uid: str = ""
    label: str = ""
    types: tuple[str, ...] = ()


KINDS = (
    Kind(
        "AWS::EC2::Instance",
        "AwsEc2Instance",
        "EC2_INSTANCE",
        "instanceDetails",
        "instanceId",
        "",
        ("Instance",),
    ),
    Kind(
        "AWS::IAM::AccessKey",
        "AwsIamAccessKey",
        "ACCESS_KEY",
        "accessKeyDetails",
        "accessKeyId",
        "userName",
        ("AccessKey",),
    ),
    Kind(
        "AWS::S3::Bucket",
        "AwsS3Bucket",
        "S3_BUCKET",
        "s3BucketDetails",
        "arn",
        "name",
        ("S3Bucket", "S3Object"),
    ),
    Kind("AWS::S3::Object", "AwsS3Object", "S3_OBJECT"),
    Kind(
        "AWS::EKS::Cluster",
        "AwsEksCluster",
        "EKS_CLUSTER",
        "eksClusterDetails",
        "arn",
        "name",
        ("EKSCluster", "KubernetesCluster"),
    ),
    Kind(
        "Kubernetes workload",
        "Other",
        "KUBERNETES_WORKLOAD",
        "kubernetesDetails.kubernetesWorkloadDetails",
        "uid",
        "name",
    ),
    Kind(
        "AWS::ECS::Cluster",
        "AwsEcsCluster",
        "ECS_CLUSTER",
        "ecsClusterDetails",
        "arn",
        "name",
        ("ECSCluster",),
    ),
    Kind("AWS::ECS::Task", "AwsEcsTask", "ECS_TASK", "ecsClusterDetails.taskDetails", "arn"),
    Kind("Container", "Container", "CONTAINER", "containerDetails", "id", "name", ("Container",)),
    Kind(
        "AWS::Lambda::Function",
        "AwsLambdaFunction",
        "",
        "lambdaDetails",
        "functionArn",
        "functionName",
        ("Lambda",),
    ),
    Kind(
        "AWS::RDS::DBInstance",
        "AwsRdsDbInstance",
        "",
        "rdsDbInstanceDetails",
        "dbInstanceArn",
        "dbInstanceIdentifier",
        ("RDSDBInstance",),
    ),
    Kind(
        "AWS::RDS::DBShardGroup",
        "Other",
        "",
        "rdsLimitlessDbDetails",
        "dbShardGroupArn",
        "dbShardGroupIdentifier",
        ("RDSLimitlessDB",),
    ),
    Kind("AWS::EC2::Snapshot", "Other", "", "ebsSnapshotDetails", "snapshotArn", "", ("EBSSnapshot",)),
    Kind("AWS::EC2::Image", "Other", "EC2_IMAGE", "ec2ImageDetails", "imageArn", "", ("EC2Image", "AMI")),
    Kind(
        "AWS::Backup::RecoveryPoint",
        "Other",
        "",
        "recoveryPointDetails",
        "recoveryPointArn",
        "backupVaultName",
    ),
    Kind("AWS::Bedrock::Guardrail", "Other", "BEDROCK_GUARDRAIL", "bedrockGuardrailDetails", "guardrailArn"),
    Kind("Bedrock model", "Other", "", "modelDetails", "modelId"),
    Kind("AWS::EC2::Volume", "AwsEc2Volume", "", "ebsVolumeDetails.scannedVolumeDetails", "volumeArn"),
    Kind("AWS::EC2::NetworkInterface", "AwsEc2NetworkInterface", "EC2_NETWORK_INTERFACE"),
    Kind("AWS::EC2::VPC", "AwsEc2Vpc", "EC2_VPC"),
    Kind("AWS::EC2::LaunchTemplate", "AwsEc2LaunchTemplate", "EC2_LAUNCH_TEMPLATE"),
    Kind(
        "AWS::AutoScaling::AutoScalingGroup",
        "AwsAutoScalingAutoScalingGroup",
        "AUTOSCALING_AUTO_SCALING_GROUP",
    ),
    Kind("AWS::IAM::InstanceProfile", "Other", "IAM_INSTANCE_PROFILE"),
    Kind("AWS::CloudFormation::Stack", "AwsCloudFormationStack", "CLOUDFORMATION_STACK"),
    Kind("AWS::Bedrock::ApplicationInferenceProfile", "Other", "BEDROCK_APPLICATION_INFERENCE_PROFILE"),
    Kind("AWS::Bedrock::Prompt", "Other", "BEDROCK_PROMPT"),
    Kind("AWS::SageMaker::Endpoint", "Other", "SAGEMAKER_ENDPOINT"),
)
#: Member of `resource` -> the kinds whose blocks it holds, each with its place in KINDS.
_BY_MEMBER: dict[str, list[tuple[int, Kind]]] = {}
for _place, _kind in enumerate(KINDS):
    if _kind.block:
        _BY_MEMBER.setdefault(_kind.block.partition(".")[0], []).append((_place, _kind))
_BY_TYPE = {
    stated: frozenset(kind.name for kind in KINDS if stated in kind.types)
    for it in KINDS
    for stated in it.types
}
#: Members of `resource` that are not resources of kinds without a row.
_KNOWN_BLOCKS = _BY_MEMBER.keys() | {"kubernetesDetails", "rdsDbUserDetails"}
_ID_KEYS, _NAME_KEYS = ("arn", "id", "identifier"), ("name",)
_BY_SEQUENCE = {kind.sequence: kind for kind in KINDS if kind.sequence}
_BY_NAME = {kind.name: kind for kind in KINDS}
_OBJECT = _BY_NAME["AWS::S3::Object"]


class Resource(NamedTuple):
    """One resource; kind: its CloudFormation type if there is one; uid: id or ARN; name: "" if none."""

    kind: str
    uid: str
    name: str

    @property
    def asff_type(self) -> str:
        """Return the type of the resource in ASFF."""
        kind = _BY_NAME.get(self.kind)
        return kind.asff if kind else "Other"

    @property
    def has_row(self) -> bool:
        """Return whether the table has the kind; the kind of any other is GuardDuty's own word."""
        return self.kind in _BY_NAME

    @property
    def short_name(self) -> str:
        """Return what a console search finds: an instance's id, else the name, else the end of the ARN."""
        if self.kind == "AWS::EC2::Instance" and self.uid:
            return self.uid
        parts = self.uid.split(":", 5)
        is_generic = self.kind == "AWS::Backup::RecoveryPoint"
        own = parts[5] if len(parts) == 6 and parts[0] == "arn" else self.uid
        return own if is_generic and own else self.name or own


def read_resources(finding: Finding) -> list[Resource]:
    """List the affected resources, then those of an attack sequence, without those that lack id and name."""
    found, resource = [], finding.resource
    kinds = [kind for member in resource if member in _BY_MEMBER for kind in _BY_MEMBER[member]]
    for _, kind in sorted(kinds):
        for row in _rows(resource, kind):
            uid, name = texts_at(row, (kind.uid, kind.label))
            found.append(Resource(kind.name, uid, name if kind.label else name_tag(row)))
            if "s3ObjectDetails" in row:
                found += [
                    Resource(_OBJECT.name, text_at(item, "objectArn"), text_at(item, "key"))
                    for item in rows_at(row, "s3ObjectDetails")
                ]
    found += _without_row(resource)
    if detection := finding.service.get("detection"):
        found += map(_of_sequence, rows_at(detection, "sequence.resources", MAX_RESOURCES))
    return [resource for resource in found if resource.uid or resource.name]


def main_resource(view: Block, resources: tuple[Resource, ...]) -> Resource | None:
    """Return the resource that the finding is about: of the kind of `resourceType`, else the first one."""
    if len(resources) < 2:
        return resources[0] if resources else None
    stated = text_at(view, "resource.resourceType")
    names = _BY_TYPE.get(stated, frozenset((stated,)))
    # The access key is the caller's in most findings: what it acted on comes first, if the finding names it.
    others = (resource for resource in resources if resource.kind != "AWS::IAM::AccessKey")
    of_kind = (resource for resource in resources if resource.kind in names)
    return next(of_kind, None) or next(others, resources[0])


def name_tag(block: object) -> str:
    """Return the value of the resource's Name tag; "" if it has none."""
    return next((text_at(tag, "value") for tag in rows_at(block, "tags") if tag.get("key") == "Name"), "")


def _rows(resource: Block, kind: Kind) -> list[Block]:
    block = value_at(resource, kind.block)
    if isinstance(block, list):
        return rows_at(resource, kind.block)
    return [block] if block and isinstance(block, dict) else []


def _without_row(resource: Block) -> Iterator[Resource]:
    """Yield the resources of kinds that the table lacks, each with the first ID and name in its block."""
    for member, block in resource.items():
        if member in _KNOWN_BLOCKS or not member.endswith("Details"):
            continue
        stated = text_at(resource, "resourceType")
        for row in block[:ROW_LIMIT] if isinstance(block, list) else [block]:
            if isinstance(row, dict):
                kind = stated if stated and stated not in _BY_TYPE else member.removesuffix("Details")
                yield Resource(kind, _first(row, _ID_KEYS), _first(row, _NAME_KEYS))


def _first(row: Block, endings: tuple[str, ...]) -> str:
    """Return the first text whose key ends in one of the words; earlier words come first."""
    keys = (key for ending in endings for key in row if key.lower().endswith(ending))
    return next((text for key in keys if (text := text_of(row[key])[:TEXT_LIMIT])), "")


def _of_sequence(row: Block) -> Resource:
    """Return a resource of an attack sequence with the kind and the id that it has in other findings."""
    stated, uid, name = text_at(row, "resourceType"), text_at(row, "uid"), text_at(row, "name")
    kind = _BY_SEQUENCE.get(stated)
    if kind is None:
        return Resource(stated, uid, name)
    if kind.uid in ("instanceId", "accessKeyId") and uid.startswith("arn:"):
        uid = uid.rpartition("/")[2]
    if kind.name == "AWS::IAM::AccessKey":
        name = text_at(row, "data.accessKey.userName") or name
    if kind.name == "AWS::EC2::Instance":
        name = name_tag(row) or ("" if name == uid else name)
    return Resource(kind.name, uid, name)
