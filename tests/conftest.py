"""Shared fixtures and settings: the bundled mapping, AWS test credentials, Hypothesis profile."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
from hypothesis import settings

from enricher.mapping.model import AttackMapping
from tests.bundled import bundled_mapping

# moto answers every call, but botocore needs credentials and a Region before it sends one.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    POWERTOOLS_METRICS_DISABLED="true",
)

# The environment of tests/browser has no botocore.
if find_spec("botocore"):
    from tests import botocore_models

    botocore_models.share()

# No deadline per example: a busy machine must not fail a test.
settings.register_profile("enricher", deadline=None)
settings.load_profile("enricher")


@pytest.fixture(scope="session")
def mapping() -> AttackMapping:
    """Return the bundled mapping, compiled in memory."""
    return bundled_mapping()


#: Folders and modules whose tests share an artifact, an embedded AWS, a wheel, the calls of AWS, or a page.
_SHARING = ("artifact", "demo", "test_wheel", "test_call_coverage", "test_matrix")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that share what takes a second or more to make in one process of pytest-xdist."""
    for item in items:
        name = item.path.stem if item.path.stem in _SHARING else item.path.parent.name
        if name in _SHARING:
            item.add_marker(pytest.mark.xdist_group(name))
