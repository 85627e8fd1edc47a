"""Score how well a reading of the evidence fits its tactics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from enricher.attack.catalog import Pair, parent_id
from enricher.mapping.model import Confidence, Record
from enricher.mapping.type_name import parse_type


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
    """The tactics of a finding type.

    purpose_tactics: of the threat purpose, the most common one first; tactics: those and the record's;
    primary: the record's primary pair, None without a record; is_act: whether the family says what was done,
    so that a call in the finding is only what followed.
    """

    purpose_tactics: tuple[str, ...]
    tactics: frozenset[str]
    primary: Pair | None
    is_act: bool

    @classmethod
    def of(cls, finding_type: str, record: Record | None, tables: Mapping[str, Any]) -> TypeMeaning:
        """Return the tactics of a type from its name, its record and the tables of purposes and families."""
        name = parse_type(finding_type)
        of_purpose = tuple(tables.get("purposes", {}).get(name.purpose, ()))
        pairs = record.pairs if record else ()
        tactics = frozenset([*of_purpose, *(pair.tactic for pair in pairs)])
        is_act = name.family in tables.get("act_families", ())
        return cls(of_purpose, tactics, pairs[0] if pairs else None, is_act)

    def is_aim(self, tactic: str) -> bool:
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
