"""Say what a new ATT&CK release does to what people wrote, and what each entry should become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from enricher.attack.catalog import Catalogue
from enricher.authoring.authored_entries import Authored
from enricher.mapping.records import PAIR_KEYS, read_pair


@dataclass(frozen=True, slots=True)
class Move:
    """Name one entry that the new release moves; `needs_work` tells whether somebody must edit it."""

    file: str
    subject: str
    message: str
    needs_work: bool

    def __str__(self) -> str:
        """Print as file: subject: message."""
        return f"{self.file}: {self.subject}: {self.message}"


def find_moves(entries: Iterable[Authored], old: Catalogue, new: Catalogue) -> Iterator[Move]:
    """Compare every entry with the new release.

    Revoked: the heir and its tactics. Tactic lost: where the technique is now. Renamed: the new name, for the
    rationale may use the old one. Else what the validator would say, such as of a `former` that is outdated.
    """
    for item in entries:
        message = _misplaced(item, new) or _outdated(item, new)
        if message:
            yield Move(item.file, item.subject, message, needs_work=True)
        elif message := _renamed(item, old, new):
            yield Move(item.file, item.subject, message, needs_work=False)


def tactic_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """Say which tactics are new, gone or renamed."""
    for key, tactic in new.pinned.tactics.items():
        before = old.pinned.tactics.get(key)
        if before is None:
            yield f"{key} {tactic.name} is new"
        elif before.name != tactic.name:
            yield f"{key} is called {tactic.name} now, not {before.name}"
    for key, tactic in old.pinned.tactics.items():
        if key not in new.pinned.tactics:
            yield f"{key} {tactic.name} is gone"


def _misplaced(item: Authored, new: Catalogue) -> str:
    tactic, technique = item.entry["tactic"], item.entry.get("technique")
    if not isinstance(technique, str):
        return "" if tactic in new.pinned.tactics else f"tactic {tactic} is gone: choose another"
    if technique not in new.pinned.techniques:
        heir = new.resolve(technique)
        if heir is None:
            return f"{technique} is not in ATT&CK {new.pinned.version} and has no heir: judge again"
        kept = tactic if new.belongs(tactic, heir) else ""
        return f"{technique} is revoked: it becomes {_named(heir, new)}, {_under(heir, new, kept)}"
    if not new.belongs(tactic, technique):
        return f"{_named(technique, new)} is no longer under {tactic}: {_under(technique, new)}"
    return ""


def _under(technique: str, new: Catalogue, kept: str = "") -> str:
    choices = [kept] if kept else new.pinned.techniques[technique].tactics
    return "under " + " or ".join(f"{key} {new.pinned.tactics[key].name}" for key in choices)


def _named(technique: str, new: Catalogue) -> str:
    return f"{technique} {new.pinned.techniques[technique].name}"


def _outdated(item: Authored, new: Catalogue) -> str:
    entry = {key: value for key, value in item.entry.items() if key in PAIR_KEYS}
    pair, faults = read_pair(entry, new)
    if pair:
        return ""
    bare = {key: value for key, value in entry.items() if not key.startswith("former")}
    stated = [f"{key} = {entry[key]!r}" for key in entry if key.startswith("former")]
    if stated and read_pair(bare, new)[0]:
        return f"{' and '.join(stated)} was for the release before {new.former.version}: remove it"
    return "; ".join(faults)


def _renamed(item: Authored, old: Catalogue, new: Catalogue) -> str:
    technique = item.entry.get("technique", "")
    before, now = old.pinned.techniques.get(technique), new.pinned.techniques.get(technique)
    if before is None or now is None or before.name == now.name:
        return ""
    return f"{technique} is called {now.name} now, not {before.name}: see whether the rationale names it"
