"""Read the ATT&CK data that GuardDuty itself puts into a finding.

Attack sequences and custom detection rules carry it in `service.detection.sequence`: tactics and techniques
are separate lists, for the whole sequence and again for each of its signals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import Pair
from enricher.attack.lookup import Speller, Spelt, choose
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.finding.paths import Shown, shown
from enricher.mapping.model import Mapping

SEQUENCE = "service.detection.sequence"
_TACTIC, _TECHNIQUE = "ATTACK_TACTIC", "ATTACK_TECHNIQUE"
#: More than the service model allows in one sequence (100 signals); what is beyond is not read.
_MOST = 400
_SIGNALS_NAMED = 5
#: How the description of an attack sequence lists them, one kind a line.
_TOLD = re.compile(r"MITRE ATT&CK (tactics|techniques) observed: ([^\n]*)")
_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")
_LONGEST_DESCRIPTION = 8192
_RATIONALES = {
    (True, True): "GuardDuty itself names this technique for the whole sequence and in the signals listed.",
    (
        True,
        False,
    ): "GuardDuty itself names this technique for the sequence, for no signal in particular.",
    (False, True): "GuardDuty itself names this technique in the signals listed.",
    (False, False): "GuardDuty itself names this technique in a signal that has no name.",
}
_TACTIC_RATIONALE = "GuardDuty itself names this tactic; none of the techniques it lists belongs to it."


#: Key, text, and the place that has it.
_Indicator = tuple[str, str, Shown]


@dataclass(slots=True)
class _Statement:
    """Hold one technique as stated: where, in which signals, and under which tactics it may be meant."""

    spelt: Spelt
    evidence: list[Shown]
    whole: bool = False
    signals: list[Shown] = field(default_factory=list)
    tactics: list[str] = field(default_factory=list)


def find_native(finding: Finding, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries that GuardDuty states in `service.detection.sequence`, in its own order."""
    sequence = finding.at(SEQUENCE)
    entries: tuple[Entry, ...] = ()
    if isinstance(sequence, dict):
        entries = _Reading(Speller(mapping.catalogue)).read(sequence)
    if not entries and finding.type.startswith("AttackSequence:"):
        entries = _Reading(Speller(mapping.catalogue)).tell(finding.text("description"))
    return entries


@dataclass(slots=True)
class _Reading:
    speller: Speller
    statements: dict[str, _Statement] = field(default_factory=dict)
    tactics: dict[str, Shown] = field(default_factory=dict)

    def read(self, sequence: dict[str, Any]) -> tuple[Entry, ...]:
        signals = [
            (f"{SEQUENCE}.signals[{place}]", item)
            for place, item in enumerate(_items(sequence.get("signals")))
            if isinstance(item, dict)
        ]
        whole = list(_indicators(sequence.get("sequenceIndicators"), f"{SEQUENCE}.sequenceIndicators"))
        parts = [
            (path, item, list(_indicators(item.get("signalIndicators"), f"{path}.signalIndicators")))
            for path, item in signals
        ]
        self._state(whole, whole=True)
        for path, item, indicators in parts:
            name = shown(f"{path}.name", item.get("name")) or shown(f"{path}.uid", item.get("uid"))
            self._state(indicators, name)
        return tuple(self._entries())

    def tell(self, description: str) -> tuple[Entry, ...]:
        """Read the lists that the description of a sequence repeats; exports may hold nothing else of it."""
        if grounds := shown("description", description):
            told = _TOLD.findall(description[:_LONGEST_DESCRIPTION])
            texts = [(_TACTIC, text) for kind, line in told if kind == "tactics" for text in line.split(",")]
            # A technique's name may hold a comma, so they are told apart by their ids.
            texts += [
                (_TECHNIQUE, text) for kind, line in told if kind != "tactics" for text in _ID.findall(line)
            ]
            self._state([(key, text, grounds) for key, text in texts], whole=True)
        return tuple(self._entries())

    def _state(
        self, indicators: list[_Indicator], signal: Shown | None = None, *, whole: bool = False
    ) -> None:
        """Note what one list of indicators says; `signal` names the signal that has it."""
        tactics: list[str] = []
        for key, text, value in indicators:
            if key == _TACTIC:
                named = self.speller.tactics(text)
                tactics += named
                if named:
                    self.tactics.setdefault(" ".join(named), value)
        stated = tactics or [tactic for key in self.tactics for tactic in key.split()]
        for key, text, value in indicators:
            if key != _TECHNIQUE:
                continue
            spelt = choose(self.speller.techniques(text), self.speller.catalogue, stated)
            if spelt:
                self._note(spelt, value, tactics, signal, whole=whole)

    def _note(
        self, spelt: Spelt, value: Shown, tactics: list[str], signal: Shown | None, *, whole: bool
    ) -> None:
        statement = self.statements.setdefault(spelt.id, _Statement(spelt, [value]))
        statement.whole |= whole
        if signal:
            statement.signals.append(signal)
        if not whole:
            # The tactics of the very signal say more than those of the whole sequence.
            statement.tactics += tactics

    def _entries(self) -> Iterator[Entry]:
        """Pair each technique with one tactic, so that most of the stated tactics are answered."""
        every = [tactic for key in self.tactics for tactic in key.split()]
        meant = [(statement, self._fitting(statement, every)) for statement in self.statements.values()]
        # Defense Evasion is two tactics now, and either answers it.
        stated = {tactic: key for key in self.tactics for tactic in key.split()}
        rivals = Counter(
            key for _, fitting in meant for key in {stated.get(tactic, tactic) for tactic in fitting}
        )
        covered: set[str] = set()
        for statement, fitting in meant:
            if fitting:
                said = [stated.get(tactic, tactic) for tactic in fitting]
                tactic, key = min(
                    zip(fitting, said, strict=True), key=lambda x: (x[1] in covered, rivals[x[1]])
                )
                covered.add(key)
                yield self._entry(statement, tactic)
        for key, value in self.tactics.items():
            if key not in covered:
                yield from self._uncovered(key.split(), value)

    def _fitting(self, statement: _Statement, every: list[str]) -> list[str]:
        """Give the tactics a technique may be meant under: its signals', else the whole's, else its own."""
        technique = statement.spelt.id
        return (
            self.speller.belonging(technique, statement.tactics)
            or self.speller.belonging(technique, every)
            or list(self.speller.catalogue.pinned.techniques[technique].tactics[:1])
        )

    def _uncovered(self, tactics: list[str], value: Shown) -> Iterator[Entry]:
        for statement in self.statements.values():
            if fitting := self.speller.belonging(statement.spelt.id, tactics):
                yield self._entry(statement, fitting[0])
                return
        yield Entry(Pair(tactics[0], None), "high", "guardduty", _TACTIC_RATIONALE, (value,))

    def _entry(self, statement: _Statement, tactic: str) -> Entry:
        signals = tuple(dict.fromkeys(statement.signals))[:_SIGNALS_NAMED]
        return Entry(
            self.speller.pair(statement.spelt, tactic),
            "high",
            "guardduty",
            _RATIONALES[statement.whole, bool(signals)],
            (*statement.evidence, *signals),
        )


def _items(value: object) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []


def _indicators(value: object, path: str) -> Iterator[_Indicator]:
    """Give each value of the ATT&CK indicators with its place; values that are no text are passed over."""
    for place, item in enumerate(_items(value)):
        key = item.get("key") if isinstance(item, dict) else None
        if key not in (_TACTIC, _TECHNIQUE):
            continue
        for number, text in enumerate(_items(item.get("values"))):
            if isinstance(text, str) and (found := shown(f"{path}[{place}].values[{number}]", text)):
                yield key, text, found
