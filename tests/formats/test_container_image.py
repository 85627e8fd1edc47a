"""Test how the reference of a container image is split."""

from __future__ import annotations

import pytest

from enricher.formats.container_image import split_image

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.27", ("nginx", "1.27", "")),
        ("registry.example.com:5000/app", ("registry.example.com:5000/app", "", "")),
        ("registry.example.com:5000/app:1.2", ("registry.example.com:5000/app", "1.2", "")),
        (f"registry.example.com:5000/app@{DIGEST}", ("registry.example.com:5000/app", "", DIGEST)),
        (f"registry.example.com/app:1.2@{DIGEST}", ("registry.example.com/app", "1.2", DIGEST)),
        (DIGEST, ("", "", DIGEST)),
        ("sha256:1.2", ("sha256", "1.2", "")),
        ("", ("", "", "")),
        (":odd", (":odd", "", "")),
    ],
)
def test_reference_is_split(reference: str, expected: tuple[str, str, str]) -> None:
    """Name, tag and digest must be apart; a registry's port must stay in the name."""
    assert expected == split_image(reference)
