"""Build the `attack` object: the ATT&CK entries of a finding in one ATT&CK release, with names and URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from enricher.attack.catalog import (
    FRAMEWORK,
    Catalogue,
    Pair,
    Release,
    Tactic,
    Technique,
    archived_url,
    parent_id,
)
from enricher.enrichment.attack_object import Attack, LinkedTactic, Named, OtherNames, TechniqueRow
from enricher.enrichment.tag import Entry
from enricher.finding.paths import LONGEST, Scalar
from enricher.mapping.model import AttackMapping, Record

_TECHNIQUE_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")


def attack_block(
    entries: Iterable[Entry],
    record: Record | None,
    mapping: AttackMapping,
    release: str | None = None,
    finding_type: str = "",
) -> Attack:
    """Return the `attack` object in the pinned ATT&CK release (None) or the former one.

    Output for the former release refers to the pinned one only in the key `currently`. A technique that the
    former release does not have falls back to its parent, then to its tactic. finding_type: as the finding
    states it, the evidence of entries that the type decided; by default the record's.
    """
    output = mapping.catalogue.release(release)
    finding_type = finding_type or (record.type if record else "")
    techniques: dict[tuple[str, str], TechniqueRow] = {}
    tactics: dict[str, LinkedTactic] = {}
    for entry in entries:
        names = _names_of(entry.pair, output.version, mapping)
        if names is None:
            continue
        tactics.setdefault(names.tactic["id"], names.linked_tactic.copy())
        key = (names.id, names.tactic["id"])
        if names.id and key not in techniques:
            techniques[key] = _technique_row(entry, names, mapping.catalogue, finding_type)
    return {
        "framework": FRAMEWORK,
        "version": output.version,
        "mapping": mapping.version,
        "status": "mapped" if techniques else "tactic-only" if tactics else "unmapped",
        "tactics": list(tactics.values()),
        "techniques": list(techniques.values()),
        "atlas": " ".join(key for key, _ in record.atlas) if record else "",
    }


class _Names(NamedTuple):
    """The names of a pair in the release that is output, "" for a tactic alone, and in the other release."""

    id: str
    name: str
    url: str
    parent: Named
    tactic: Named
    linked_tactic: LinkedTactic
    other: OtherNames
    is_former: bool


# The pairs of the mapping and of its rules, in two releases; the objects are copied into each finding.
@lru_cache(maxsize=2048)
def _names_of(pair: Pair, version: str, mapping: AttackMapping) -> _Names | None:
    """Return the names of a pair in an ATT&CK version; None if that has neither technique nor tactic."""
    catalogue = mapping.catalogue
    output = catalogue.release(version)
    is_former = output is catalogue.former
    current = catalogue.pinned.tactics[pair.tactic], catalogue.pinned.techniques.get(pair.technique or "")
    names = _former_names(pair, catalogue) if is_former else current
    if names is None:
        return None
    tactic, technique = names
    if is_former:
        other = _other_names(catalogue.pinned.version, *current)
    else:
        before = _former_counterpart(pair, catalogue) or (catalogue.former_tactic_alone(pair.tactic), None)
        other = _other_names(catalogue.former.version, *before)
    parent = output.techniques.get(technique.parent_id or "") if technique else None
    return _Names(
        **_named(technique),
        url=_url(technique, output, catalogue) if technique else "",
        parent=_named(parent or technique),
        tactic=_named(tactic),
        linked_tactic={**_named(tactic), "url": _url(tactic, output, catalogue)},
        other=other,
        is_former=is_former,
    )


def _former_names(pair: Pair, catalogue: Catalogue) -> tuple[Tactic, Technique | None] | None:
    exact = _former_counterpart(pair, catalogue)
    if exact is None and pair.technique and (parent := parent_id(pair.technique)):
        exact = _former_counterpart(Pair(pair.tactic, parent), catalogue)
    if exact:
        return exact
    tactic = catalogue.former_tactic_alone(pair.tactic)
    return (tactic, None) if tactic else None


def _former_counterpart(pair: Pair, catalogue: Catalogue) -> tuple[Tactic, Technique] | None:
    technique = catalogue.former_technique(pair.technique or "", pair.former)
    tactic = technique and catalogue.former_tactic(pair.tactic, technique, pair.former_tactic)
    return (tactic, technique) if tactic and technique else None


def _technique_row(entry: Entry, names: _Names, catalogue: Catalogue, finding_type: str) -> TechniqueRow:
    row: TechniqueRow = {
        "id": names.id,
        "name": names.name,
        "url": names.url,
        "parent": names.parent.copy(),
        "tactic": names.tactic.copy(),
        "confidence": entry.confidence,
        "source": entry.source,
        "rationale": entry.rationale,
        "evidence": [{"field": shown.field, "value": _as_text(shown.value)} for shown in entry.evidence]
        or [{"field": "type", "value": finding_type[:LONGEST]}],
    }
    other: OtherNames = {**names.other, "tactic": names.other["tactic"].copy()}
    if names.is_former:
        row["rationale"] = _in_former_ids(entry, catalogue)
        row["currently"] = other
    else:
        row["formerly"] = other
    return row


def _url(item: Tactic | Technique, output: Release, catalogue: Catalogue) -> str:
    return item.url if output is catalogue.pinned else archived_url(item.url, output.version)


def _in_former_ids(entry: Entry, catalogue: Catalogue) -> str:
    def translate(match: re.Match[str]) -> str:
        stated = entry.pair.former if match[0] == entry.pair.technique else None
        before = catalogue.former_technique(match[0], stated)
        return before.id if before else match[0]

    return _TECHNIQUE_ID.sub(translate, entry.rationale)


def _named(item: Tactic | Technique | None) -> Named:
    return {"id": item.id, "name": item.name} if item else {"id": "", "name": ""}


def _other_names(version: str, tactic: Tactic | None, technique: Technique | None) -> OtherNames:
    return {"version": version, **_named(technique), "tactic": _named(tactic)}


def _as_text(value: Scalar) -> str:
    """Return a value as JSON writes it, a text without its quotes: a reader must find one type here."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)
