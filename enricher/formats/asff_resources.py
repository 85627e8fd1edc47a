"""Convert the resources of a finding to ASFF, with the IDs that Security Hub uses for them elsewhere.

https://docs.aws.amazon.com/securityhub/latest/userguide/asff-resources-attributes.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enricher.finding.event import Finding
from enricher.finding.fields import text_at, value_at
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
    named: dict[str, dict[str, Any]] = {}
    for kind, name, details in (*_of_finding(finding), *_of_sequence(finding)):
        if text := single_line(name, RESOURCE_ID_LIMIT):
            named.setdefault(text, {"Type": kind, "Id": text, **shared, **details})
    if not named:
        account = f"AWS::::Account:{finding.account}"
        named[account] = {"Type": "AwsAccount", "Id": account, **shared}
    return list(named.values())[:RESOURCES_LIMIT]


_Named = tuple[str, str, dict[str, Any]]  # type, ID, and {"Details": …} or {}


def _of_finding(finding: Finding) -> Iterator[_Named]:
    if instance := finding.text("resource.instanceDetails.instanceId"):
        yield "AwsEc2Instance", _instance_arn(finding, instance), {}
    key = finding.at("resource.accessKeyDetails")
    if identity := text_at(key, "accessKeyId"):
        yield "AwsIamAccessKey", _access_key(identity), _principal(finding, identity, key)
    for kind, place, name in _LOCATIONS:
        value = finding.at(f"resource.{place}")
        for item in value if isinstance(value, list) else [value]:
            text = item.get(name) if isinstance(item, dict) else None
            if isinstance(text, str):
                yield kind, text, {}


def _of_sequence(finding: Finding) -> Iterator[_Named]:
    resources = finding.at("service.detection.sequence.resources")
    for item in resources if isinstance(resources, list) else []:
        uid = item.get("uid") if isinstance(item, dict) else None
        if not isinstance(uid, str):
            continue
        stated = item.get("resourceType")
        kind = _SEQUENCE_KINDS.get(stated, "Other") if isinstance(stated, str) else "Other"
        if kind == "AwsIamAccessKey" and not uid.startswith(("arn:", "AWS::")):
            yield kind, _access_key(uid), _principal(finding, uid, value_at(item, "data.accessKey"))
        elif kind == "AwsEc2Instance" and uid.startswith("i-"):
            yield kind, _instance_arn(finding, uid), {}
        else:
            yield kind, uid, {}


def _access_key(identity: str) -> str:
    return f"AWS::IAM::AccessKey:{identity}"


def _instance_arn(finding: Finding, instance: str) -> str:
    return f"arn:{finding.partition}:ec2:{finding.region}:{finding.account}:instance/{instance}"


def _principal(finding: Finding, identity: str, block: object) -> dict[str, Any]:
    """Return {"Details": …} of an access key: who used it."""
    details = {
        "AccessKeyId": identity,
        "PrincipalId": text_at(block, "principalId"),
        "PrincipalType": text_at(block, "userType"),
        "PrincipalName": text_at(block, "userName"),
        "AccountId": finding.account,
    }
    lines = {key: single_line(value, RESOURCE_ID_LIMIT) for key, value in details.items()}
    return {"Details": {"AwsIamAccessKey": {key: value for key, value in lines.items() if value}}}
