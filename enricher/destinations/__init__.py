"""Destinations of enriched findings: one module for each, with `build(settings) -> Destination`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from enricher.settings import DESTINATIONS

if TYPE_CHECKING:
    from enricher.destinations.base import Destination
    from enricher.settings import Settings


def load_destination(name: str, settings: Settings) -> Destination:
    """Build the destination `name`; raise KeyError if it is not in DESTINATIONS.

    Only its own module, and so only its own client, is imported.
    """
    if name not in DESTINATIONS:
        raise KeyError(name)
    module = import_module(f"enricher.destinations.{name.replace('-', '_')}")
    return cast("Destination", module.build(settings))
