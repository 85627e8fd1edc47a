"""List the AWS API calls in a finding, whichever block of the finding holds them.

`service.action.awsApiCallAction` holds one; the anomalous calls are in `service.additionalInfo` as
"iam.amazonaws.com:[CreateUser:success , DeleteUser:AccessDenied] , ec2.amazonaws.com:[…]", or structured in
`service.detection.anomaly`; a sequence lists the activities of its signals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from enricher.finding.event import Finding
from enricher.finding.fields import Block, number_at, text_at, texts_at, value_at, whole_at
from enricher.finding.kubernetes_call import request_of
from enricher.finding.paths import MOST_ITEMS, Shown, shown, walk

ACTION = "service.action.awsApiCallAction"
ANOMALOUS = "service.additionalInfo.anomalies.anomalousAPIs"
COUNTED = "service.additionalInfo.apiCalls"
ANOMALY = "service.detection.anomaly"
SIGNALS = "service.detection.sequence.signals"
#: Limits on the characters read of the list of anomalous calls, and on the calls kept: above what GuardDuty
#: sends.
_MAX_LIST_CHARACTERS, MOST_CALLS = 16_384, 64
#: The API's date and version, which CloudTrail appends for some services: UpdateFunctionCode20150331v2,
#: CreateDistribution2020_05_31.
_DATE = re.compile(r"(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?\Z")
_CALL_NAMES = {"eventname", "api", "apis", "apiname", "operation"}
_RARE = {"INFREQUENT", "UNSEEN", "RARE"}
_SUCCESS = {"", "success", "none", "null"}


class Call(NamedTuple):
    """One API call of a finding: of AWS, or the one of a Kubernetes API that a finding reports on.

    service: the event source as CloudTrail writes it (iam.amazonaws.com), "kubernetes", or "" if the finding
    gives only the name; operation: the name, or verb and resource (create pods/exec); error: the error code
    or HTTP status of a failed call, "" for a successful one; shown: the fields of the finding it was read
    from; by_service: an AWS service made the call; user_agent, namespace, resource_name: of the
    reported call only, the last two of a Kubernetes resource.
    """

    service: str
    operation: str
    error: str = ""
    shown: tuple[Shown, ...] = ()
    by_service: bool = False
    user_agent: str = ""
    namespace: str = ""
    resource_name: str = ""

    @property
    def name(self) -> str:
        """Return the name of the API call without the API's date and version."""
        return undated(self.operation)


def undated(api: str) -> str:
    """Return the name of an API call without the API's date and version."""
    return _DATE.sub("", api) if api[-1:].isdigit() else api


def reported_call(finding: Finding) -> Call | None:
    """Return the AWS or Kubernetes API call that a finding reports on, its texts cut to TEXT_LIMIT."""
    action = finding.action
    api = action.get("awsApiCallAction")
    if api and (operation := text_at(api, "api")):
        service, error, agent = texts_at(api, ("serviceName", "errorCode", "userAgent"))
        return Call(service, operation, error, user_agent=agent)
    api = action.get("kubernetesApiCallAction")
    if api and (verb := text_at(api, "verb")):
        request = request_of(api)
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        status = whole_at(api, "statusCode") or 0
        return Call(
            "kubernetes",
            f"{verb} {resource}".strip(),
            str(status) if status >= 400 else "",
            user_agent=text_at(api, "userAgent"),
            namespace=request.namespace,
            resource_name=request.name,
        )
    return None


def calls_of(finding: Finding) -> list[Call]:
    """List the distinct AWS API calls in a finding, at most MOST_CALLS, the call it reports on first."""
    found: dict[tuple[str, str], Call] = {}
    for call in _every_call(finding):
        found.setdefault((call.service, call.operation), call)
        if len(found) == MOST_CALLS:
            break
    return list(found.values())


def _every_call(finding: Finding) -> Iterator[Call]:
    action, service = finding.action.get("awsApiCallAction"), finding.service
    if isinstance(action, dict):
        yield from _read_action(action, _text(action.get("serviceName")))
    extra, detection = service.get("additionalInfo"), service.get("detection")
    if isinstance(extra, dict):
        if "anomalies" in extra:
            yield from _read_anomalous(value_at(extra, "anomalies.anomalousAPIs"))
        if "apiCalls" in extra:
            yield from _read_names(extra["apiCalls"], ["[]", "name"], COUNTED)
    if isinstance(detection, dict):
        yield from _read_anomaly(detection.get("anomaly"))
        if finding.resource.get("resourceType") != "AttackSequence":
            yield from _read_signals(value_at(detection, "sequence.signals"))


def _read_action(action: Block, service: str) -> Iterator[Call]:
    api, error, caller = (_text(action.get(key)) for key in ("api", "errorCode", "callerType"))
    if not api:
        return
    # "Remote IP" is the usual caller type; "Domain" is an AWS service calling on behalf of a principal.
    by_service = caller.lower() == "domain"
    parts = [("api", api), ("serviceName", service), ("errorCode", error)]
    if by_service:
        parts.append(("callerType", caller))
    places = (shown(f"{ACTION}.{key}", value) for key, value in parts if value)
    yield Call(service, api, _error(error), tuple(place for place in places if place), by_service)


def _read_anomalous(value: object) -> Iterator[Call]:
    texts = [("", value)] if isinstance(value, str) else []
    if isinstance(value, list):
        texts = [(f"[{n}]", item) for n, item in enumerate(value[:MOST_ITEMS]) if isinstance(item, str)]
    for place, text in texts:
        source = shown(f"{ANOMALOUS}{place}", text)
        for chunk in text[:_MAX_LIST_CHARACTERS].split("]") if source and isinstance(text, str) else ():
            head, bracket, body = chunk.partition("[")
            service = head.strip(" ,:\t\r\n")
            for item in body.split(",") if bracket else ():
                api, _, outcome = item.strip().partition(":")
                if source and api and service:
                    yield Call(service, api.strip(), _error(outcome.strip()), (source,))


def _read_names(value: object, steps: list[str], path: str) -> Iterator[Call]:
    for place, name in walk(value, steps, {}, path):
        if isinstance(name, str) and (source := shown(place, name)):
            yield Call("", name, "", (source,))


def _read_anomaly(anomaly: object) -> Iterator[Call]:
    if not isinstance(anomaly, dict):
        return
    unusual = anomaly.get("unusual")
    behavior = unusual.get("behavior") if isinstance(unusual, dict) else None
    for path, item in _named_maps(behavior, f"{ANOMALY}.unusual.behavior"):
        yield from _read_names(item, ["observations", "text", "[]"], path)
    for path, items in _named_maps(anomaly.get("profiles"), f"{ANOMALY}.profiles"):
        for number, item in enumerate(items[:MOST_ITEMS] if isinstance(items, list) else ()):
            # A profile also lists usual behavior; only rare or unseen behavior counts.
            if isinstance(item, dict) and _text(item.get("profileSubtype")) in _RARE:
                yield from _read_names(item, ["observations", "text", "[]"], f"{path}[{number}]")


def _named_maps(value: object, path: str) -> Iterator[tuple[str, Any]]:
    """Yield path and value of the API-call entries in a map of maps (outer key: whose behavior it is)."""
    for outer, inner in list(value.items())[:MOST_ITEMS] if isinstance(value, dict) else ():
        for key, item in list(inner.items())[:MOST_ITEMS] if isinstance(inner, dict) else ():
            if isinstance(key, str) and key.lower() in _CALL_NAMES:
                yield f"{path}.{outer}.{key}", item


def _read_signals(value: object) -> Iterator[Call]:
    for number, signal in enumerate(value[:MOST_ITEMS] if isinstance(value, list) else ()):
        activities = signal.get("activities") if isinstance(signal, dict) else None
        for place, item in enumerate(activities[:MOST_ITEMS] if isinstance(activities, list) else ()):
            api = item.get("api") if isinstance(item, dict) else None
            if not isinstance(api, dict):
                continue
            path = f"{SIGNALS}[{number}].activities[{place}].api"
            operation, service = _text(api.get("operation")), _text(api.get("service"))
            sources = (shown(f"{path}.operation", operation), shown(f"{path}.service", service))
            if operation:
                yield Call(service, operation, "", tuple(place for place in sources if place))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _error(text: str) -> str:
    return "" if text.lower() in _SUCCESS else text


def failure_of(finding: Finding) -> str:
    """Return the error of a finding whose calls all failed, an error code or HTTP status; "" for any other.

    Calls whose outcome the finding does not state are not considered.
    """
    action = finding.action.get("awsApiCallAction")
    errors = []
    if isinstance(action, dict) and _text(action.get("api")):
        errors.append(_error(_text(action.get("errorCode"))))
    extra = finding.service.get("additionalInfo")
    if isinstance(extra, dict) and "anomalies" in extra:
        errors += [call.error for call in _read_anomalous(value_at(extra, "anomalies.anomalousAPIs"))]
    if errors:
        return errors[0] if all(errors) else ""
    status = number_at(finding.action, "kubernetesApiCallAction.statusCode") or 0
    return f"HTTP {status:.0f}" if status >= 400 else ""


def is_denied(error: str) -> bool:
    """Return whether an error of `failure_of` is a refusal, and not another failure such as NoSuchBucket."""
    return any(word in error.lower() for word in _REFUSALS)


#: Parts of the error codes and HTTP statuses by which AWS services and Kubernetes refuse a call.
_REFUSALS = ("denied", "unauthorized", "forbidden", "notauthorized", "http 401", "http 403", "disallowed")
