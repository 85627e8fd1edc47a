"""Test the description of unexpected errors."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from enricher.destinations.base import Failure


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("secret"), "KeyError"),
        (EndpointConnectionError(endpoint_url="secret"), "EndpointConnectionError"),
        (
            ClientError({"Error": {"Code": "Throttling", "Message": "secret"}}, "Publish"),
            "ClientError Throttling",
        ),
    ],
)
def test_unexpected_error_is_described_by_class_and_code_only(error: Exception, reason: str) -> None:
    """An unexpected error must be described by its class and AWS error code, never by its message."""
    assert reason == Failure.unexpected(error).reason
