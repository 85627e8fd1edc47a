"""Find the entries of records and rules that a new ATT&CK release affects, with their replacements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from enricher.attack.catalog import Catalogue
from enricher.authoring.authored_entries import AuthoredEntry
from enricher.mapping.entries import PAIR_KEYS, read_pair


@dataclass(frozen=True, slots=True)
class AffectedEntry:
    """One entry that the new release affects; needs_work: whether it must be edited."""

    file: str
    subject: str
    message: str
    needs_work: bool

    def __str__(self) -> str:
        """Return "file: subject: message"."""
        return f"{self.file}: {self.subject}: {self.message}"


def find_moves(entries: Iterable[AuthoredEntry], old: Catalogue, new: Catalogue) -> Iterator[AffectedEntry]:
    """Yield the entries that the new release affects.

    Revoked technique: its replacement and tactics. Technique moved to another tactic: its new tactics.
    Renamed technique: the new name, as the rationale may use the old one. Otherwise the validation errors of
    the entry, such as an outdated `former`.
    """
    for item in entries:
        message = _misplaced(item, new) or _outdated(item, new)
        if message:
            yield AffectedEntry(item.file, item.subject, message, needs_work=True)
        elif message := _renamed(item, old, new):
            yield AffectedEntry(item.file, item.subject, message, needs_work=False)


def tactic_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """Yield a line for each tactic that was added, removed or renamed."""
    for key, tactic in new.pinned.tactics.items():
        before = old.pinned.tactics.get(key)
        if before is None:
            yield f"{key} {tactic.name} was added"
        elif before.name != tactic.name:
            yield f"{key} was renamed from {before.name} to {tactic.name}"
    for key, tactic in old.pinned.tactics.items():
        if key not in new.pinned.tactics:
            yield f"{key} {tactic.name} was removed"


def _misplaced(item: AuthoredEntry, new: Catalogue) -> str:
    tactic, technique = item.entry["tactic"], item.entry.get("technique")
    if not isinstance(technique, str):
        return "" if tactic in new.pinned.tactics else f"tactic {tactic} was removed: choose another"
    if technique not in new.pinned.techniques:
        replacement = new.resolve(technique)
        if replacement is None:
            return f"{technique} is not in ATT&CK {new.pinned.version} and has no replacement: re-map"
        kept = tactic if new.belongs(tactic, replacement) else ""
        return f"{technique} was revoked by {_named(replacement, new)}, {_under(replacement, new, kept)}"
    if not new.belongs(tactic, technique):
        return f"{_named(technique, new)} is no longer under {tactic}, but {_under(technique, new)}"
    return ""


def _under(technique: str, new: Catalogue, kept: str = "") -> str:
    choices = [kept] if kept else new.pinned.techniques[technique].tactics
    return "under " + " or ".join(f"{key} {new.pinned.tactics[key].name}" for key in choices)


def _named(technique: str, new: Catalogue) -> str:
    return f"{technique} {new.pinned.techniques[technique].name}"


def _outdated(item: AuthoredEntry, new: Catalogue) -> str:
    entry = {key: value for key, value in item.entry.items() if key in PAIR_KEYS}
    pair, violations = read_pair(entry, new)
    if pair:
        return ""
    bare = {key: value for key, value in entry.items() if not key.startswith("former")}
    stated = [f"{key} = {entry[key]!r}" for key in entry if key.startswith("former")]
    if stated and read_pair(bare, new)[0]:
        return f"{' and '.join(stated)}: no longer needed with {new.former.version} as former release, remove"
    return "; ".join(item.message for item in violations)


def _renamed(item: AuthoredEntry, old: Catalogue, new: Catalogue) -> str:
    technique = item.entry.get("technique", "")
    before, now = old.pinned.techniques.get(technique), new.pinned.techniques.get(technique)
    if before is None or now is None or before.name == now.name:
        return ""
    return f"{technique} was renamed from {before.name} to {now.name}: check the rationale for the old name"
