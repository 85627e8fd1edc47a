"""Read a GuardDuty finding, whichever way it came, without changing it.

Sources of the shapes: the EventBridge event (camelCase `detail`), the GetFindings API (PascalCase), the
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

#: The members whose EventBridge name is not the API's name with a small first letter (botocore's guardduty
#: model, 2026-11), but for two that are irregular in one place only and that nothing reads.
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
_DEEPEST = 64


class MalformedEvent(ValueError):
    """Say why an input is no GuardDuty finding: what was found, where, and what is expected."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one finding and the event it came in.

    event: the EventBridge event as it came, or the envelope made for a bare finding; `event["detail"]` is
        never changed.
    view: the same detail to read from, in camelCase, with `service.additionalInfo.value` (a JSON string)
        unpacked where its keys are not there already.
    type: the finding type, as GuardDuty spells it.
    """

    event: Mapping[str, Any]
    type: str
    view: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_event(cls, event: object) -> Finding:
        """Read an EventBridge event; raise MalformedEvent for what is not a finding."""
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
        view = _readable(detail)
        finding_type = view.get("type")
        if not isinstance(finding_type, str):
            raise MalformedEvent(
                f"detail.type is {_kind(finding_type)}, expected the finding type (a string)"
            )
        return cls(event, finding_type, view)

    @classmethod
    def from_detail(cls, detail: object) -> Finding:
        """Read a bare finding in either case and put it into the envelope that EventBridge would use."""
        if not isinstance(detail, dict):
            raise MalformedEvent(f"expected a finding (a JSON object), got {_kind(detail)}")
        view = _readable(detail)
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
        """Read an EventBridge event from its JSON text, as an SQS message body carries it."""
        return cls.from_event(read_json(text))

    def at(self, path: str) -> Any:
        """Give the value at a dotted camelCase path of the detail, None where there is nothing."""
        return value_at(self.view, path)

    def text(self, path: str) -> str:
        """Give the string at a path; numbers as text; "" for anything else."""
        return text_of(value_at(self.view, path))

    def flag(self, path: str) -> bool:
        """Give the boolean at a path; exports spell it "true" as well; False for anything else."""
        value = self.at(path)
        return value is True or (isinstance(value, str) and value.lower() == "true")

    def number(self, path: str) -> float | None:
        """Give the finite number at a path, also where an export spelt it as a string."""
        return number_of(value_at(self.view, path))

    @property
    def arn(self) -> str:
        """Give the finding's ARN: its identity across accounts and Regions."""
        return self.text("arn")

    def _from_arn(self, place: int) -> str:
        parts = self.arn.split(":", 5)
        return parts[place] if len(parts) == 6 else ""

    @property
    def account(self) -> str:
        """Give the account the finding is about, which is not the administrator's that received it."""
        return self.text("accountId") or self._from_arn(4) or _text(self.event.get("account"))

    @property
    def region(self) -> str:
        """Give the Region the finding is about."""
        return self.text("region") or self._from_arn(3) or _text(self.event.get("region"))

    @property
    def partition(self) -> str:
        """Give aws, aws-cn or aws-us-gov: as the finding says, else as its ARN or Region implies."""
        if stated := self.text("partition"):
            return stated
        if stated := self._from_arn(1):
            return stated
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(
            self.region.rpartition("-")[0].rpartition("-")[0], "aws"
        )

    @property
    def updated_at(self) -> str:
        """Give the time of the last update as GuardDuty wrote it."""
        return self.text("updatedAt")


def read_json(text: str | bytes) -> Any:
    """Parse JSON; raise MalformedEvent, with the place, for text that is none."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedEvent("not readable JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise MalformedEvent(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except ValueError as error:
        raise MalformedEvent(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _readable(detail: dict[str, Any]) -> dict[str, Any]:
    view = detail
    if "type" not in detail and "Type" in detail:
        camel = _camel(detail, _DEEPEST)
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


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
