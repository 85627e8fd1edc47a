"""Label an ECS document with what the finding is about, where ECS has no field for it: for searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.fields import ROW_LIMIT, TEXT_LIMIT, Block, rows_at, text_at, value_at


def resource_labels(finding: Finding, context: Context) -> dict[str, Any]:
    """Return the labels of the resources, the network they are in, the access keys and the threats.

    Lists of texts, without duplicates; a label without values is an empty list.
    """
    view = finding.view
    instance = value_at(view, "resource.instanceDetails")
    buckets = _rows(view, "resource.s3BucketDetails")
    interfaces = rows_at(instance, "networkInterfaces")
    groups = [group for interface in interfaces for group in rows_at(interface, "securityGroups")]
    intelligence = rows_at(view, "service.evidence.threatIntelligenceDetails")
    return {
        "access_key": _distinct(principal.credential for principal in context.principals),
        "bucket": _distinct(text_at(bucket, "name") for bucket in buckets),
        "resource": _distinct(resource.uid for resource in context.resources),
        "resource_name": _distinct(resource.name for resource in context.resources),
        "resource_type": _distinct(resource.kind for resource in context.resources),
        "database": _distinct(_texts(view, _DATABASES)),
        "image_id": _distinct(_texts(view, ("resource.instanceDetails.imageId",))),
        "instance_profile": _distinct(_texts(instance, ("iamInstanceProfile.arn", "iamInstanceProfile.id"))),
        "vpc_id": _distinct(
            [*(text_at(interface, "vpcId") for interface in interfaces), *_texts(view, _VPCS)]
        ),
        "subnet_id": _distinct(text_at(interface, "subnetId") for interface in interfaces),
        "security_group": _distinct(
            text_at(group, key) for group in groups for key in ("groupId", "groupName")
        ),
        "malware": _distinct(threat.name for threat in context.threats),
        "threat_list": _distinct(text_at(row, "threatListName") for row in intelligence),
        "threat_name": _distinct(name for row in intelligence for name in _strings(row.get("threatNames"))),
    }


_DATABASES = (
    "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
    "resource.rdsDbInstanceDetails.dbClusterIdentifier",
    "resource.rdsLimitlessDbDetails.dbClusterIdentifier",
    "resource.rdsDbUserDetails.database",
)
_VPCS = ("resource.eksClusterDetails.vpcId", "resource.lambdaDetails.vpcConfig.vpcId")


def _rows(view: Block, path: str) -> list[Block]:
    block = value_at(view, path)
    return [block] if isinstance(block, dict) else rows_at(view, path)


def _texts(block: object, paths: Iterable[str]) -> Iterator[str]:
    return (text_at(block, path) for path in paths)


def _strings(value: object) -> list[str]:
    items = value[:ROW_LIMIT] if isinstance(value, list) else []
    return [item[:TEXT_LIMIT] for item in items if isinstance(item, str)]


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
