"""Test how the path of a Kubernetes API call is read."""

from __future__ import annotations

import pytest

from enricher.finding.kubernetes_call import KubernetesPath, read_request_uri
from tests.finding.findings import context


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("/api/v1/pods", ("pods", "", "", "")),
        ("/api/v1/namespaces", ("namespaces", "", "", "")),
        ("/api/v1/namespaces/shop", ("namespaces", "", "", "shop")),
        ("/api/v1/namespaces/shop/status", ("namespaces", "status", "", "shop")),
        ("/api/v1/namespaces/shop/secrets?limit=500", ("secrets", "", "shop", "")),
        ("/api/v1/namespaces/shop/pods/web-0/exec?command=sh", ("pods", "exec", "shop", "web-0")),
        ("/api/v1/nodes/ip-10-0-0-1/proxy/run/shop/web/app", ("nodes", "proxy", "", "ip-10-0-0-1")),
        ("/api/v1/watch/namespaces/shop/pods", ("pods", "", "shop", "")),
        ("/apis/apps/v1/namespaces/shop/deployments/web/scale", ("deployments", "scale", "shop", "web")),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/view", ("clusterroles", "", "", "view")),
        ("https://192.0.2.1:6443/apis/batch/v1/namespaces/a%2Db/cronjobs", ("cronjobs", "", "a-b", "")),
    ],
)
def test_path_is_split_into_its_parts(uri: str, parts: tuple[str, ...]) -> None:
    """Resource, subresource, namespace and name must be read from a path of either API root."""
    assert KubernetesPath(*parts) == read_request_uri(uri)


@pytest.mark.parametrize(
    "uri",
    ["", "/", "/version", "/healthz", "/api", "/api/v1", "/apis/apps/v1", "/openid/v1/jwks", "pods", "//"],
)
def test_path_without_a_resource_is_not_read(uri: str) -> None:
    """A path that names no resource must not be read as one."""
    assert read_request_uri(uri) is None


ACTION = {"actionType": "KUBERNETES_API_CALL"}


def test_call_is_named_by_its_uri() -> None:
    """A call whose finding has only verb and URI must be named with its resource and namespace."""
    action = {"verb": "create", "requestUri": "/api/v1/namespaces/shop/pods/web-1/exec"}
    call = context(service={"action": {**ACTION, "kubernetesApiCallAction": action}}).call
    assert call is not None
    assert ("create pods/exec", "shop") == (call.operation, call.namespace)


def test_stated_parts_come_before_those_of_the_uri() -> None:
    """What the finding states itself must not be replaced by what its URI says."""
    action = {"verb": "get", "requestUri": "/api/v1/namespaces/shop/pods/web-1", "namespace": "till"}
    call = context(service={"action": {**ACTION, "kubernetesApiCallAction": action}}).call
    assert call is not None
    assert ("get pods", "till") == (call.operation, call.namespace)
