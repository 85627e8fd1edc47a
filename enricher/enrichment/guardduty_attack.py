"""Read the ATT&CK data that GuardDuty itself includes in a finding.

Attack sequences and custom detection rules carry it in `service.detection.sequence`: tactics and techniques
are separate lists, one pair for the whole sequence and one for each of its signals:
https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Sequence.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enricher.attack.catalog import Pair
from enricher.attack.lookup import Lookup, NamedTechnique, choose
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.finding.paths import Shown, shown
from enricher.mapping.model import AttackMapping, Record

SEQUENCE = "service.detection.sequence"
_TACTIC, _TECHNIQUE = "ATTACK_TACTIC", "ATTACK_TECHNIQUE"
#: Items read of one list; more than the service model allows in one sequence (100 signals).
_MAX_ITEMS = 400
#: Signals listed as evidence of one technique.
_MAX_SIGNALS = 5
#: How the description of an attack sequence lists tactics and techniques, one line for each.
_OBSERVED = re.compile(r"MITRE ATT&CK (tactics|techniques) observed: ([^\n]*)")
_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")
_MAX_DESCRIPTION_LENGTH = 8192
_RATIONALES = {
    (True, True): "GuardDuty itself names this technique for the whole sequence and in the signals listed.",
    (
        True,
        False,
    ): "GuardDuty itself names this technique for the sequence but not for a specific signal.",
    (False, True): "GuardDuty itself names this technique in the signals listed.",
    (False, False): "GuardDuty itself names this technique in an unnamed signal.",
}
_TACTIC_RATIONALE = "GuardDuty itself names this tactic; none of the techniques it lists belongs to it."


#: Key of the indicator, value, and the field that has the value.
_Indicator = tuple[str, str, Shown]


@dataclass(slots=True)
class _Statement:
    """One technique as GuardDuty states it: fields, signals, and the tactics it may belong to."""

    named: NamedTechnique
    evidence: list[Shown]
    whole: bool = False
    signals: list[Shown] = field(default_factory=list)
    tactics: dict[str, None] = field(default_factory=dict)


def find_native(finding: Finding, mapping: AttackMapping, record: Record | None = None) -> tuple[Entry, ...]:
    """Return the entries that GuardDuty states in `service.detection.sequence`, in GuardDuty's order.

    The description of an attack sequence is read instead if the sequence is missing; () if neither has any.
    record: the record of the type; of several stated tactics a technique gets the one it has there.
    """
    is_sequence = finding.type.startswith("AttackSequence:")
    if not is_sequence and "detection" not in finding.service:
        return ()
    expected = {pair.technique: pair.tactic for pair in record.pairs} if record else {}
    sequence = finding.at(SEQUENCE)
    entries: tuple[Entry, ...] = ()
    if isinstance(sequence, dict):
        entries = _StatementReader(Lookup(mapping.catalogue), expected).read(sequence)
    if not entries and is_sequence:
        reader = _StatementReader(Lookup(mapping.catalogue), expected)
        entries = reader.read_description(finding.text("description"))
    return entries


@dataclass(slots=True)
class _StatementReader:
    lookup: Lookup
    expected: dict[str | None, str]
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

    def read_description(self, description: str) -> tuple[Entry, ...]:
        """Read the lists in the description of a sequence; some exports contain nothing else of it."""
        if field := shown("description", description):
            lines = _OBSERVED.findall(description[:_MAX_DESCRIPTION_LENGTH])
            texts = [(_TACTIC, text) for kind, line in lines if kind == "tactics" for text in line.split(",")]
            # A technique's name may contain a comma, so techniques are separated by their IDs.
            texts += [
                (_TECHNIQUE, text) for kind, line in lines if kind != "tactics" for text in _ID.findall(line)
            ]
            self._state([(key, text, field) for key, text in texts], whole=True)
        return tuple(self._entries())

    def _state(
        self, indicators: list[_Indicator], signal: Shown | None = None, *, whole: bool = False
    ) -> None:
        """Add the statements of one list of indicators; `signal` is the name of the signal that has them.

        Distinct tactics only: ATT&CK has few, but a list may repeat one for each of its values, and each
        technique is compared with all of them.
        """
        tactics: dict[str, None] = {}
        for key, text, value in indicators:
            if key == _TACTIC:
                named = self.lookup.tactics(text)
                tactics |= dict.fromkeys(named)
                if named:
                    self.tactics.setdefault(" ".join(named), value)
        stated = [*tactics] or [tactic for key in self.tactics for tactic in key.split()]
        for key, text, value in indicators:
            if key != _TECHNIQUE:
                continue
            technique = choose(self.lookup.techniques(text), self.lookup.catalogue, stated)
            if technique:
                self._note(technique, value, tactics, signal, whole=whole)

    def _note(
        self,
        named: NamedTechnique,
        value: Shown,
        tactics: dict[str, None],
        signal: Shown | None,
        *,
        whole: bool,
    ) -> None:
        statement = self.statements.setdefault(named.id, _Statement(named, [value]))
        statement.whole |= whole
        if signal:
            statement.signals.append(signal)
        if not whole:
            # The tactics of the signal itself are more specific than those of the whole sequence.
            statement.tactics |= tactics

    def _entries(self) -> Iterator[Entry]:
        """Pair each technique with one tactic so that as many stated tactics as possible are covered."""
        every = [tactic for key in self.tactics for tactic in key.split()]
        candidates = [(statement, self._fitting(statement, every)) for statement in self.statements.values()]
        # Defense Evasion is two tactics now, and either one covers it.
        stated = {tactic: key for key in self.tactics for tactic in key.split()}
        usage = Counter(
            key for _, fitting in candidates for key in {stated.get(tactic, tactic) for tactic in fitting}
        )
        covered: set[str] = set()
        for statement, fitting in candidates:
            if fitting:
                keys = [stated.get(tactic, tactic) for tactic in fitting]
                tactic, key = min(
                    zip(fitting, keys, strict=True), key=lambda x: (x[1] in covered, usage[x[1]])
                )
                covered.add(key)
                yield self._entry(statement, tactic)
        for key, value in self.tactics.items():
            if key not in covered:
                yield from self._uncovered(key.split(), value)

    def _fitting(self, statement: _Statement, every: list[str]) -> list[str]:
        """Return a technique's candidate tactics: its signals', else the sequence's, else its own first."""
        technique = statement.named.id
        expected = self.expected.get(technique)
        if expected and (expected in statement.tactics or expected in every):
            return [expected]
        return (
            self.lookup.belonging(technique, [*statement.tactics])
            or self.lookup.belonging(technique, every)
            or list(self.lookup.catalogue.pinned.techniques[technique].tactics[:1])
        )

    def _uncovered(self, tactics: list[str], value: Shown) -> Iterator[Entry]:
        for statement in self.statements.values():
            if fitting := self.lookup.belonging(statement.named.id, tactics):
                yield self._entry(statement, fitting[0])
                return
        yield Entry(Pair(tactics[0], None), "high", "guardduty", _TACTIC_RATIONALE, (value,))

    def _entry(self, statement: _Statement, tactic: str) -> Entry:
        signals = tuple(dict.fromkeys(statement.signals))[:_MAX_SIGNALS]
        return Entry(
            self.lookup.pair(statement.named, tactic),
            "high",
            "guardduty",
            _RATIONALES[statement.whole, bool(signals)],
            (*statement.evidence, *signals),
        )


def _items(value: object) -> list[Any]:
    return value[:_MAX_ITEMS] if isinstance(value, list) else []


def _indicators(value: object, path: str) -> Iterator[_Indicator]:
    """Yield each value of the ATT&CK indicators with its path; values that are not text are skipped."""
    for place, item in enumerate(_items(value)):
        key = item.get("key") if isinstance(item, dict) else None
        if key not in (_TACTIC, _TECHNIQUE):
            continue
        for number, text in enumerate(_items(item.get("values"))):
            if isinstance(text, str) and (found := shown(f"{path}[{place}].values[{number}]", text)):
                yield key, text, found
