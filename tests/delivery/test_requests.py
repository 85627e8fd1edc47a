"""Guards of the cost of a finding that need no clock: the requests to AWS, by destination."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.batches import batch_of
from tests.template.stack import ALL_ON, Stack

#: The requests of the deduplication table for batches of ten; only the claims are single requests.
TABLE = {"batch_get_item": 10, "put_item": 100, "batch_write_item": 10}


@pytest.mark.parametrize(
    ("destination", "route", "expected"),
    [
        ("siem", "Siem", {"publish_batch": 10, **TABLE}),
        ("notification", "Notification", {"publish_batch": 10, **TABLE}),
        # GetFindings takes at most 20 ids; the updates of one type have the same tags and take one request.
        ("annotate", "SecurityHub", {"get_findings": 5, "batch_update_findings": 1}),
        # Two items to write for each finding, 25 in a request.
        (
            "import",
            "SecurityHub",
            {"batch_import_findings": 1, "batch_get_item": 1, "put_item": 100, "batch_write_item": 8},
        ),
    ],
)
def test_requests_of_a_hundred_new_findings(destination: str, route: str, expected: dict[str, int]) -> None:
    """A hundred new findings, in the template's batches, must take exactly these requests."""
    mode = {"SecurityHubRoute": destination} if route == "SecurityHub" else {}
    size = Stack(**ALL_ON | mode).function(route)["Events"]["Queue"]["Properties"]["BatchSize"]
    requests = Counter(call.operation for call in batch_of(destination, size, 1).calls)
    assert expected == {operation: number * (100 // size) for operation, number in requests.items()}


@pytest.mark.parametrize("destination", ["siem", "annotate"])
def test_requests_do_not_depend_on_what_is_in_a_finding(destination: str) -> None:
    """A batch of ten different findings must take as many reads as one of ten alike."""
    alike, different = (
        Counter(call.operation for call in batch_of(destination, 10, kinds).calls) for kinds in (1, 10)
    )
    for operation in ("publish_batch", "batch_get_item", "put_item", "batch_write_item", "get_findings"):
        assert alike[operation] == different[operation]
