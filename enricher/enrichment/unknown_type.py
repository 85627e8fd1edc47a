"""Derive entries from the name of an unknown finding type: Purpose:Resource/Family.Mechanism!Artifact."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.attack.catalog import Pair
from enricher.attack.lookup import Lookup, choose
from enricher.enrichment.tag import Entry
from enricher.mapping.model import AttackMapping
from enricher.mapping.type_name import parse_type

_BY_NAME = "This finding type is not in the mapping yet; its name contains the name of the technique."
_BY_COUNTERPART = (
    "This finding type is not in the mapping yet; it is mapped like {counterpart}, "
    "the same detection on another resource."
)
_BY_PURPOSE = "This finding type is not in the mapping yet; only its threat purpose indicates the tactic."


def read_type(finding_type: str, mapping: AttackMapping) -> tuple[Entry, ...]:
    """Return the low-confidence entries that the name of a type without a record indicates, () for none.

    The name of a technique takes precedence over the same detection on another resource (its counterpart),
    and a counterpart over the threat purpose alone.
    """
    return (
        tuple(_read_technique(finding_type, mapping))
        or tuple(_read_counterpart(finding_type, mapping))
        or tuple(_read_purpose(finding_type, mapping))
    )


def purpose_tactics(purpose: str, mapping: AttackMapping) -> tuple[str, ...]:
    """Return the tactics a threat purpose may stand for, the most common first; () if it implies none."""
    return tuple(mapping.evidence.get("purposes", {}).get(purpose, ()))


def _read_technique(finding_type: str, mapping: AttackMapping) -> Iterator[Entry]:
    name = parse_type(finding_type)
    tactics = purpose_tactics(name.purpose, mapping)
    lookup = Lookup(mapping.catalogue)
    for spelling in dict.fromkeys((name.rest, name.family)):
        # Names, not IDs: a family that looks like an ID does so by chance.
        spellings = lookup.techniques(f" {spelling}") if spelling and not _looks_like_id(spelling) else []
        named = choose(spellings, mapping.catalogue, tactics)
        if named is None:
            continue
        known = mapping.catalogue.pinned.techniques[named.id].tactics
        tactic = next((key for key in tactics if key in known), known[0] if known else None)
        if tactic:
            yield Entry(lookup.pair(named, tactic), "low", "threat-purpose", _BY_NAME)
            return


def _looks_like_id(text: str) -> bool:
    return len(text) > 4 and text[0] in "Tt" and text[1:5].isdigit()


def _read_counterpart(finding_type: str, mapping: AttackMapping) -> Iterator[Entry]:
    name = parse_type(finding_type)
    if not name.family or name.family in mapping.evidence.get("caller_families", ()):
        return
    index = mapping.index
    for counterparts in (
        index.by_rest.get((name.purpose, name.rest), ()),
        index.by_family.get((name.purpose, name.family), ()),
    ):
        for key in counterparts:
            record = mapping.records[key]
            if record.pairs and not record.retired:
                rationale = _BY_COUNTERPART.replace("{counterpart}", key)
                for pair in record.pairs:
                    yield Entry(pair, "low", "threat-purpose", rationale)
                return


def _read_purpose(finding_type: str, mapping: AttackMapping) -> Iterator[Entry]:
    for tactic in purpose_tactics(parse_type(finding_type).purpose, mapping)[:1]:
        yield Entry(Pair(tactic, None), "low", "threat-purpose", _BY_PURPOSE)
