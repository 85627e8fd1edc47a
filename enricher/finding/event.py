"""Parse a GuardDuty finding from any of its sources, without changing it.

Sources: the EventBridge event (camelCase `detail`), the GetFindings API (PascalCase), the
S3 export (one camelCase finding a line). https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enricher.finding.fields import number_of, text_of, value_at

DETAIL_TYPE = "GuardDuty Finding"
SOURCE = "aws.guardduty"

#: Members whose EventBridge name is not the API's name with a lower-case first letter (botocore's guardduty
#: model, 2026-11), except two that are irregular in one place only and are never read.
_IRREGULAR = {
    "SourceIps": "sourceIPs",
    "TaskCreatedAt": "createdAt",
    "KubernetesResourcesTypes": "type",
    "LoginAttributes": "LoginAttributes",
    "Latitude": "lat",
    "Longitude": "lon",
    "Code": "productCodeId",
    "ProductType": "productCodeType",
}
_MAX_DEPTH = 64
#: Partitions by the beginning of their Regions' codes, before direction and number (botocore's partitions).
_PARTITIONS = {
    "cn": "aws-cn",
    "us-gov": "aws-us-gov",
    "eusc": "aws-eusc",
    "us-iso": "aws-iso",
    "us-isob": "aws-iso-b",
    "eu-isoe": "aws-iso-e",
    "us-isof": "aws-iso-f",
}


class MalformedEvent(ValueError):
    """The input is not a GuardDuty finding; the message states the field, its value and what is expected."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding and the event it arrived in.

    event: the EventBridge event as received, or the envelope made for a bare finding; `event["detail"]` is
        never changed.
    view: the same detail for reading, in camelCase, with `service.additionalInfo.value` (a JSON string)
        unpacked unless its keys are present already.
    type: the finding type, as GuardDuty spells it.
    resource, service, action: the view's `resource`, `service` and `service.action`, {} for what it lacks.
    """

    event: Mapping[str, Any]
    type: str
    view: Mapping[str, Any] = field(repr=False)
    resource: Mapping[str, Any] = field(repr=False, compare=False)
    service: Mapping[str, Any] = field(repr=False, compare=False)
    action: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_event(cls, event: object) -> Finding:
        """Parse an EventBridge event; raise MalformedEvent if it is not a GuardDuty finding."""
        if not isinstance(event, dict):
            raise MalformedEvent(f"expected an EventBridge event (a JSON object), got {_kind(event)}")
        detail_type = event.get("detail-type", DETAIL_TYPE)
        if detail_type != DETAIL_TYPE:
            raise MalformedEvent(
                f"detail-type is {detail_type!r:.80}, expected {DETAIL_TYPE!r}: the rule must match on it"
            )
        detail = event.get("detail")
        if not isinstance(detail, dict):
            raise MalformedEvent(f"detail is {_kind(detail)}, expected the finding (a JSON object)")
        view = _camel_case_view(detail)
        finding_type = view.get("type")
        if not isinstance(finding_type, str):
            raise MalformedEvent(
                f"detail.type is {_kind(finding_type)}, expected the finding type (a string)"
            )
        service = _block(view.get("service"))
        return cls(
            event, finding_type, view, _block(view.get("resource")), service, _block(service.get("action"))
        )

    @classmethod
    def from_detail(cls, detail: object) -> Finding:
        """Wrap a bare finding (camelCase or PascalCase) in an EventBridge envelope; raise MalformedEvent."""
        if not isinstance(detail, dict):
            raise MalformedEvent(f"expected a finding (a JSON object), got {_kind(detail)}")
        view = _camel_case_view(detail)
        return cls.from_event(
            {
                "version": "0",
                "id": view.get("id"),
                "detail-type": DETAIL_TYPE,
                "source": SOURCE,
                "account": view.get("accountId"),
                "time": view.get("updatedAt"),
                "region": view.get("region"),
                "resources": [],
                "detail": detail,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Finding:
        """Parse an EventBridge event from JSON text, such as an SQS message body; raise MalformedEvent."""
        return cls.from_event(read_json(text))

    def at(self, path: str) -> Any:
        """Return the value at a dotted camelCase path under `detail`; None if absent."""
        return value_at(self.view, path)

    def text(self, path: str) -> str:
        """Return the string at a path; numbers as text; "" for anything else."""
        return text_of(value_at(self.view, path))

    def flag(self, path: str) -> bool:
        """Return the boolean at a path, also as the string "true" (exports); False for anything else."""
        value = self.at(path)
        return value is True or (isinstance(value, str) and value.lower() == "true")

    def number(self, path: str) -> float | None:
        """Return the finite number at a path, also from a string (exports); None for anything else."""
        return number_of(value_at(self.view, path))

    @property
    def arn(self) -> str:
        """Return the finding's ARN, which identifies it across accounts and Regions; "" if absent."""
        return self._own("arn")

    def _own(self, key: str) -> str:
        return text_of(self.view.get(key))

    def _from_arn(self, place: int) -> str:
        parts = self.arn.split(":", 5)
        return parts[place] if len(parts) == 6 else ""

    @property
    def account(self) -> str:
        """Return the account id the finding is about, not the administrator account that received it."""
        return self._own("accountId") or self._from_arn(4) or _text(self.event.get("account"))

    @property
    def region(self) -> str:
        """Return the Region code the finding is about."""
        return self._own("region") or self._from_arn(3) or _text(self.event.get("region"))

    @property
    def partition(self) -> str:
        """Return the partition (aws, aws-cn, …) from the finding, else from its ARN, else from its Region."""
        if stated := self._own("partition"):
            return stated
        if stated := self._from_arn(1):
            return stated
        area, country = self.region.rpartition("-")[0].rpartition("-")[0], self.region.partition("-")[0]
        return _PARTITIONS.get(area) or _PARTITIONS.get(country, "aws")

    @property
    def updated_at(self) -> str:
        """Return the time of the last update (`updatedAt`) as GuardDuty wrote it."""
        return self._own("updatedAt")


def read_json(text: str | bytes) -> Any:
    """Parse JSON; raise MalformedEvent, with line and column, if the text is not valid JSON."""
    try:
        return _parse(text)
    except RecursionError:
        raise MalformedEvent("not readable JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise MalformedEvent(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except ValueError as error:
        raise MalformedEvent(f"not JSON: {error}") from None


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


# json.loads builds a decoder for every text if it is given an option.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant)


def _parse(text: str | bytes) -> Any:
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    elif text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    return _DECODER.decode(text)


def _camel_case_view(detail: dict[str, Any]) -> dict[str, Any]:
    view = detail
    if "type" not in detail and "Type" in detail:
        camel = _camel(detail, _MAX_DEPTH)
        view = camel if isinstance(camel, dict) else detail
    service = view.get("service")
    extra = service.get("additionalInfo") if isinstance(service, dict) else None
    if (
        not isinstance(service, dict)
        or not isinstance(extra, dict)
        or not isinstance(extra.get("value"), str)
    ):
        return view
    try:
        unpacked = json.loads(extra["value"])
    except (ValueError, RecursionError):
        return view
    if not isinstance(unpacked, dict) or unpacked.keys() <= extra.keys():
        return view
    return {**view, "service": {**service, "additionalInfo": {**unpacked, **extra}}}


def _camel(value: Any, depth: int) -> Any:
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {_camel_key(key): _camel(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_camel(item, depth - 1) for item in value]
    return value


def _camel_key(key: str) -> str:
    # AffectedResources and the anomaly profiles are maps: AWS::S3::Bucket and eventName are data, not names.
    if ":" in key or not key[:1].isupper():
        return key
    return _IRREGULAR.get(key) or key[0].lower() + key[1:]


def _kind(value: object) -> str:
    if value is None:
        return "missing or null"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def _block(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
