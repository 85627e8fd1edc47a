"""Resolve ids and names of tactics and techniques, in any spelling, to the pinned release.

GuardDuty writes "T1078.004 - Valid Accounts: Cloud Accounts", bare names, ids of older releases and the
tactic "Defense Evasion"; a finding type spells a technique without spaces.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from enricher.attack.catalog import DEFENSE_EVASION, DEFENSE_IMPAIRMENT, Catalogue, Pair, Technique, parent_id

_TECHNIQUE_ID = re.compile(r"T\d{4}(?:\.\d{3})?(?!\w|\.\d)", re.IGNORECASE)
_TACTIC_ID = re.compile(r"TA\d{4}(?!\w)", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[\W_]+")
_MAX_CHARACTERS = 200


class NamedTechnique(NamedTuple):
    """A technique named in a text: its active id, and the former id if the text used that one."""

    id: str
    former: str | None = None


class Lookup(NamedTuple):
    """Resolver of tactics and techniques for one catalogue, whose name index is built once."""

    catalogue: Catalogue

    def techniques(self, text: str) -> list[NamedTechnique]:
        """Return the technique a text names: several if techniques share the name, [] if none matches."""
        text = text.strip()[:_MAX_CHARACTERS]
        if match := _TECHNIQUE_ID.match(text):
            named_id = match[0].upper()
            active = self.catalogue.resolve(named_id)
            return [self._named(active, named_id)] if active else []
        return self._by_name().get(_normalise(text), [])

    def tactics(self, text: str) -> tuple[str, ...]:
        """Return the pinned tactic ids a text names: two for Defense Evasion (split in 19), () for none."""
        text = text.strip()[:_MAX_CHARACTERS]
        if match := _TACTIC_ID.match(text):
            named_id = match[0].upper()
            # TA0005 was Defense Evasion and is now Stealth; the name after the id shows which is meant.
            if named_id == DEFENSE_EVASION and "evasion" in text.lower():
                return (DEFENSE_EVASION, DEFENSE_IMPAIRMENT)
            return (named_id,) if named_id in self.catalogue.pinned.tactics else ()
        name = _normalise(text)
        for tactic in self.catalogue.pinned.tactics.values():
            if _normalise(tactic.name) == name:
                return (tactic.id,)
        for tactic in self.catalogue.former.tactics.values():
            if _normalise(tactic.name) == name and tactic.id == DEFENSE_EVASION:
                return tuple(
                    key
                    for key in (DEFENSE_EVASION, DEFENSE_IMPAIRMENT)
                    if key in self.catalogue.pinned.tactics
                )
        return ()

    def pair(self, named: NamedTechnique, tactic: str) -> Pair:
        """Pair a technique with one of its tactics, setting `former_tactic` where it would be ambiguous."""
        before = self.catalogue.former_technique(named.id, named.former)
        if before is None or self.catalogue.former_tactic(tactic, before) is not None:
            return Pair(tactic, named.id, named.former)
        stated = DEFENSE_EVASION if DEFENSE_EVASION in before.tactics else before.tactics[0]
        return Pair(tactic, named.id, named.former, stated)

    def belonging(self, technique: str, tactics: Iterable[str]) -> list[str]:
        """Return those of the tactics that list the technique in the pinned release, in the given order."""
        return [key for key in dict.fromkeys(tactics) if self.catalogue.belongs(key, technique)]

    def _named(self, active: str, named_id: str) -> NamedTechnique:
        old = named_id != active and named_id in self.catalogue.former_candidates(active)
        return NamedTechnique(active, named_id if old else None)

    def _by_name(self) -> Mapping[str, list[NamedTechnique]]:
        if self.catalogue.by_name is None:
            self.catalogue.by_name = self._index_names()
        return self.catalogue.by_name

    def _index_names(self) -> dict[str, list[NamedTechnique]]:
        catalogue, index = self.catalogue, dict[str, list[NamedTechnique]]()
        for technique in catalogue.pinned.techniques.values():
            parent = catalogue.pinned.techniques.get(parent_id(technique.id) or "")
            _add_names(index, technique, parent, NamedTechnique(technique.id))
        known = set(index)
        for technique in catalogue.former.techniques.values():
            if technique.id in catalogue.pinned.techniques:
                active: str | None = technique.id
            else:
                active = catalogue.resolve(technique.id)
            if active:
                parent = catalogue.former.techniques.get(parent_id(technique.id) or "")
                _add_names(index, technique, parent, self._named(active, technique.id), known)
        return index


def _add_names(
    index: dict[str, list[NamedTechnique]],
    technique: Technique,
    parent: Technique | None,
    named: NamedTechnique,
    known: Collection[str] = (),
) -> None:
    names = [technique.name, f"{parent.name}: {technique.name}"] if parent else [technique.name]
    for name in map(_normalise, names):
        spellings = index.setdefault(name, [])
        # A name in both releases refers to the technique of the pinned release.
        if name not in known and all(other.id != named.id for other in spellings):
            spellings.append(named)


def choose(
    spellings: Sequence[NamedTechnique], catalogue: Catalogue, tactics: Iterable[str]
) -> NamedTechnique | None:
    """Choose among techniques of one name: under one of these tactics, a parent first; None if ambiguous."""
    if len(spellings) < 2:
        return spellings[0] if spellings else None
    wanted = set(tactics)
    matching = [
        item for item in spellings if wanted.intersection(catalogue.pinned.techniques[item.id].tactics)
    ]
    parents = [item for item in matching if parent_id(item.id) is None]
    best = parents or matching
    return best[0] if len(best) == 1 else None


# The names of the releases, and the few texts by which GuardDuty names them.
@lru_cache(maxsize=2048)
def _normalise(text: str) -> str:
    return _NOT_A_LETTER.sub("", text.casefold())
