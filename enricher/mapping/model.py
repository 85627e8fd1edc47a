"""Hold the reviewed mapping: finding type -> ATT&CK entries, with the reason for each.

The Lambda loads it from one compact JSON (`bundle.json`, made by `enricher compile`); people edit the TOML
under `mapping/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as ReadMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from enricher.attack.catalog import Catalogue, Pair

Confidence = Literal["high", "medium", "low"]
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")
#: Lineage of a team's own record; no record of the bundled mapping has it.
OVERRIDE = "override"

BUNDLE = Path(__file__).resolve().parent.parent / "bundle.json"


@dataclass(frozen=True, slots=True)
class Record:
    """Hold the judgement on one finding type. `pairs` is primary first; empty is a known gap."""

    type: str
    pairs: tuple[Pair, ...]
    confidence: Confidence
    rationale: str
    lineage: str
    file: str
    caveats: str = ""
    references: tuple[str, ...] = ()
    reviewed: str = ""
    atlas: tuple[tuple[str, str], ...] = ()
    retired: str = ""
    successor: str = ""

    @property
    def is_retired(self) -> bool:
        """Tell whether AWS no longer sends the type; `retired` is the day, where it is known."""
        return bool(self.retired) or self.file == "retired"

    @property
    def is_override(self) -> bool:
        """Tell whether the record is a team's own: it comes before all that a finding shows."""
        return self.lineage == OVERRIDE


@dataclass(frozen=True, slots=True)
class Mapping:
    """Hold the whole mapping: the records, the aliases, the evidence tables and the ATT&CK catalogue.

    version: the CalVer release of the mapping; evidence: the compiled rule tables (see `evidence`).
    """

    version: str
    catalogue: Catalogue = field(repr=False)
    records: ReadMapping[str, Record] = field(repr=False)
    aliases: ReadMapping[str, str] = field(default_factory=dict, repr=False)
    evidence: ReadMapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path | None = None) -> Mapping:
        """Load the compiled mapping, from beside the code; raise FileNotFoundError if there is none."""
        return cls.from_bundle(json.loads((path or BUNDLE).read_text(encoding="utf-8")))

    @classmethod
    def from_bundle(cls, bundle: ReadMapping[str, Any]) -> Mapping:
        """Build the mapping from the object that `enricher compile` writes."""
        return cls(
            version=bundle["version"],
            catalogue=Catalogue.from_json(bundle["attack"]),
            records={key: record_from_json(key, item) for key, item in bundle["records"].items()},
            aliases=bundle["aliases"],
            evidence=bundle["evidence"],
        )

    def record_for(self, finding_type: str) -> Record | None:
        """Find the record of a finding type, also by an alias or another spelling of it."""
        key = self.resolve_type(finding_type)
        return None if key is None else self.records[key]

    def resolve_type(self, finding_type: str) -> str | None:
        """Give the recorded spelling of a type: exact, by alias, or but for case and a blank as slash."""
        if finding_type in self.records:
            return finding_type
        if finding_type in self.aliases:
            return self.aliases[finding_type]
        folded = _fold(finding_type)
        for known in (self.records, self.aliases):
            for key in known:
                if _fold(key) == folded:
                    return self.aliases.get(key, key)
        return None

    def with_overrides(self, overrides: ReadMapping[str, Record]) -> Mapping:
        """Give the mapping with a team's own records in place of the bundled ones, aliases resolved.

        What AWS says of a type (its ATLAS ids, its retirement) stays where the override says nothing of it.
        """
        records = dict(self.records)
        for finding_type, record in overrides.items():
            key = self.resolve_type(finding_type) or finding_type
            records[key] = _with_facts(record, self.records[key]) if key in self.records else record
        return replace(self, records=records)


def _with_facts(record: Record, bundled: Record) -> Record:
    return replace(
        record,
        type=bundled.type,
        atlas=record.atlas or bundled.atlas,
        retired=record.retired or bundled.retired,
        successor=record.successor or bundled.successor,
    )


def _fold(finding_type: str) -> str:
    return finding_type.strip().casefold().replace(" ", "/", 1)


def record_from_json(finding_type: str, item: ReadMapping[str, Any]) -> Record:
    """Build a record from its compact form in the bundle."""
    return Record(
        type=finding_type,
        pairs=tuple(Pair(*pair) for pair in item["pairs"]),
        confidence=item["confidence"],
        rationale=item["rationale"],
        lineage=item["lineage"],
        file=item["file"],
        caveats=item.get("caveats", ""),
        references=tuple(item.get("references", ())),
        reviewed=item.get("reviewed", ""),
        atlas=tuple((entry[0], entry[1]) for entry in item.get("atlas", ())),
        retired=item.get("retired", ""),
        successor=item.get("successor", ""),
    )


def record_to_json(record: Record) -> dict[str, Any]:
    """Give a record's compact form for the bundle; what is empty is left out."""
    full = {
        "pairs": [_pair_to_json(pair) for pair in record.pairs],
        "confidence": record.confidence,
        "rationale": record.rationale,
        "lineage": record.lineage,
        "file": record.file,
    }
    optional = {
        "caveats": record.caveats,
        "references": list(record.references),
        "reviewed": record.reviewed,
        "atlas": [list(entry) for entry in record.atlas],
        "retired": record.retired,
        "successor": record.successor,
    }
    return full | {key: value for key, value in optional.items() if value}


def _pair_to_json(pair: Pair) -> list[str | None]:
    full = [pair.tactic, pair.technique, pair.former, pair.former_tactic]
    while len(full) > 2 and full[-1] is None:
        full.pop()
    return full
