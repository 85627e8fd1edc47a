"""Read what the grammar of an unknown finding type still says: Purpose:Resource/Family.Mechanism!Artifact."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.attack.catalog import Pair
from enricher.attack.lookup import Speller, choose
from enricher.enrichment.finding_type import parse_type
from enricher.enrichment.tag import Entry
from enricher.mapping.model import Mapping

_SPELT = "This finding type is new to the mapping; its name spells the technique."
_TWIN = (
    "This finding type is new to the mapping; it is read like {twin}, the same detection on another resource."
)
_PURPOSE = "This finding type is new to the mapping; only the threat purpose in its name tells the aim."


def read_type(finding_type: str, mapping: Mapping) -> tuple[Entry, ...]:
    """Give the entries, of low confidence, that a type without a record spells by its name.

    A technique that is spelt out wins over a twin in another resource family, a twin over the purpose alone.
    """
    return (
        tuple(_read_technique(finding_type, mapping))
        or tuple(_read_twin(finding_type, mapping))
        or tuple(_read_purpose(finding_type, mapping))
    )


def purpose_tactics(purpose: str, mapping: Mapping) -> tuple[str, ...]:
    """Give the tactics a threat purpose may mean, the usual one first; () for one that is no aim."""
    return tuple(mapping.evidence.get("purposes", {}).get(purpose, ()))


def _read_technique(finding_type: str, mapping: Mapping) -> Iterator[Entry]:
    name = parse_type(finding_type)
    tactics = purpose_tactics(name.purpose, mapping)
    speller = Speller(mapping.catalogue)
    for spelling in dict.fromkeys((name.rest, name.family)):
        # Names, not ids: a family that looks like an id would be chance.
        spellings = speller.techniques(f" {spelling}") if spelling and not _looks_like_id(spelling) else []
        spelt = choose(spellings, mapping.catalogue, tactics)
        if spelt is None:
            continue
        known = mapping.catalogue.pinned.techniques[spelt.id].tactics
        tactic = next((key for key in tactics if key in known), known[0] if known else None)
        if tactic:
            yield Entry(speller.pair(spelt, tactic), "low", "threat-purpose", _SPELT)
            return


def _looks_like_id(text: str) -> bool:
    return len(text) > 4 and text[0] in "Tt" and text[1:5].isdigit()


def _read_twin(finding_type: str, mapping: Mapping) -> Iterator[Entry]:
    name = parse_type(finding_type)
    if not name.family or name.family in mapping.evidence.get("caller_families", ()):
        return
    for exact in (True, False):
        for key, record in mapping.records.items():
            other = parse_type(key)
            same = other.rest == name.rest if exact else other.family == name.family
            if same and other.purpose == name.purpose and record.pairs and not record.retired:
                rationale = _TWIN.replace("{twin}", key)
                for pair in record.pairs:
                    yield Entry(pair, "low", "threat-purpose", rationale)
                return


def _read_purpose(finding_type: str, mapping: Mapping) -> Iterator[Entry]:
    for tactic in purpose_tactics(parse_type(finding_type).purpose, mapping)[:1]:
        yield Entry(Pair(tactic, None), "low", "threat-purpose", _PURPOSE)
