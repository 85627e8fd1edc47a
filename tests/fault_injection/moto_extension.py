"""An extension of moto with the operations that the product calls, for tests with a real client.

Written from the API references: Security Hub's GetFindings filters, BatchUpdateFindings and the validation of
BatchImportFindings (hub.py lists the documents); GuardDuty's ListFindings (50 ids a page, sorted),
GetFindings (50 ids) and CreateSampleFindings (50 types), from
https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListFindings.html, API_GetFindings.html and
API_CreateSampleFindings.html. Findings are kept in the API's camelCase on the wire, which botocore reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, ClassVar
from unittest.mock import patch

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.guardduty import responses as guardduty_responses
from moto.guardduty import urls as guardduty_urls
from moto.securityhub import responses as hub_responses
from moto.securityhub import urls as hub_urls

from tests.fault_injection.hub import Hub

_Body = dict[str, Any]
MAX_FINDINGS, MAX_TYPES = 50, 50


class HubResponse(hub_responses.SecurityHubResponse):
    """Security Hub responses from a store per account and Region. hubs: the stores by (account, Region)."""

    hubs: ClassVar[dict[tuple[str, str], Hub]]

    def _respond(self, call: Callable[[Hub, _Body], _Body]) -> str:
        key = (self.current_account, self.region)
        hub = self.hubs.setdefault(key, Hub(*key))
        return _json(lambda: call(hub, json.loads(self.body or "{}")))

    def get_findings(self) -> str:
        """Return the response of GetFindings."""
        return self._respond(Hub.get)

    def batch_update_findings(self) -> str:
        """Return the response of BatchUpdateFindings."""
        return self._respond(Hub.update)

    def batch_import_findings(self) -> str:
        """Return the response of BatchImportFindings."""
        return self._respond(Hub.import_findings)


class GuardDutyResponse(guardduty_responses.GuardDutyResponse):
    """GuardDuty responses from a store per account and Region. findings: by (account, Region)."""

    findings: ClassVar[dict[tuple[str, str], list[_Body]]]

    @property
    def _store(self) -> list[_Body]:
        return self.findings.setdefault((self.current_account, self.region), [])

    def _detector(self) -> str:
        detector: str = self.path.split("/")[2]
        self.guardduty_backend.get_detector(detector)
        return detector

    def list_findings(self) -> str:
        """Return the response of ListFindings: at most 50 ids a page; criteria on text, numbers, times."""
        body, detector = json.loads(self.body or "{}"), self._detector()
        criteria = (body.get("findingCriteria") or {}).get("criterion") or {}
        page_size, start = int(body.get("maxResults") or 50), int(body.get("nextToken") or 0)
        if not 1 <= page_size <= MAX_FINDINGS:
            raise JsonRESTError("BadRequestException", "maxResults: 1 to 50")
        own = [item for item in self._store if item["service"]["detectorId"] == detector]
        ordered = _sorted([item for item in own if _matches(item, criteria)], body.get("sortCriteria"))
        ids = [item["id"] for item in ordered]
        token = str(start + page_size) if start + page_size < len(ids) else ""
        return json.dumps({"findingIds": ids[start : start + page_size], "nextToken": token})

    def get_findings(self) -> str:
        """Return the response of GetFindings: at most 50 ids."""
        ids, detector = json.loads(self.body)["findingIds"], self._detector()
        if not 0 < len(ids) <= MAX_FINDINGS:
            raise JsonRESTError("BadRequestException", "findingIds: 1 to 50")
        wanted = set(ids)
        found = [
            item for item in self._store if item["id"] in wanted and item["service"]["detectorId"] == detector
        ]
        return json.dumps({"findings": found})

    def archive_findings(self) -> str:
        """Return the response of ArchiveFindings: 1 to 50 ids."""
        ids, detector = json.loads(self.body)["findingIds"], self._detector()
        if not 0 < len(ids) <= MAX_FINDINGS:
            raise JsonRESTError("BadRequestException", "findingIds: 1 to 50")
        for item in self._store:
            if item["id"] in ids and item["service"]["detectorId"] == detector:
                item["service"]["archived"] = True
        return "{}"

    def create_sample_findings(self) -> str:
        """Return the response of CreateSampleFindings: creates one sample finding of each type."""
        types, detector = json.loads(self.body or "{}").get("findingTypes") or [], self._detector()
        if len(types) > MAX_TYPES:
            raise JsonRESTError("BadRequestException", "findingTypes: at most 50")
        for name in types:
            self._store.append(sample(name, detector, self.current_account, self.region, len(self._store)))
        return "{}"


def sample(name: str, detector: str, account: str, region: str, number: int) -> _Body:
    """Return a sample finding as GetFindings does: `sample` is in the JSON string of additionalInfo."""
    finding_id = f"{number:032x}"
    return {
        "schemaVersion": "2.0", "accountId": account, "region": region, "partition": "aws", "id": finding_id,
        "arn": f"arn:aws:guardduty:{region}:{account}:detector/{detector}/finding/{finding_id}",
        "type": name, "severity": 5,
        "createdAt": "2026-11-01T00:00:00.000Z", "updatedAt": "2026-11-01T00:00:00.000Z",
        "title": "A sample finding.", "description": "A sample finding.",
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-99999999"}},
        "service": {
            "serviceName": "guardduty", "detectorId": detector, "archived": False, "count": 1,
            "additionalInfo": {"value": '{"sample":true}', "type": "default"},
        },
    }  # fmt: skip


def _sorted(findings: list[_Body], criteria: _Body | None) -> list[_Body]:
    if not criteria:
        return findings
    path = criteria["attributeName"]
    return sorted(findings, key=lambda item: str(_at(item, path)), reverse=criteria["orderBy"] == "DESC")


def _matches(finding: _Body, criteria: _Body) -> bool:
    return all(_matches_criterion(_at(finding, path), wanted) for path, wanted in criteria.items())


def _at(finding: _Body, path: str) -> Any:
    value: Any = finding
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


_TESTS: dict[str, Callable[[str, float, Any], bool]] = {
    "equals": lambda text, _, limit: text in limit, "eq": lambda text, _, limit: text in limit,
    "notEquals": lambda text, _, limit: text not in limit, "neq": lambda text, _, limit: text not in limit,
    "greaterThanOrEqual": lambda _, number, limit: number >= limit,
    "gte": lambda _, number, limit: number >= limit,
    "greaterThan": lambda _, number, limit: number > limit, "gt": lambda _, number, limit: number > limit,
    "lessThanOrEqual": lambda _, number, limit: number <= limit,
    "lte": lambda _, number, limit: number <= limit,
    "lessThan": lambda _, number, limit: number < limit, "lt": lambda _, number, limit: number < limit,
}  # fmt: skip


def _matches_criterion(value: Any, wanted: _Body) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    number = _milliseconds(value)
    return all(_TESTS[name](text, number, limit) for name, limit in wanted.items())


@cache
def _milliseconds(value: Any) -> float:
    """Return a time as ListFindings compares it, in milliseconds since the epoch; NaN for other strings."""
    if isinstance(value, str) and re.match(r"\d{4}-", value):
        return datetime.fromisoformat(value).timestamp() * 1000
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _json(call: Callable[[], _Body]) -> str:
    try:
        return json.dumps(call())
    except ClientError as error:
        code = error.response["Error"]
        raise JsonRESTError(code["Code"], code["Message"]) from None


_HUB_PATHS = ("/findings$", "/findings/batchupdate$", "/findings/import$")
_GUARDDUTY_PATHS = ("/findings$", "/findings/get$", "/findings/create$", "/findings/archive$")


@contextmanager
def extended_moto() -> Iterator[tuple[type[HubResponse], type[GuardDutyResponse]]]:
    """Extend moto within the block; yield the classes with the stores `hubs` and GuardDuty `findings`."""

    class SecurityHub(HubResponse):
        hubs: ClassVar[dict[tuple[str, str], Hub]] = {}

    class GuardDuty(GuardDutyResponse):
        findings: ClassVar[dict[tuple[str, str], list[_Body]]] = {}

    hub = {f"{{0}}{path}": SecurityHub.dispatch for path in _HUB_PATHS}
    detector = {
        f"{{0}}/detector/(?P<detector_id>[^/]+){path}": GuardDuty.dispatch for path in _GUARDDUTY_PATHS
    }
    with patch.dict(hub_urls.url_paths, hub), patch.dict(guardduty_urls.url_paths, detector):
        yield SecurityHub, GuardDuty
