"""A fake Security Hub: GetFindings, BatchUpdateFindings and BatchImportFindings on an in-memory store.

moto supports neither the filters of GetFindings nor BatchUpdateFindings. This implements them as documented,
for the in-memory client of the schedules and for the extension of moto (moto_extension.py). From:
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html (ten attributes, twenty values,
1 to 100 results), API_BatchUpdateFindings.html (100 identifiers, error codes, what a customer may change),
API_BatchImportFindings.html (100 findings, 240 KB, what a provider may change, own account),
https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html.
Not documented, and therefore an option of Hub: whether an update of UserDefinedFields replaces the map or
merges into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.asff_rules import asff_faults, fields_faults
from tests.fault_injection.injector import client_error

Identity = tuple[str, str]
_Body = dict[str, Any]
_CUSTOMER_FIELDS = frozenset(
    ("Confidence", "Criticality", "Note", "RelatedFindings", "Severity", "Types", "UserDefinedFields",
     "VerificationState", "Workflow")
)  # fmt: skip
#: Fields that no import changes once the finding exists.
_CUSTOMER_ONLY = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
#: Fields that an import changes only until a customer has written them.
_PROVIDER_UNTIL_WRITTEN = ("Confidence", "Criticality", "RelatedFindings", "Severity", "Types")
MAX_IDS, MAX_ATTRIBUTES, MAX_VALUES, SIZE_LIMIT = 100, 10, 20, 245_760


@dataclass(slots=True)
class Hub:
    """The findings of one account and Region.

    replaces: whether an update replaces the UserDefinedFields; written: the fields written by customers;
    visible: whether a finding has arrived yet.
    """

    account: str
    region: str = "eu-west-1"
    replaces: bool = True
    findings: dict[Identity, _Body] = field(default_factory=dict)
    written: dict[Identity, set[str]] = field(default_factory=dict)
    visible: Callable[[Identity], bool] = lambda _: True

    def get(self, request: Mapping[str, Any]) -> _Body:
        """Return the response of GetFindings."""
        filters: Mapping[str, Any] = request.get("Filters") or {}
        if len(filters) > MAX_ATTRIBUTES or any(len(values) > MAX_VALUES for values in filters.values()):
            raise client_error("GetFindings", "InvalidInputException")
        page_size = int(request.get("MaxResults") or 100)
        if not 1 <= page_size <= 100:
            raise client_error("GetFindings", "InvalidInputException")
        start = int(request.get("NextToken") or 0)
        matching = [
            item for key, item in self._candidates(filters) if self.visible(key) and matches(item, filters)
        ]
        page = [json.loads(json.dumps(item)) for item in matching[start : start + page_size]]
        more = start + page_size < len(matching)
        return {"Findings": page, **({"NextToken": str(start + page_size)} if more else {})}

    def _candidates(self, filters: Mapping[str, Any]) -> Iterable[tuple[Identity, _Body]]:
        ids, products = filters.get("Id", []), filters.get("ProductArn", [])
        if ids and products and all(item["Comparison"] == "EQUALS" for item in (*ids, *products)):
            keys = ((one["Value"], other["Value"]) for one in ids for other in products)
            return [(key, self.findings[key]) for key in keys if key in self.findings]
        return list(self.findings.items())

    def update(self, request: Mapping[str, Any]) -> _Body:
        """Return the response of BatchUpdateFindings."""
        identifiers = request["FindingIdentifiers"]
        changes = {key: value for key, value in request.items() if key != "FindingIdentifiers"}
        if not 1 <= len(identifiers) <= MAX_IDS or not changes or changes.keys() - _CUSTOMER_FIELDS:
            raise client_error("BatchUpdateFindings", "InvalidInputException")
        if fields_faults(changes.get("UserDefinedFields", {}), 1024):
            raise client_error("BatchUpdateFindings", "InvalidInputException")
        processed: list[_Body] = []
        unprocessed: list[_Body] = []
        seen: set[Identity] = set()
        for identifier in identifiers:
            key = (identifier["Id"], identifier["ProductArn"])
            code = self._update_one(key, changes, seen)
            seen.add(key)
            if code:
                unprocessed.append(
                    {"FindingIdentifier": identifier, "ErrorCode": code, "ErrorMessage": f"{code}: x"}
                )
            else:
                processed.append(identifier)
        return {"ProcessedFindings": processed, "UnprocessedFindings": unprocessed}

    def _update_one(self, key: Identity, changes: Mapping[str, Any], seen: set[Identity]) -> str:
        if key in seen:
            return "DuplicatedFindingIdentifier"
        finding = self.findings.get(key)
        if finding is None or not self.visible(key):
            return "FindingNotFound"
        changed = {**finding, **changes}
        if not self.replaces and "UserDefinedFields" in changes:
            changed["UserDefinedFields"] = {
                **finding.get("UserDefinedFields", {}),
                **changes["UserDefinedFields"],
            }
        if len(json.dumps(changed)) > SIZE_LIMIT:
            return "FindingSizeExceeded"
        self.findings[key] = changed
        self.written.setdefault(key, set()).update(changes)
        return ""

    def import_findings(self, request: Mapping[str, Any]) -> _Body:
        """Return the response of BatchImportFindings."""
        findings = request["Findings"]
        if not 1 <= len(findings) <= MAX_IDS or len(json.dumps(findings)) > 6 * 1024 * 1024:
            raise client_error("BatchImportFindings", "InvalidInputException")
        failed = []
        for finding in findings:
            problems = asff_faults(finding)
            if finding.get("AwsAccountId") != self.account:
                problems.append(f"account {finding.get('AwsAccountId')} is not {self.account}")
            if problems:
                failed.append(
                    {"Id": finding["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": "; ".join(problems)}
                )
            else:
                self._import_one(finding)
        return {
            "SuccessCount": len(findings) - len(failed),
            "FailedCount": len(failed),
            "FailedFindings": failed,
        }

    def _import_one(self, finding: _Body) -> None:
        key = (finding["Id"], finding["ProductArn"])
        existing = self.findings.get(key)
        provided = finding.get("FindingProviderFields", {})
        if existing is None:
            self.findings[key] = {**finding, **provided}
        elif finding["UpdatedAt"] > existing["UpdatedAt"]:
            kept = {name: existing[name] for name in _CUSTOMER_ONLY if name in existing}
            customer = self.written.get(key, set())
            kept |= {
                name: existing[name]
                for name in _PROVIDER_UNTIL_WRITTEN
                if name in existing and name in customer
            }
            self.findings[key] = {**existing, **finding, **provided, **kept}


def matches(finding: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Return whether a finding matches every attribute filter: any of its values, all of its NOT values."""
    return all(_matches_one(finding.get(name), values) for name, values in filters.items())


def _matches_one(value: Any, wanted: list[Mapping[str, str]]) -> bool:
    positive = [item for item in wanted if not item["Comparison"].startswith("NOT_")]
    negative = [item for item in wanted if item["Comparison"].startswith("NOT_")]
    return (not positive or any(_holds(value, item) for item in positive)) and all(
        _holds(value, item) for item in negative
    )


def _holds(value: Any, item: Mapping[str, str]) -> bool:
    text = (value or {}).get(item["Key"], "") if "Key" in item else str(value or "")
    comparison = item["Comparison"]
    found = {
        "EQUALS": text == item["Value"],
        "PREFIX": text.startswith(item["Value"]),
        "CONTAINS": item["Value"] in text,
    }[comparison.removeprefix("NOT_")]
    return found is not comparison.startswith("NOT_")
