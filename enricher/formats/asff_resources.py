"""Convert the resources of a finding to ASFF, with the IDs that Security Hub uses for them elsewhere.

https://docs.aws.amazon.com/securityhub/latest/userguide/asff-resources-attributes.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enricher.finding.event import Finding
from enricher.finding.safe_text import single_line

RESOURCES_LIMIT, RESOURCE_ID_LIMIT = 32, 512
_PARTITIONS = frozenset(("aws", "aws-cn", "aws-us-gov"))
_ROLES = {"TARGET": "Target", "ACTOR": "Actor"}

#: ASFF type, path under `resource`, and the key that holds the ARN or ID of the resource.
_LOCATIONS = (
    ("AwsS3Bucket", "s3BucketDetails", "arn"),
    ("AwsEksCluster", "eksClusterDetails", "arn"),
    ("AwsEcsCluster", "ecsClusterDetails", "arn"),
    ("AwsEcsTask", "ecsClusterDetails.taskDetails", "arn"),
    ("AwsLambdaFunction", "lambdaDetails", "functionArn"),
    ("AwsRdsDbInstance", "rdsDbInstanceDetails", "dbInstanceArn"),
    ("Other", "rdsLimitlessDbDetails", "dbShardGroupArn"),
    ("Container", "containerDetails", "id"),
    ("Other", "ebsSnapshotDetails", "snapshotArn"),
    ("Other", "ec2ImageDetails", "imageArn"),
    ("Other", "recoveryPointDetails", "recoveryPointArn"),
    ("Other", "bedrockGuardrailDetails", "guardrailArn"),
)
#: Resource types of an attack sequence and their ASFF types.
_SEQUENCE_KINDS = {
    "EC2_INSTANCE": "AwsEc2Instance",
    "EC2_NETWORK_INTERFACE": "AwsEc2NetworkInterface",
    "S3_BUCKET": "AwsS3Bucket",
    "S3_OBJECT": "AwsS3Object",
    "ACCESS_KEY": "AwsIamAccessKey",
    "EKS_CLUSTER": "AwsEksCluster",
    "CONTAINER": "Container",
    "ECS_CLUSTER": "AwsEcsCluster",
    "ECS_TASK": "AwsEcsTask",
}


def resources_of(finding: Finding) -> list[dict[str, Any]]:
    """Return 1 to 32 ASFF resources; the account itself if the finding names no other resource."""
    shared: dict[str, Any] = {"Region": finding.region}
    if finding.partition in _PARTITIONS:
        shared["Partition"] = finding.partition
    if role := _ROLES.get(finding.text("service.resourceRole")):
        shared["ResourceRole"] = role
    named: dict[str, str] = {}
    for kind, name in (*_of_finding(finding), *_of_sequence(finding)):
        if text := single_line(name, RESOURCE_ID_LIMIT):
            named.setdefault(text, kind)
    if not named:
        named[f"AWS::::Account:{finding.account}"] = "AwsAccount"
    return [{"Type": kind, "Id": name, **shared} for name, kind in list(named.items())[:RESOURCES_LIMIT]]


def _of_finding(finding: Finding) -> Iterator[tuple[str, str]]:
    if instance := finding.text("resource.instanceDetails.instanceId"):
        arn = f"arn:{finding.partition}:ec2:{finding.region}:{finding.account}:instance/{instance}"
        yield "AwsEc2Instance", arn
    if key := finding.text("resource.accessKeyDetails.accessKeyId"):
        yield "AwsIamAccessKey", f"AWS::IAM::AccessKey:{key}"
    for kind, place, name in _LOCATIONS:
        value = finding.at(f"resource.{place}")
        for item in value if isinstance(value, list) else [value]:
            text = item.get(name) if isinstance(item, dict) else None
            if isinstance(text, str):
                yield kind, text


def _of_sequence(finding: Finding) -> Iterator[tuple[str, str]]:
    resources = finding.at("service.detection.sequence.resources")
    for item in resources if isinstance(resources, list) else []:
        uid = item.get("uid") if isinstance(item, dict) else None
        if isinstance(uid, str):
            kind = item.get("resourceType")
            yield _SEQUENCE_KINDS.get(kind, "Other") if isinstance(kind, str) else "Other", uid
