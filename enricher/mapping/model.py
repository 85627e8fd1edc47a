"""The reviewed mapping: finding type -> ATT&CK entries, with the rationale of each.

The Lambda function loads it from compact JSON (`bundle.json`, written by `enricher compile`); the source is
the TOML under `mapping/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.type_name import TypeIndex, fold

Confidence = Literal["high", "medium", "low"]
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")
#: Provenance of an override; no record of the bundled mapping has it.
OVERRIDE = "override"

BUNDLE = Path(__file__).resolve().parent.parent / "bundle.json"


class RuleAdvice(NamedTuple):
    """What differs for one custom detection rule of a type; "" where the record's applies."""

    name: str
    response: str = ""
    benign: str = ""


class Record(NamedTuple):
    """The mapping of one finding type. pairs: the primary entry first; empty for a known gap.

    confidence: of every entry that has none of its own; entry_confidences: one for each pair, () if all have
    the record's. caveats: what the finding does not prove, and where to look next. benign, benign_target:
    instead of the response group's; shows: (label, path) of the fields that an alert shows first; rules: what
    differs by custom detection rule.
    """

    type: str
    pairs: tuple[Pair, ...]
    confidence: Confidence
    rationale: str
    provenance: str
    file: str
    caveats: str = ""
    references: tuple[str, ...] = ()
    reviewed: str = ""
    atlas: tuple[tuple[str, str], ...] = ()
    retired: str = ""
    successor: str = ""
    response: str = ""
    entry_confidences: tuple[Confidence, ...] = ()
    benign: str = ""
    benign_target: str = ""
    shows: tuple[tuple[str, str], ...] = ()
    rules: tuple[RuleAdvice, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the response groups that the record and its rules name."""
        return tuple(filter(None, (self.response, *(rule.response for rule in self.rules))))

    @property
    def rated_pairs(self) -> tuple[tuple[Pair, Confidence], ...]:
        """Return each pair with its confidence, the primary one first."""
        confidences = self.entry_confidences or (self.confidence,) * len(self.pairs)
        return tuple(zip(self.pairs, confidences, strict=True))

    @property
    def is_retired(self) -> bool:
        """Return whether AWS no longer sends the type; `retired` is the date, if known."""
        return bool(self.retired) or self.file == "retired"

    @property
    def is_override(self) -> bool:
        """Return whether the record is an override, which takes precedence over evidence in the finding."""
        return self.provenance == OVERRIDE


class Response(NamedTuple):
    """What to check or do first after the findings of one group, and what makes them benign.

    target, benign_target: instead of `check` and `benign` where the resource is the target; denied: where
    every call failed; blocked: where the finding states that the activity was blocked; kinds: the resources
    for whose findings without a record the group is used, "*" for all others. "" and () if not set.
    """

    group: str
    check: str
    target: str = ""
    denied: str = ""
    blocked: str = ""
    benign: str = ""
    benign_target: str = ""
    kinds: tuple[str, ...] = ()


# Compared and hashed by identity, so that functions of a mapping can remember what they return.
@dataclass(frozen=True, slots=True, eq=False)
class AttackMapping:
    """The whole mapping: records, aliases, evidence tables and the ATT&CK catalogue.

    version: the CalVer version of the mapping; records: by finding type; aliases: alias -> finding type;
    evidence: the compiled rule tables (see `enricher.authoring.rule_compiler`).
    """

    version: str
    catalogue: Catalogue = field(repr=False)
    records: Mapping[str, Record] = field(repr=False)
    aliases: Mapping[str, str] = field(default_factory=dict, repr=False)
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)
    responses: Mapping[str, Response] = field(default_factory=dict, repr=False)
    index: TypeIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the types, so that a type without a record costs no more than one with a record."""
        object.__setattr__(self, "index", TypeIndex.of(self.records, self.aliases))

    @classmethod
    def load(cls, path: Path | None = None) -> AttackMapping:
        """Load the compiled mapping (default: `enricher/bundle.json`); raise FileNotFoundError if absent."""
        return cls.from_bundle(json.loads(_read_bundle(path or BUNDLE)))

    @classmethod
    def from_bundle(cls, bundle: Mapping[str, Any]) -> AttackMapping:
        """Build the mapping from the object that `enricher compile` writes."""
        return cls(
            version=bundle["version"],
            catalogue=Catalogue.from_json(bundle["attack"]),
            records={key: record_from_json(key, item) for key, item in bundle["records"].items()},
            aliases=bundle["aliases"],
            evidence=bundle["evidence"],
            responses={key: response_from_json(key, item) for key, item in bundle["responses"].items()},
        )

    def record_for(self, finding_type: str) -> Record | None:
        """Return the record of a finding type, also by alias or variant spelling; None if there is none."""
        key = self.resolve_type(finding_type)
        return None if key is None else self.records[key]

    def resolve_type(self, finding_type: str) -> str | None:
        """Return the type as recorded: exact, by alias, or ignoring case and a space for "/"; else None."""
        if finding_type in self.records:
            return finding_type
        if finding_type in self.aliases:
            return self.aliases[finding_type]
        return self.index.spellings.get(fold(finding_type))

    def with_overrides(self, overrides: Mapping[str, Record]) -> AttackMapping:
        """Return a mapping in which the overrides replace the bundled records, with aliases resolved.

        Unless the override sets them, facts from AWS (ATLAS ids, retirement date, successor), the response
        group and what to show are kept. So is what is benign, and what differs by custom detection rule,
        unless the override states a response group or what is benign itself.
        """
        records = dict(self.records)
        for finding_type, record in overrides.items():
            key = self.resolve_type(finding_type) or finding_type
            records[key] = _with_facts(record, self.records[key]) if key in self.records else record
        return replace(self, records=records)


def _with_facts(record: Record, bundled: Record) -> Record:
    own = record if record.response or record.benign or record.benign_target else bundled
    return record._replace(
        type=bundled.type,
        atlas=record.atlas or bundled.atlas,
        retired=record.retired or bundled.retired,
        successor=record.successor or bundled.successor,
        response=record.response or bundled.response,
        benign=own.benign,
        benign_target=own.benign_target,
        shows=record.shows or bundled.shows,
        rules=record.rules or own.rules,
    )


def _read_bundle(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        if path != BUNDLE:
            raise
    # A package that is imported from a zip has no path: only there this slow import is paid for.
    from importlib.resources import files

    resource = files("enricher").joinpath("bundle.json")
    if not resource.is_file():
        raise FileNotFoundError("no compiled mapping: run `enricher compile`, or install the built wheel")
    return resource.read_text(encoding="utf-8")


def record_from_json(finding_type: str, item: Mapping[str, Any]) -> Record:
    """Build a record from its compact form in the bundle."""
    return Record(
        type=finding_type,
        pairs=tuple(Pair(*pair) for pair in item["pairs"]),
        confidence=item["confidence"],
        rationale=item["rationale"],
        provenance=item["provenance"],
        file=item["file"],
        caveats=item.get("caveats", ""),
        references=tuple(item.get("references", ())),
        reviewed=item.get("reviewed", ""),
        atlas=tuple((entry[0], entry[1]) for entry in item.get("atlas", ())),
        retired=item.get("retired", ""),
        successor=item.get("successor", ""),
        response=item.get("response", ""),
        entry_confidences=tuple(item.get("entry_confidences", ())),
        benign=item.get("benign", ""),
        benign_target=item.get("benign_target", ""),
        shows=tuple((label, path) for label, path in item.get("shows", ())),
        rules=tuple(RuleAdvice(*rule) for rule in item.get("rules", ())),
    )


def response_from_json(group: str, item: Mapping[str, Any]) -> Response:
    """Build a response group from its compact form in the bundle."""
    return Response(group, **{**item, "kinds": tuple(item.get("kinds", ()))})
