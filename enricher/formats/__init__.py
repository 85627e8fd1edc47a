"""Render an enriched finding: one module per format, each with `render(enriched, limit) -> str`."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, cast

from enricher.settings import FORMATS, OCSF_VERSIONS

if TYPE_CHECKING:
    from enricher.formats.base import Render


def load_format(name: str, ocsf_version: str = OCSF_VERSIONS[0]) -> Render:
    """Return the render function of a format; raise KeyError for a name that is not in FORMATS.

    Only the module of that format is imported, which keeps the cold start short.
    ocsf_version: the release to output, for a format that has several.
    """
    if name not in FORMATS:
        raise KeyError(name)
    render = import_module(f"enricher.formats.{name}").render
    return cast("Render", partial(render, version=ocsf_version) if FORMATS[name].versions else render)
