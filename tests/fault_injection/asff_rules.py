"""Check a finding against every limit that ASFF states, beyond what botocore checks by itself.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html, API_Resource.html,
API_FindingProviderFields.html and
https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)")
_PRODUCT = re.compile(r"arn:aws[a-z-]*:securityhub:[a-z0-9-]+:\d{12}:product/\d{12}/default")
_LENGTHS = {
    "Id": 512,
    "GeneratorId": 512,
    "Title": 256,
    "Description": 1024,
    "ProductName": 128,
    "ProductArn": 2048,
}
_REQUIRED = (
    "SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "UpdatedAt", "Title",
    "Description", "Resources",
)  # fmt: skip
_TIMES = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")
_NAMESPACES = (
    "Software and Configuration Checks", "TTPs", "Effects", "Unusual Behaviors",
    "Sensitive Data Identifications",
)  # fmt: skip
_LABELS = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")


def asff_faults(finding: Mapping[str, Any]) -> list[str]:
    """Name every limit or form that the finding breaks."""
    faults = [f"{name} is missing" for name in _REQUIRED if not finding.get(name)]
    faults += [
        f"{name} has {len(finding[name])} characters, at most {most}"
        for name, most in _LENGTHS.items()
        if len(finding.get(name, "")) > most
    ]
    faults += [
        f"{name} is no time: {finding[name]}"
        for name in _TIMES
        if name in finding and not _TIME.fullmatch(finding[name])
    ]
    if not _PRODUCT.fullmatch(finding.get("ProductArn", "")):
        faults.append(f"ProductArn: {finding.get('ProductArn')}")
    if finding.get("SchemaVersion") != "2018-10-08":
        faults.append(f"SchemaVersion: {finding.get('SchemaVersion')}")
    if not re.fullmatch(r"\d{12}", finding.get("AwsAccountId", "")):
        faults.append(f"AwsAccountId: {finding.get('AwsAccountId')}")
    faults += fields_faults(finding.get("ProductFields", {}), 2048)
    faults += fields_faults(finding.get("UserDefinedFields", {}), 1024)
    faults += _provider_faults(finding) + _resource_faults(finding)
    if len(json.dumps(finding)) > 240_000:
        faults.append("more than 240 KB")
    return faults


def fields_faults(fields: Mapping[str, str], most: int) -> list[str]:
    """Name what is wrong with a map of at most 50 texts, keys up to 128 and values up to `most` long."""
    faults = [f"{len(fields)} fields"] if len(fields) > 50 else []
    faults += [f"key {key[:40]}" for key in fields if not 1 <= len(key) <= 128]
    faults += [f"value of {key}" for key, value in fields.items() if not value.strip() or len(value) > most]
    return faults


def _provider_faults(finding: Mapping[str, Any]) -> list[str]:
    provided = finding.get("FindingProviderFields", {})
    types, severity = provided.get("Types", []), provided.get("Severity", {})
    faults = [
        f"type {name}" for name in types if name.split("/", 1)[0] not in _NAMESPACES or name.count("/") > 2
    ]
    if not 1 <= len(types) <= 50:
        faults.append(f"{len(types)} types")
    if severity.get("Label") not in _LABELS:
        faults.append(f"Severity.Label: {severity.get('Label')}")
    if len(severity.get("Original", "")) > 64:
        faults.append("Severity.Original")
    return faults


def _resource_faults(finding: Mapping[str, Any]) -> list[str]:
    resources = finding.get("Resources", [])
    faults = [] if 1 <= len(resources) <= 32 else [f"{len(resources)} resources"]
    for resource in resources:
        if not 1 <= len(resource["Type"]) <= 256 or not 1 <= len(resource["Id"]) <= 512:
            faults.append(f"resource {resource['Type']} {resource['Id'][:40]}")
        if resource.get("ResourceRole", "Target") not in ("Target", "Actor"):
            faults.append(f"ResourceRole {resource['ResourceRole']}")
    return faults
