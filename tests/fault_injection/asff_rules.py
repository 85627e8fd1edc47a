"""Check a finding against every limit documented for ASFF, beyond the parameter validation of botocore.

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
    """Return every violation of a limit or format in an ASFF finding."""
    violations = [f"{name} is missing" for name in _REQUIRED if not finding.get(name)]
    violations += [
        f"{name} has {len(finding[name])} characters, the maximum is {most}"
        for name, most in _LENGTHS.items()
        if len(finding.get(name, "")) > most
    ]
    violations += [
        f"{name} must be an RFC 3339 time: {finding[name]}"
        for name in _TIMES
        if name in finding and not _TIME.fullmatch(finding[name])
    ]
    if not _PRODUCT.fullmatch(finding.get("ProductArn", "")):
        violations.append(f"ProductArn: {finding.get('ProductArn')}")
    if finding.get("SchemaVersion") != "2018-10-08":
        violations.append(f"SchemaVersion: {finding.get('SchemaVersion')}")
    if not re.fullmatch(r"\d{12}", finding.get("AwsAccountId", "")):
        violations.append(f"AwsAccountId: {finding.get('AwsAccountId')}")
    violations += fields_faults(finding.get("ProductFields", {}), 2048)
    violations += fields_faults(finding.get("UserDefinedFields", {}), 1024)
    violations += (
        _provider_violations(finding) + _resource_violations(finding) + _activity_violations(finding)
    )
    if len(json.dumps(finding)) > 240_000:
        violations.append("larger than 240 KB")
    return violations


def fields_faults(fields: Mapping[str, str], most: int) -> list[str]:
    """Return the violations of a map: at most 50 fields, 128 characters per key, `most` per value."""
    violations = [f"{len(fields)} fields"] if len(fields) > 50 else []
    violations += [f"key {key[:40]}" for key in fields if not 1 <= len(key) <= 128]
    violations += [
        f"value of {key}" for key, value in fields.items() if not value.strip() or len(value) > most
    ]
    return violations


def _provider_violations(finding: Mapping[str, Any]) -> list[str]:
    provided = finding.get("FindingProviderFields", {})
    types, severity = provided.get("Types", []), provided.get("Severity", {})
    violations = [
        f"type {name}" for name in types if name.split("/", 1)[0] not in _NAMESPACES or name.count("/") > 2
    ]
    if not 1 <= len(types) <= 50:
        violations.append(f"{len(types)} types")
    if severity.get("Label") not in _LABELS:
        violations.append(f"Severity.Label: {severity.get('Label')}")
    if len(severity.get("Original", "")) > 64:
        violations.append("Severity.Original")
    return violations


def _resource_violations(finding: Mapping[str, Any]) -> list[str]:
    resources = finding.get("Resources", [])
    violations = [] if 1 <= len(resources) <= 32 else [f"{len(resources)} resources"]
    for resource in resources:
        if not 1 <= len(resource["Type"]) <= 256 or not 1 <= len(resource["Id"]) <= 512:
            violations.append(f"resource {resource['Type']} {resource['Id'][:40]}")
        if resource.get("ResourceRole", "Target") not in ("Target", "Actor"):
            violations.append(f"ResourceRole {resource['ResourceRole']}")
    return violations


_ACTIONS = {
    "NETWORK_CONNECTION": "NetworkConnectionAction",
    "PORT_PROBE": "PortProbeAction",
    "DNS_REQUEST": "DnsRequestAction",
    "AWS_API_CALL": "AwsApiCallAction",
}
#: Longest text of the fields of Action, Network, Process, Malware and Threats.
_ACTIVITY_LENGTHS = {
    "Api": 128, "ServiceName": 128, "Domain": 128, "PortName": 128, "Protocol": 64, "SourceDomain": 128,
    "DestinationDomain": 128, "FilePath": 512, "FileName": 512, "Hash": 512, "Path": 512,
}  # fmt: skip


def _activity_violations(finding: Mapping[str, Any]) -> list[str]:
    """Return the violations of Action, Network, Process, Malware and Threats."""
    action = finding.get("Action", {})
    violations = []
    if action and not {_ACTIONS.get(action.get("ActionType"))} <= action.keys():
        violations.append(f"Action without its details: {sorted(action)}")
    violations += [
        f"{len(finding[name])} {name}"
        for name, most in {"Malware": 5, "Threats": 32}.items()
        if name in finding and not 1 <= len(finding[name]) <= most
    ]
    for threat in finding.get("Threats", []):
        if not 1 <= len(threat["Name"]) <= 128 or not 1 <= len(threat.get("FilePaths", [0])) <= 5:
            violations.append(f"threat {threat['Name'][:40]}")
    violations += [
        f"malware {item['Name'][:40]}" for item in finding.get("Malware", []) if len(item["Name"]) > 64
    ]
    parts = [finding.get(name) for name in ("Action", "Network", "Process", "Malware", "Threats")]
    for key, text in (leaf for part in parts for leaf in _texts(part, "")):
        if not text.strip() or len(text) > _ACTIVITY_LENGTHS.get(key, 512):
            violations.append(f"{key}: {text[:40]!r}")
    return violations


def _texts(value: Any, key: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in _texts(item, name)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _texts(item, key)]
    return []
