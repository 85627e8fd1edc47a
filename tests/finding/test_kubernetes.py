"""Test what is read from the URI of a Kubernetes API request."""

from __future__ import annotations

import pytest

from enricher.finding.kubernetes import Request, read_request
from tests.finding.findings import context

ACTION = {"actionType": "KUBERNETES_API_CALL"}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/api/v1/secrets?limit=500", Request("secrets")),
        ("/api/v1/namespaces/shop/pods/web-1/exec?command=sh", Request("pods", "exec", "shop", "web-1")),
        ("/apis/apps/v1/namespaces/shop/deployments", Request("deployments", "", "shop")),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/admin", Request("clusterroles", "", "", "admin")),
        ("/api/v1/nodes/ip-10-0-0-1/proxy/run/shop/web-1", Request("nodes", "proxy", "", "ip-10-0-0-1")),
        ("/api/v1/namespaces", Request("namespaces")),
        ("/api/v1/namespaces/shop", Request("namespaces", "", "", "shop")),
        ("/api/v1/namespaces/shop/finalize", Request("namespaces", "finalize", "", "shop")),
        ("/api/v1/watch/namespaces/shop/configmaps", Request("configmaps", "", "shop")),
        ("/apis/apps/v1", Request()),
        ("/healthz", Request()),
        ("", Request()),
    ],
)
def test_uri_gives_resource_subresource_and_namespace(uri: str, expected: Request) -> None:
    """Resource, subresource, namespace and name must be read from the URI of any kind of request."""
    assert expected == read_request(uri)


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
