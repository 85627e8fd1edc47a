"""Test the fields that an alert shows first; `validate`, without models of AWS, checks their form only."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from tests.bundled import bundled_mapping

PATHS = {path for record in bundled_mapping().records.values() for _, path in record.shows}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_shown_field_exists(path: str) -> None:
    """A field that an alert shows first must be in GuardDuty's API, with [] after each list."""
    shapes = Loader().load_service_model("guardduty", "service-2")["shapes"]
    shape = shapes["Finding"]
    for step in path.split("."):
        members = {it.get("locationName", name): it["shape"] for name, it in shape["members"].items()}
        shape = shapes[members[step.removesuffix("[]")]]
        assert step.endswith("[]") is (shape["type"] == "list"), step
        shape = shapes[shape["member"]["shape"]] if shape["type"] == "list" else shape
