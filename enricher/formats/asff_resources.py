"""Convert the resources of a finding to ASFF, with the IDs that Security Hub uses for them elsewhere.

https://docs.aws.amazon.com/securityhub/latest/userguide/asff-resources-attributes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.fields import Block, rows_at, text_at, value_at
from enricher.finding.resources import MAX_RESOURCES, Resource
from enricher.finding.safe_text import single_line

RESOURCES_LIMIT, RESOURCE_ID_LIMIT = 32, 512
_PARTITIONS = frozenset(("aws", "aws-cn", "aws-us-gov"))
_ROLES = {"TARGET": "Target", "ACTOR": "Actor"}


def resources_of(finding: Finding, context: Context) -> list[dict[str, Any]]:
    """Return 1 to 32 ASFF resources; the account itself if the finding names no other resource."""
    shared: dict[str, Any] = {"Region": finding.region}
    if finding.partition in _PARTITIONS:
        shared["Partition"] = finding.partition
    if role := _ROLES.get(finding.text("service.resourceRole")):
        shared["ResourceRole"] = role
    named: dict[str, dict[str, Any]] = {}
    keys = _access_keys(finding)
    for resource in context.resources:
        if text := single_line(_id_of(resource, finding), RESOURCE_ID_LIMIT):
            details = (
                _principal(finding, resource.uid, keys) if resource.asff_type == "AwsIamAccessKey" else {}
            )
            named.setdefault(text, {"Type": resource.asff_type, "Id": text, **shared, **details})
    if not named:
        account = f"AWS::::Account:{finding.account}"
        named[account] = {"Type": "AwsAccount", "Id": account, **shared}
    return list(named.values())[:RESOURCES_LIMIT]


def _id_of(resource: Resource, finding: Finding) -> str:
    """Return the ID that Security Hub uses: an ARN for an instance, a prefixed ID for an access key."""
    if resource.asff_type == "AwsIamAccessKey" and resource.uid:
        return f"AWS::IAM::AccessKey:{resource.uid}"
    if resource.asff_type == "AwsEc2Instance" and resource.uid:
        return f"arn:{finding.partition}:ec2:{finding.region}:{finding.account}:instance/{resource.uid}"
    return resource.uid


def _access_keys(finding: Finding) -> dict[str, Block]:
    """Return what the finding says of each access key, by its ID."""
    own = finding.at("resource.accessKeyDetails")
    keys: dict[str, Block] = {text_at(own, "accessKeyId"): own} if isinstance(own, dict) else {}
    for row in rows_at(finding.view, "service.detection.sequence.resources", MAX_RESOURCES):
        if isinstance(data := value_at(row, "data.accessKey"), dict):
            keys.setdefault(text_at(row, "uid").rpartition("/")[2], data)
    return keys


def _principal(finding: Finding, identity: str, keys: Mapping[str, Block]) -> dict[str, Any]:
    """Return {"Details": …} of an access key: who used it."""
    block = keys.get(identity)
    details = {
        "AccessKeyId": identity,
        "PrincipalId": text_at(block, "principalId"),
        "PrincipalType": text_at(block, "userType"),
        "PrincipalName": text_at(block, "userName"),
        "AccountId": finding.account,
    }
    lines = {key: single_line(value, RESOURCE_ID_LIMIT) for key, value in details.items()}
    return {"Details": {"AwsIamAccessKey": {key: value for key, value in lines.items() if value}}}
