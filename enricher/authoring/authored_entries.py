"""Read every ATT&CK entry in the TOML of records and evidence rules, without validating it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class AuthoredEntry:
    """One table with a `tactic`, as written; file: path under the mapping; subject: type or rule id."""

    file: str
    subject: str
    entry: dict[str, Any]


def read_authored(root: Path) -> Iterator[AuthoredEntry]:
    """Yield the entries of every TOML file under `root`; raise TOMLDecodeError for invalid TOML."""
    for path in sorted(root.rglob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        yield from _walk(data, path.relative_to(root).as_posix(), "")


def _walk(value: object, file: str, subject: str) -> Iterator[AuthoredEntry]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, file, subject)
    elif isinstance(value, dict):
        if isinstance(value.get("tactic"), str):
            yield AuthoredEntry(file, subject, value)
        name = value.get("type", value.get("id", value.get("name")))
        if isinstance(name, str) and isinstance(value.get("tactics"), list):
            yield from (AuthoredEntry(file, name, {"tactic": tactic}) for tactic in value["tactics"])
        for item in value.values():
            yield from _walk(item, file, name if isinstance(name, str) else subject)
