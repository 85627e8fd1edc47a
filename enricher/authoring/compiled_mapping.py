"""Keep the compiled mapping of a clone beside its byte code, so that commands do not compile it each time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from enricher.authoring.bundle import bundle_of
from enricher.authoring.loader import ROOT, read_mapping
from enricher.mapping.model import BUNDLE, AttackMapping

_PACKAGE = Path(__file__).resolve().parent.parent
#: Where a clone keeps it: ignored by git, and not part of a wheel or an artifact.
CACHE = _PACKAGE / "__pycache__" / "mapping.json"
#: What compiles the mapping: a change of it makes the kept one void, too.
_COMPILER = ("authoring", "mapping", "attack", "finding", "enrichment")


def compiled_mapping(root: Path = ROOT, cache: Path = CACHE) -> AttackMapping:
    """Return the mapping under `root`; raise InvalidMapping with every problem in it.

    An installed package has it compiled. In a clone it is compiled when its source or the compiler has
    changed; where the result cannot be kept it is compiled each time.
    """
    if root.parent == Path(__file__).resolve().parent and BUNDLE.is_file():
        return AttackMapping.load()
    key = _digest(root)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(cache.read_bytes())
        if kept["key"] == key:
            return AttackMapping.from_bundle(kept["bundle"])
    mapping = read_mapping(root)
    _keep(cache, json.dumps({"key": key, "bundle": bundle_of(mapping, root)}))
    return mapping


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in _sources(root):
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode("utf-8", "surrogateescape"))
        digest.update(data)
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    yield from (path for path in sorted(root.rglob("*")) if path.is_file())
    for package in _COMPILER:
        yield from sorted((_PACKAGE / package).glob("*.py"))


def _keep(cache: Path, text: str) -> None:
    """Write the file at once and whole: another command may be reading or writing it."""
    part = cache.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(cache)
