"""Read the resources of a finding: the affected resource, and those of an attack sequence."""

from __future__ import annotations

from dataclasses import dataclass

from enricher.finding.fields import Block, rows_at, text_at, value_at


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; kind: its CloudFormation type if there is one; uid: id or ARN; name: "" if none."""

    kind: str
    uid: str
    name: str


#: path under `resource` of an object or a list of objects, type, keys of the id and of the name.
_KINDS = (
    ("instanceDetails", "AWS::EC2::Instance", "instanceId", ""),
    ("accessKeyDetails", "AWS::IAM::AccessKey", "accessKeyId", "userName"),
    ("s3BucketDetails", "AWS::S3::Bucket", "arn", "name"),
    ("eksClusterDetails", "AWS::EKS::Cluster", "arn", "name"),
    ("kubernetesDetails.kubernetesWorkloadDetails", "Kubernetes workload", "uid", "name"),
    ("ecsClusterDetails", "AWS::ECS::Cluster", "arn", "name"),
    ("ecsClusterDetails.taskDetails", "AWS::ECS::Task", "arn", ""),
    ("containerDetails", "Container", "id", "name"),
    ("lambdaDetails", "AWS::Lambda::Function", "functionArn", "functionName"),
    ("rdsDbInstanceDetails", "AWS::RDS::DBInstance", "dbInstanceArn", "dbInstanceIdentifier"),
    ("rdsLimitlessDbDetails", "AWS::RDS::DBShardGroup", "dbShardGroupArn", "dbShardGroupIdentifier"),
    ("ebsSnapshotDetails", "AWS::EC2::Snapshot", "snapshotArn", ""),
    ("ec2ImageDetails", "AWS::EC2::Image", "imageArn", ""),
    ("recoveryPointDetails", "AWS::Backup::RecoveryPoint", "recoveryPointArn", "backupVaultName"),
    ("bedrockGuardrailDetails", "AWS::Bedrock::Guardrail", "guardrailArn", ""),
    ("modelDetails", "Bedrock model", "modelId", ""),
)


def read_resources(view: Block) -> list[Resource]:
    """List the affected resources, then those of an attack sequence, without those that lack id and name."""
    found = []
    for path, kind, uid, name in _KINDS:
        block = value_at(view, f"resource.{path}")
        for row in rows_at(view, f"resource.{path}") if isinstance(block, list) else [block] if block else []:
            found.append(Resource(kind, text_at(row, uid), text_at(row, name) if name else name_tag(row)))
            found += [
                Resource("AWS::S3::Object", text_at(item, "objectArn"), text_at(item, "key"))
                for item in rows_at(row, "s3ObjectDetails")
            ]
    found += [
        Resource(text_at(row, "resourceType"), text_at(row, "uid"), text_at(row, "name"))
        for row in rows_at(view, "service.detection.sequence.resources")
    ]
    return [resource for resource in found if resource.uid or resource.name]


def name_tag(block: object) -> str:
    """Return the value of the resource's Name tag; "" if it has none."""
    return next((text_at(tag, "value") for tag in rows_at(block, "tags") if tag.get("key") == "Name"), "")
