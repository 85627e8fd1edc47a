"""Render an enriched finding: one module for each format, with `render(enriched, limit) -> str`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from enricher.settings import FORMATS

if TYPE_CHECKING:
    from enricher.formats.base import Render


def load_format(name: str) -> Render:
    """Return the render function of a name in FORMATS; only its module is imported."""
    if name not in FORMATS:
        raise KeyError(name)
    return cast("Render", import_module(f"enricher.formats.{name}").render)
