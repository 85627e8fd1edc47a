"""Count observed findings by (technique, tactic), in bounded memory, for the matrix, layer and report.

All text that is kept comes from findings, so it is attacker-controlled: it is cut and cleaned here, and
escaped where it is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.finding.fields import time_at
from enricher.finding.resources import read_resources
from enricher.finding.safe_text import plain
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import Key

#: Distinct values kept by one `Top`; the values beyond it are counted together.
MOST_VALUES = 2_000
#: Characters kept of one value.
MOST_CHARACTERS = 160


class Top:
    """Counts of values, exact for the first MOST_VALUES distinct ones; the others are counted as `others`."""

    __slots__ = ("counts", "others")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.others = 0

    def add(self, value: str, number: int = 1) -> None:
        """Count a value; further distinct values are added to `others` once MOST_VALUES are kept."""
        if value in self.counts or len(self.counts) < MOST_VALUES:
            self.counts[value] += number
        else:
            self.others += number

    def most(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent values, of equal counts in alphabetical order."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]


@dataclass(slots=True)
class Tally:
    """What was observed of one pair, finding type or account.

    findings: distinct findings; occurrences: the sum of their `service.count`; days: findings by the day each
    was last seen; accounts: account -> its number of findings and the day of the last one; resources,
    evidence, types: how many findings show each.
    """

    findings: int = 0
    occurrences: int = 0
    first: datetime | None = None
    last: datetime | None = None
    days: Counter[date] = field(default_factory=Counter)
    accounts: dict[str, tuple[int, date | None]] = field(default_factory=dict)
    resources: Top = field(default_factory=Top)
    evidence: Top = field(default_factory=Top)
    types: Top = field(default_factory=Top)

    def seen(self, first: datetime | None, last: datetime | None) -> None:
        """Widen the span between the first and the last observation."""
        if first and (self.first is None or first < self.first):
            self.first = first
        if last and (self.last is None or last > self.last):
            self.last = last


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC, both included; None: no limit. A finding belongs to the day it was last seen."""

    since: date | None = None
    until: date | None = None

    def __contains__(self, day: object) -> bool:
        """Return whether a day is in the period; a finding without a time is in an unlimited one only."""
        if not isinstance(day, date):
            return self.since is None and self.until is None
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)

    def before(self) -> Period:
        """Return the period of the same length that ends the day before; both limits must be set."""
        if self.since is None or self.until is None:
            raise ValueError("a period without a limit has no period before it")
        day = timedelta(days=1)
        return Period(self.since - (self.until - self.since) - day, self.since - day)


@dataclass(slots=True)
class Observed:
    """The observed findings of a period.

    read: findings read; repeats: further copies of one; outside: not of the period; samples: left out;
    unmapped: without a technique; archived: counted, although archived or suppressed.
    """

    mapping: AttackMapping
    release: str | None = None
    period: Period = field(default_factory=Period)
    with_samples: bool = False
    read: int = 0
    outside: int = 0
    samples: int = 0
    repeats: int = 0
    archived: int = 0
    total: Tally = field(default_factory=Tally)
    cells: dict[Key, Tally] = field(default_factory=dict)
    unmapped: Tally = field(default_factory=Tally)
    severities: dict[date, Counter[str]] = field(default_factory=dict)
    by_account: dict[str, Counter[str]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set, repr=False)

    def add_all(self, findings: Iterable[Finding]) -> Observed:
        """Count findings one by one; return self."""
        for finding in findings:
            self.add(finding)
        return self

    def add(self, finding: Finding) -> None:
        """Count one finding: once for itself and once for each pair, however many copies there are."""
        self.read += 1
        enriched = enrich(finding, self.mapping, self.release)
        if enriched.alert["sample"] and not self.with_samples:
            self.samples += 1
            return
        first, last = times_of(finding)
        if (last.date() if last else None) not in self.period:
            self.outside += 1
            return
        sight = _Sight(enriched, first, last)
        if self._is_new(sight, ""):
            self._count(sight)
        else:
            self.repeats += 1
            self.total.seen(first, last)
        for row in enriched.attack["techniques"]:
            key = (row["id"], row["tactic"]["id"])
            cell = self.cells.setdefault(key, Tally())
            if self._is_new(sight, f"{key[0]} {key[1]}"):
                sight.add_to(cell)
                for shown in row["evidence"]:
                    if shown["field"] != "type":
                        cell.evidence.add(_clean(f"{shown['field']} = {shown['value']}"))
            else:
                cell.seen(first, last)

    def _count(self, sight: _Sight) -> None:
        sight.add_to(self.total)
        self.archived += sight.enriched.finding.flag("service.archived")
        if not sight.enriched.attack["techniques"]:
            sight.add_to(self.unmapped)
        if sight.day:
            labels = self.severities.setdefault(sight.day, Counter())
            labels[sight.enriched.alert["severity"]] += 1
        tactics = {row["id"] for row in sight.enriched.attack["tactics"]}
        self.by_account.setdefault(sight.account, Counter()).update(tactics)

    def _is_new(self, sight: _Sight, part: str) -> bool:
        """Return whether this finding was not counted for a part yet; one without an ARN is always new.

        The set has one 64-bit number per finding and pair, which is what grows with the input.
        """
        arn = sight.enriched.finding.arn
        if not arn:
            return True
        digest = hashlib.blake2b(f"{part} {arn}".encode("utf-8", "backslashreplace"), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if number in self._seen:
            return False
        self._seen.add(number)
        return True


class _Sight:
    """One finding as it is counted: its times, account, resources."""

    __slots__ = ("account", "day", "enriched", "first", "last", "occurrences", "resources")

    def __init__(self, enriched: EnrichedFinding, first: datetime | None, last: datetime | None) -> None:
        finding = enriched.finding
        self.enriched, self.first, self.last = enriched, first, last
        self.day = last.date() if last else None
        self.account = _clean(finding.account) or "unknown"
        self.occurrences = int(min(max(finding.number("service.count") or 1, 1), 10**9))
        names = (f"{row.kind} {row.name or row.uid}" for row in read_resources(finding))
        self.resources = [_clean(name) for name in dict.fromkeys(names)]

    def add_to(self, tally: Tally) -> None:
        tally.findings += 1
        tally.occurrences += self.occurrences
        tally.seen(self.first, self.last)
        if self.day:
            tally.days[self.day] += 1
        number, known = tally.accounts.get(self.account, (0, None))
        newest = max(filter(None, (known, self.day)), default=None)
        tally.accounts[self.account] = (number + 1, newest)
        tally.types.add(_clean(self.enriched.finding.type))
        for name in self.resources:
            tally.resources.add(name)


def times_of(finding: Finding) -> tuple[datetime | None, datetime | None]:
    """Return when a finding's activity was first and last seen, in UTC; None if it has no time at all."""
    known = {
        path: time_at(finding.view, path)
        for path in ("service.eventFirstSeen", "service.eventLastSeen", "createdAt", "updatedAt")
    }
    first = known["service.eventFirstSeen"] or known["createdAt"]
    last = known["service.eventLastSeen"] or known["updatedAt"] or time_at(finding.event, "time") or first
    first = first or last
    return (min(first, last), last) if first and last else (first, last)


def _clean(text: str) -> str:
    return plain(text, MOST_CHARACTERS)
