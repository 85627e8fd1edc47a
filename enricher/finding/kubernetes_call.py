"""Read what a Kubernetes API call was about from its path, where the finding has nothing else.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from enricher.finding.fields import Block, text_at, texts_at

#: A request path longer than this is not read.
_MAX_LENGTH = 2048


class KubernetesPath(NamedTuple):
    """The parts of a Kubernetes API path; a part that it does not have is "".

    resource: in the plural, as in `pods`; subresource: `exec`, `token`, `proxy` …; name: of the resource.
    """

    resource: str
    subresource: str
    namespace: str
    name: str


def request_of(call: Block) -> KubernetesPath:
    """Return what a `kubernetesApiCallAction` was about: as the finding states it, else from the URI."""
    uri = text_at(call, "requestUri")
    read = (read_request_uri(uri) if uri else None) or KubernetesPath("", "", "", "")
    stated = texts_at(call, ("resource", "subresource", "namespace", "resourceName"))
    return KubernetesPath(*(part or other for part, other in zip(stated, read, strict=True)))


def read_request_uri(uri: str) -> KubernetesPath | None:
    """Return the parts of a `requestUri`, None if it does not name a resource.

    Core resources are below /api/VERSION/, others below /apis/GROUP/VERSION/.
    """
    path = uri[:_MAX_LENGTH].partition("?")[0].partition("#")[0]
    if "://" in path:
        path = f"/{path.partition('://')[2].partition('/')[2]}"
    steps = [unquote(step) for step in path.split("/") if step]
    if len(steps) > 2 and steps[0] == "api":
        steps = steps[2:]
    elif len(steps) > 3 and steps[0] == "apis":
        steps = steps[3:]
    else:
        return None
    if steps[0] == "watch":
        steps = steps[1:]
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces" and steps[2] not in _OF_NAMESPACES:
        namespace, steps = steps[1], steps[2:]
    if not steps:
        return None
    resource, name, subresource = (*steps[:3], "", "")[:3]
    return KubernetesPath(resource, subresource, namespace, name)


#: Subresources of a namespace itself: /api/v1/namespaces/NAME/status is about the namespace.
_OF_NAMESPACES = frozenset({"status", "finalize"})
