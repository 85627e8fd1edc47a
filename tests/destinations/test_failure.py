"""Test how an error is worded that nobody foresaw."""

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
def test_unforeseen_error_gives_kind_and_code_only(error: Exception, reason: str) -> None:
    """An error that nobody foresaw must be named by its kind and AWS's code, never by its words."""
    assert reason == Failure.unforeseen(error).reason
