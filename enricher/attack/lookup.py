"""Understand tactics and techniques however somebody spells them, and pair them in the pinned release.

GuardDuty writes "T1078.004 - Valid Accounts: Cloud Accounts", bare names, ids of older releases and the
tactic "Defense Evasion"; a finding type spells a technique without blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enricher.attack.catalog import DEFENSE_EVASION, DEFENSE_IMPAIRMENT, Catalogue, Pair, Technique, parent_id

_TECHNIQUE_ID = re.compile(r"T\d{4}(?:\.\d{3})?(?!\w|\.\d)", re.IGNORECASE)
_TACTIC_ID = re.compile(r"TA\d{4}(?!\w)", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[\W_]+")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Spelt:
    """Hold what a text named: the active technique id, and the old id where it was called by that."""

    id: str
    former: str | None = None


@dataclass(frozen=True, slots=True)
class Speller:
    """Read tactics and techniques against one catalogue; names are indexed once for it."""

    catalogue: Catalogue

    def techniques(self, text: str) -> list[Spelt]:
        """Give the technique a text names; several where a bare name is shared; [] where it names none."""
        text = text.strip()[:_LONGEST]
        if match := _TECHNIQUE_ID.match(text):
            said = match[0].upper()
            active = self.catalogue.resolve(said)
            return [self._spelt(active, said)] if active else []
        return self._by_name().get(_squash(text), [])

    def tactics(self, text: str) -> tuple[str, ...]:
        """Give the pinned tactic ids a text names: two for Defense Evasion, which was split, () for none."""
        text = text.strip()[:_LONGEST]
        if match := _TACTIC_ID.match(text):
            said = match[0].upper()
            # The bare id TA0005 was Defense Evasion and is Stealth; the words after it tell which is meant.
            if said == DEFENSE_EVASION and "evasion" in text.lower():
                return (DEFENSE_EVASION, DEFENSE_IMPAIRMENT)
            return (said,) if said in self.catalogue.pinned.tactics else ()
        name = _squash(text)
        for tactic in self.catalogue.pinned.tactics.values():
            if _squash(tactic.name) == name:
                return (tactic.id,)
        for tactic in self.catalogue.former.tactics.values():
            if _squash(tactic.name) == name and tactic.id == DEFENSE_EVASION:
                return tuple(
                    key
                    for key in (DEFENSE_EVASION, DEFENSE_IMPAIRMENT)
                    if key in self.catalogue.pinned.tactics
                )
        return ()

    def pair(self, spelt: Spelt, tactic: str) -> Pair:
        """Pair a technique with a tactic it belongs to, with what the former release called it decided."""
        before = self.catalogue.former_technique(spelt.id, spelt.former)
        if before is None or self.catalogue.former_tactic(tactic, before) is not None:
            return Pair(tactic, spelt.id, spelt.former)
        stated = DEFENSE_EVASION if DEFENSE_EVASION in before.tactics else before.tactics[0]
        return Pair(tactic, spelt.id, spelt.former, stated)

    def belonging(self, technique: str, tactics: Iterable[str]) -> list[str]:
        """Keep the tactics that the pinned release lists the technique under, in the order given."""
        return [key for key in dict.fromkeys(tactics) if self.catalogue.belongs(key, technique)]

    def _spelt(self, active: str, said: str) -> Spelt:
        old = said != active and said in self.catalogue.former_candidates(active)
        return Spelt(active, said if old else None)

    def _by_name(self) -> dict[str, list[Spelt]]:
        catalogue = self.catalogue
        if catalogue.by_name:
            return catalogue.by_name
        for technique in catalogue.pinned.techniques.values():
            self._add(technique, catalogue.pinned.techniques.get(parent_id(technique.id) or ""), None)
        known = set(catalogue.by_name)
        for technique in catalogue.former.techniques.values():
            if technique.id in catalogue.pinned.techniques:
                active: str | None = technique.id
            else:
                active = catalogue.resolve(technique.id)
            if active:
                parent = catalogue.former.techniques.get(parent_id(technique.id) or "")
                self._add(technique, parent, self._spelt(active, technique.id), known)
        return catalogue.by_name

    def _add(
        self, technique: Technique, parent: Technique | None, spelt: Spelt | None, known: Iterable[str] = ()
    ) -> None:
        spelt = spelt or Spelt(technique.id)
        names = [technique.name, f"{parent.name}: {technique.name}"] if parent else [technique.name]
        for name in map(_squash, names):
            spellings = self.catalogue.by_name.setdefault(name, [])
            # A name that the pinned release still has means what it means there.
            if name not in known and all(other.id != spelt.id for other in spellings):
                spellings.append(spelt)


def choose(spellings: Sequence[Spelt], catalogue: Catalogue, tactics: Iterable[str]) -> Spelt | None:
    """Choose among techniques of one name: the one under these tactics, a parent before others."""
    if len(spellings) < 2:
        return spellings[0] if spellings else None
    wanted = set(tactics)
    fitting = [
        item for item in spellings if wanted.intersection(catalogue.pinned.techniques[item.id].tactics)
    ]
    parents = [item for item in fitting if parent_id(item.id) is None]
    best = parents or fitting
    return best[0] if len(best) == 1 else None


def _squash(text: str) -> str:
    return _NOT_A_LETTER.sub("", text.casefold())
