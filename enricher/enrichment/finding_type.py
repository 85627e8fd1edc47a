"""Score how well a reading of the evidence fits its tactics."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from enricher.attack.catalog import Pair, parent_id
from enricher.mapping.model import AttackMapping, Confidence, Record
from enricher.mapping.type_name import TypeName, parse_type


class Reading(NamedTuple):
    """What a rule may take its evidence for; former, former_tactic: as in `Pair`.

    The compiled tables have it as a list without trailing None.
    """

    tactic: str
    technique: str
    confidence: Confidence
    former: str | None = None
    former_tactic: str | None = None

    @property
    def pair(self) -> Pair:
        """Return its tactic and technique, as an entry has them."""
        return Pair(self.tactic, self.technique, self.former, self.former_tactic)


class TypeMeaning(NamedTuple):
    """What a finding type says of the tactics of its findings.

    name: the parts of the type; purpose_tactics: of the threat purpose, the most common one first; tactics:
    those and the record's; primary: the record's primary pair, None without a record; is_act: whether the
    family says what was done, so that a call in the finding is only what followed; is_by_caller: whether it
    says only who called, so that the tactic is left to the purpose.
    """

    name: TypeName
    purpose_tactics: tuple[str, ...]
    tactics: frozenset[str]
    primary: Pair | None
    is_act: bool
    is_by_caller: bool

    def has_tactic(self, tactic: str) -> bool:
        """Return whether a tactic is one of the purpose's or that of the record's first entry."""
        return tactic in self.purpose_tactics or (self.primary is not None and tactic == self.primary.tactic)

    def refines(self, reading: Reading) -> bool:
        """Return whether a reading is the record's primary pair or a sub-technique of it."""
        if self.primary is None or reading.tactic != self.primary.tactic:
            return False
        return self.primary.technique in (reading.technique, parent_id(reading.technique))

    def score(self, reading: Reading) -> int:
        """Return the score of a reading.

        3: refines the record; 2: a tactic of the purpose; 1: another tactic of the record; 0: neither.
        """
        if self.refines(reading):
            return 3
        return 2 if reading.tactic in self.purpose_tactics else 1 if reading.tactic in self.tactics else 0


def meaning_of(finding_type: str, record: Record | None, mapping: AttackMapping) -> TypeMeaning:
    """Return the meaning of a type, by the name of its record if it has one."""
    return _meaning(record.type, record.pairs, mapping) if record else _meaning(finding_type, (), mapping)


# As many types as `parse_type` remembers: more than GuardDuty has.
@lru_cache(maxsize=512)
def _meaning(finding_type: str, pairs: tuple[Pair, ...], mapping: AttackMapping) -> TypeMeaning:
    name, tables = parse_type(finding_type), mapping.evidence
    of_purpose = tuple(tables.get("purposes", {}).get(name.purpose, ()))
    return TypeMeaning(
        name,
        of_purpose,
        frozenset([*of_purpose, *(pair.tactic for pair in pairs)]),
        pairs[0] if pairs else None,
        name.family in tables.get("act_families", ()),
        bool(of_purpose) and name.family in tables.get("caller_families", ()),
    )
