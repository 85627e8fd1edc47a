"""Read what a Kubernetes API request is about from its URI: findings as they arrive often state nothing else.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from typing import NamedTuple

from enricher.finding.fields import TEXT_LIMIT, Block, text_at, value_at

#: The action of a Kubernetes API call, and the member of its URI.
ACTION = "service.action.kubernetesApiCallAction"
REQUEST_URI = f"{ACTION}.requestUri"


class Request(NamedTuple):
    """The object of a Kubernetes API request; each part is "" if the request has none."""

    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


def read_request(uri: str) -> Request:
    """Return the object of a request from its URI; empty for a path such as /healthz."""
    steps = [step for step in uri[:TEXT_LIMIT].partition("?")[0].split("/") if step]
    # /api/VERSION/… and /apis/GROUP/VERSION/…
    prefix = {"api": 2, "apis": 3}.get(steps[0], len(steps)) if steps else 0
    steps = steps[prefix:]
    if steps[:1] == ["watch"]:
        steps = steps[1:]
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces" and steps[2] not in ("status", "finalize"):
        namespace, steps = steps[1], steps[2:]
    resource, name, below = (*steps, "", "", "")[:3]
    return Request(resource, below, namespace, name)


def request_of(view: Block) -> Request:
    """Return the object of a finding's request: as the finding states it, else from the URI."""
    read = read_request(text_at(view, REQUEST_URI))
    stated = (
        text_at(view, f"{ACTION}.{key}") for key in ("resource", "subresource", "namespace", "resourceName")
    )
    return Request(*(part or other for part, other in zip(stated, read, strict=True)))


def stated_parts(view: Block) -> dict[str, str]:
    """Return the members that the URI states and the action does not, by their name in the action."""
    action = value_at(view, ACTION)
    if not isinstance(action, dict) or not isinstance(action.get("requestUri"), str):
        return {}
    read = read_request(action["requestUri"])
    parts = {"resource": read.resource, "subresource": read.subresource, "namespace": read.namespace}
    return {key: part for key, part in parts.items() if part and not action.get(key)}
