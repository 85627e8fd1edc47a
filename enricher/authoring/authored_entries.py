"""Read every ATT&CK entry and gap in the TOML of records and evidence rules, without validating it."""

from __future__ import annotations

import re
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


@dataclass(frozen=True, slots=True)
class AuthoredGap:
    """One record with `attack = []`; names: what the finding is about, from its type and its ATLAS names."""

    file: str
    subject: str
    names: tuple[str, ...]


def read_gaps(root: Path) -> Iterator[AuthoredGap]:
    """Yield the records under `root` that map to nothing; raise TOMLDecodeError for invalid TOML."""
    for path in sorted(root.glob("*.toml")):
        for item in tomllib.loads(path.read_text(encoding="utf-8")).get("finding", []):
            if isinstance(item, dict) and item.get("attack") == []:
                subject = str(item.get("type", ""))
                family = re.split(r"[.!]", subject.partition("/")[2])[0]
                atlas = (str(entry.get("name", "")) for entry in item.get("atlas", ()))
                yield AuthoredGap(path.name, subject, (family, *atlas))


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
        for key, item in value.items():
            # What an example of a rule expects follows from the rule; `validate` compares the two.
            if key != "example":
                yield from _walk(item, file, name if isinstance(name, str) else subject)
