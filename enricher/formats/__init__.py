"""Turn an enriched finding into the body that a destination carries; one small module for each format.

A format is a pure function `render(enriched, limit) -> str`: the body, never more than `limit` UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from enricher.enrich import EnrichedFinding

Render = Callable[[EnrichedFinding, int], str]

FORMATS = ("guardduty", "ecs", "ocsf", "text", "chat")


class TooLarge(ValueError):
    """Say that a finding is beyond what its destination or JSON can carry, with no word of what it holds."""


def load_format(name: str) -> Render:
    """Give the render function of a format; only the module asked for is imported."""
    if name not in FORMATS:
        raise KeyError(name)
    return cast("Render", import_module(f"enricher.formats.{name}").render)
