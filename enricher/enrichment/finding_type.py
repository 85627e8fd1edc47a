"""Say what a finding's type means: its parts, its aim, and how well a reading of the evidence fits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from enricher.attack.catalog import Pair, parent_id
from enricher.mapping.model import Record


class TypeName(NamedTuple):
    """Hold the parts of a finding type: Purpose:Resource/Family.Mechanism!Artifact."""

    purpose: str
    resource: str
    family: str
    rest: str


def parse_type(finding_type: str) -> TypeName:
    """Take a finding type apart; parts that are missing are ""."""
    purpose, _, tail = finding_type.partition(":")
    resource, _, rest = tail.partition("/")
    return TypeName(purpose, resource, rest.partition("!")[0].partition(".")[0], rest)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Hold what a finding's type means: the purpose's tactics, all tactics, the record's primary pair."""

    aim: tuple[str, ...]
    tactics: frozenset[str]
    primary: Pair | None

    @classmethod
    def of(cls, purpose: str, record: Record | None, tables: Mapping[str, Any]) -> Meaning:
        """Gather the meaning of a type from its purpose and its record."""
        aim = tuple(tables["purposes"].get(purpose, ()))
        pairs = record.pairs if record else ()
        return cls(aim, frozenset([*aim, *(pair.tactic for pair in pairs)]), pairs[0] if pairs else None)

    def sharpens(self, reading: Sequence[Any]) -> bool:
        """Tell whether a reading is the record's primary pair or a sub-technique of it."""
        if self.primary is None or reading[0] != self.primary.tactic:
            return False
        return self.primary.technique in (reading[1], parent_id(reading[1]))

    def fit(self, reading: Sequence[Any]) -> int:
        """Grade how well a reading fits: 3 it sharpens the record, 2 the aim, 1 another tactic, 0 neither."""
        if self.sharpens(reading):
            return 3
        return 2 if reading[0] in self.aim else 1 if reading[0] in self.tactics else 0
