"""Check the bundled records against the rules of the mapping that concern what they say, not their form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from enricher.attack.catalog import parent_id
from enricher.authoring.authored_records import AuthoredRecord
from enricher.mapping.model import CONFIDENCES, Record
from enricher.mapping.problems import KeyPath, Problem, Violation

#: Short enough for an on-call analyst, long enough to state the reason.
MIN_WORDS, MAX_WORDS, MAX_SENTENCES = 15, 75, 3
#: An e-mail has 110 words.
MAX_BENIGN_WORDS = 16
#: Entries of a type on average: a list that names everything says nothing.
MAX_MEAN_ENTRIES = 2.2
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


class FamilyRule(NamedTuple):
    """What records of one kind have in common. types: of the kind; message: what must hold."""

    types: re.Pattern[str]
    holds: Callable[[Record], bool]
    message: str


def _techniques(record: Record) -> list[str]:
    return [pair.technique or "" for pair in record.pairs]


FAMILY_RULES = (
    FamilyRule(
        re.compile(r"(Execution:|Object:).*/(Malicious|Suspicious)File"),
        lambda record: "T1204" in map(parent_id, _techniques(record)),
        "a file that somebody may open must have a sub-technique of T1204 User Execution",
    ),
    FamilyRule(
        re.compile(r".*/TorRelay$"),
        lambda record: _techniques(record) == ["T1496.002", "T1090.003"],
        "a Tor relay must be T1496.002 Bandwidth Hijacking, then T1090.003 Multi-hop Proxy",
    ),
    FamilyRule(
        re.compile(r"Recon:IAMUser/.*IPCaller"),
        lambda record: "T1580" in _techniques(record),
        "reconnaissance with a valid key must have T1580 Cloud Infrastructure Discovery",
    ),
    FamilyRule(
        re.compile(r"(?!.*:Kubernetes/).*/MaliciousIPCaller\.Custom$"),
        lambda record: {confidence for _, confidence in record.rated_pairs} == {"low"},
        "what only your own threat list says must be low in every entry",
    ),
)


def check_records(records: Mapping[str, AuthoredRecord]) -> Iterator[Problem]:
    """Yield the problems in rationales, confidences and families of valid records."""
    rationales: dict[str, AuthoredRecord] = {}
    for item in records.values():
        yield from map(item.problem, _check_record(item.record))
        if other := rationales.get(item.record.rationale):
            message = f"`rationale` is also that of {other.record.type}: say what differs"
            yield item.problem(Violation(message, ("rationale",)))
        rationales.setdefault(item.record.rationale, item)
    entries = sum(len(item.record.pairs) for item in records.values())
    if entries > MAX_MEAN_ENTRIES * len(records):
        mean = f"{entries / len(records):.2f} entries on average, at most {MAX_MEAN_ENTRIES}"
        yield Problem("", "", f"the records have {mean}: keep those that the findings show")


def _check_record(record: Record) -> Iterator[Violation]:
    words, sentences = len(record.rationale.split()), len(_SENTENCE_END.findall(record.rationale))
    if not MIN_WORDS <= words <= MAX_WORDS:
        message = f"`rationale` has {words} words: write {MIN_WORDS} to {MAX_WORDS}"
        yield Violation(message, ("rationale",))
    if not 1 <= sentences <= MAX_SENTENCES:
        message = f"`rationale` has {sentences} sentences: write one to {MAX_SENTENCES}"
        yield Violation(message, ("rationale",))
    for text, path in _benign_texts(record):
        if (count := len(text.split())) > MAX_BENIGN_WORDS:
            yield Violation(f"`benign` has {count} words: write at most {MAX_BENIGN_WORDS}", path)
    ranks = [CONFIDENCES.index(confidence) for _, confidence in record.rated_pairs]
    if ranks and min(ranks) < ranks[0]:
        message = "the first entry must have the highest confidence: reorder, or rate the others lower"
        yield Violation(message, ("attack", ranks.index(min(ranks))))
    for rule in FAMILY_RULES:
        if rule.types.match(record.type) and not rule.holds(record):
            yield Violation(rule.message, ("attack",))


def _benign_texts(record: Record) -> Iterator[tuple[str, KeyPath]]:
    yield record.benign, ("benign",)
    yield record.benign_target, ("benign_target",)
    yield from ((rule.benign, ("rules", place, "benign")) for place, rule in enumerate(record.rules))
