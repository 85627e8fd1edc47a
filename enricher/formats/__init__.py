"""Render an enriched finding: one module per format, each with `render(enriched, limit) -> str`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from enricher.settings import FORMATS

if TYPE_CHECKING:
    from enricher.formats.base import Render


def load_format(name: str) -> Render:
    """Return the render function of a format; raise KeyError for a name that is not in FORMATS.

    Only the module of that format is imported, which keeps the cold start short.
    """
    if name not in FORMATS:
        raise KeyError(name)
    return cast("Render", import_module(f"enricher.formats.{name}").render)
