"""Let botocore's sessions share the models of AWS's services: moto starts a new session for each test."""

from __future__ import annotations

from typing import Any

from botocore.loaders import Loader

_LOADED: dict[Any, Any] = {}
_init = Loader.__init__


def _init_with_loaded(self: Any, *arguments: Any, **options: Any) -> None:
    _init(self, *arguments, **options)
    if not any(arguments) and not any(options.values()):
        self._cache = _LOADED


def share() -> None:
    """Share what a loader without search paths of its own has read."""
    Loader.__init__ = _init_with_loaded  # type: ignore[method-assign]
