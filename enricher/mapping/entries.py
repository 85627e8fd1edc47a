"""Read and validate the ATT&CK entries of records and rules: { tactic, technique }, by the pinned release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.model import CONFIDENCES, Confidence
from enricher.mapping.problems import Violation

PAIR_KEYS = ("tactic", "technique", "former", "former_tactic")


class StatedEntry(NamedTuple):
    """One entry as read; pair, confidence: None if missing or invalid."""

    pair: Pair | None
    confidence: Confidence | None


def read_entries(
    value: object, catalogue: Catalogue, violations: list[Violation], missing: str
) -> Iterator[StatedEntry]:
    """Yield the entries of `attack`, each with the confidence it states; append to `violations`.

    missing: what to write if the value is not a list of tables.
    """
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        violations.append(Violation(f"`attack` is missing: write {missing}", ("attack",)))
        return
    seen = set()
    for place, entry in enumerate(value):
        stated = {key: item for key, item in entry.items() if key != "confidence"}
        pair, found = read_pair(stated, catalogue)
        confidence = entry.get("confidence")
        if "confidence" in entry and confidence not in CONFIDENCES:
            found.insert(0, invalid("confidence", ", ".join(CONFIDENCES), confidence))
        if pair is not None and (pair.tactic, pair.technique) in seen:
            found.append(Violation(f"{pair.tactic} {pair.technique} is listed twice"))
        if pair is not None:
            seen.add((pair.tactic, pair.technique))
        violations += [item.inside(f"attack entry {place + 1}", "attack", place) for item in found]
        yield StatedEntry(pair, cast("Confidence", confidence) if confidence in CONFIDENCES else None)


def invalid(key: str, expected: str, value: object) -> Violation:
    """Return the violation of a key with a wrong value."""
    return Violation(f"invalid value for `{key}`: expected {expected}, got {value!r:.80}", (key,))


def read_pair(entry: dict[str, Any], catalogue: Catalogue) -> tuple[Pair | None, list[Violation]]:
    """Read one { tactic, technique } table and check it against the pinned and the former release.

    Returns the pair and [], or None and what is wrong.
    """
    found = [Violation(f"unknown key {key!r}", (key,)) for key in sorted(entry.keys() - set(PAIR_KEYS))]
    found += [
        Violation(f"`{key}` must be a string", (key,))
        for key in PAIR_KEYS
        if key in entry and not isinstance(entry[key], str)
    ]
    if not found:
        found += _check_ids(entry.get("tactic"), entry.get("technique"), catalogue)
    if found:
        return None, found
    pair = Pair(entry["tactic"], entry.get("technique"), entry.get("former"), entry.get("former_tactic"))
    found = list(_check_pair(pair, catalogue))
    return (None, found) if found else (pair, [])


def _check_ids(tactic: str | None, technique: str | None, catalogue: Catalogue) -> Iterator[Violation]:
    pinned = catalogue.pinned
    if tactic not in pinned.tactics:
        message = f"{tactic!r} is not a tactic of ATT&CK {pinned.version}: expected TA and four digits"
        yield Violation(message, ("tactic",))
    if technique is not None and technique not in pinned.techniques:
        replacement = catalogue.resolve(technique)
        name = f": revoked by {replacement} {pinned.techniques[replacement].name}" if replacement else ""
        message = f"{technique!r} is not an active technique of ATT&CK {pinned.version}{name}"
        yield Violation(message, ("technique",))


def _check_pair(pair: Pair, catalogue: Catalogue) -> Iterator[Violation]:
    if pair.technique is None:
        if pair.former or pair.former_tactic:
            yield Violation("`former` and `former_tactic` require a `technique`")
        return
    pinned, former = catalogue.pinned, catalogue.former
    if not catalogue.belongs(pair.tactic, pair.technique):
        tactics = ", ".join(pinned.techniques[pair.technique].tactics)
        message = f"{pair.technique} is not a technique of {pair.tactic}: "
        yield Violation(message + f"ATT&CK {pinned.version} lists it under {tactics}", ("technique",))
    candidates = catalogue.former_candidates(pair.technique)
    if pair.former and pair.former not in candidates:
        choices = ", ".join(candidates) or "none"
        yield invalid("former", f"an id revoked by {pair.technique} ({choices})", pair.former)
        return
    before = catalogue.former_technique(pair.technique, pair.former)
    if before is None:
        # A technique that is new in the pinned release: output for the former one falls back to its parent.
        if pair.former_tactic:
            message = f"`former_tactic` is not needed: {pair.technique} has no equivalent in {former.version}"
            yield Violation(message, ("former_tactic",))
        return
    tactics = ", ".join(before.tactics)
    if pair.former_tactic and pair.former_tactic not in before.tactics:
        yield invalid("former_tactic", f"a tactic of {before.id} ({tactics})", pair.former_tactic)
    elif catalogue.former_tactic(pair.tactic, before, pair.former_tactic) is None:
        place = f"ATT&CK {former.version} lists {before.id} under {tactics}"
        yield Violation(f"{place}: set `former_tactic` to one of them")
