"""The shape of the `attack` object, and what the outputs read from a row of its techniques.

The object is total: every key is in every finding, a path has one JSON type, nothing is null. Readers that
infer types (Arrow, DuckDB, ClickHouse, Elasticsearch) need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from enricher.enrichment.tag import Source
from enricher.mapping.model import Confidence

Status = Literal["mapped", "tactic-only", "unmapped"]


class Named(TypedDict):
    """ID and name of a tactic or technique."""

    id: str
    name: str


class LinkedTactic(Named):
    """A tactic with its page on attack.mitre.org."""

    url: str


class OtherNames(TypedDict):
    """An entry's names in the other release; the texts are "" where that release has no counterpart."""

    version: str
    id: str
    name: str
    tactic: Named


class EvidenceRow(TypedDict):
    """A field of the finding that decided, and its value as text."""

    field: str
    value: str


class TechniqueRow(TypedDict):
    """One entry of `techniques`. Exactly one of `formerly` and `currently` is present."""

    id: str
    name: str
    url: str
    parent: Named
    tactic: Named
    confidence: Confidence
    source: Source
    rationale: str
    evidence: list[EvidenceRow]
    formerly: NotRequired[OtherNames]
    currently: NotRequired[OtherNames]


class Attack(TypedDict):
    """The `attack` object, as docs/enriched-event.md describes it."""

    framework: str
    version: str
    mapping: str
    status: Status
    tactics: list[LinkedTactic]
    techniques: list[TechniqueRow]
    atlas: str


def is_sub_technique(row: Mapping[str, Any]) -> bool:
    """Return whether a row of `techniques` is a sub-technique, so that its parent is worth stating."""
    return bool(row["parent"]["id"] != row["id"])


def full_name(row: Mapping[str, Any]) -> str:
    """Return "parent: name" of a sub-technique, the name of a technique."""
    return f"{row['parent']['name']}: {row['name']}" if is_sub_technique(row) else str(row["name"])


def other_release(row: Mapping[str, Any]) -> OtherNames | None:
    """Return a row's names in the other ATT&CK release if ID, name or tactic differ there, else None.

    None also where that release has no counterpart.
    """
    other: OtherNames = row["formerly"] if "formerly" in row else row["currently"]
    if not other["id"]:
        return None
    same = (other["id"], other["name"], other["tactic"]) == (row["id"], row["name"], row["tactic"])
    return None if same else other


def finding_evidence(row: Mapping[str, Any]) -> list[EvidenceRow]:
    """Return a row's evidence without the finding type, which every output states anyway."""
    return [shown for shown in row["evidence"] if shown["field"] != "type"]
