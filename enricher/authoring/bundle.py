"""Compile the mapping to the bundle that the Lambda function loads; `enricher.mapping.model` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from enricher.attack.catalog import Pair
from enricher.authoring.loader import ROOT, read_catalogue_json
from enricher.mapping.model import AttackMapping, Record, Response


def bundle_of(mapping: AttackMapping, root: Path = ROOT) -> dict[str, Any]:
    """Return the bundle that `enricher compile` writes and the Lambda function loads."""
    return {
        "version": mapping.version,
        "attack": read_catalogue_json(root),
        "records": {key: record_to_json(record) for key, record in mapping.records.items()},
        "aliases": dict(mapping.aliases),
        "evidence": mapping.evidence,
        "responses": {key: response_to_json(item) for key, item in mapping.responses.items()},
    }


def record_to_json(record: Record) -> dict[str, Any]:
    """Return the compact form of a record for the bundle, without empty fields."""
    full = {
        "pairs": [_pair_to_json(pair) for pair in record.pairs],
        "confidence": record.confidence,
        "rationale": record.rationale,
        "provenance": record.provenance,
        "file": record.file,
    }
    optional = {
        "caveats": record.caveats,
        "references": list(record.references),
        "reviewed": record.reviewed,
        "atlas": [list(entry) for entry in record.atlas],
        "retired": record.retired,
        "successor": record.successor,
        "response": record.response,
        "entry_confidences": list(record.entry_confidences),
        "benign": record.benign,
        "benign_target": record.benign_target,
        "shows": [list(field) for field in record.shows],
        "rules": [list(rule) for rule in record.rules],
    }
    return full | {key: value for key, value in optional.items() if value}


def _pair_to_json(pair: Pair) -> list[str | None]:
    full = [pair.tactic, pair.technique, pair.former, pair.former_tactic]
    while len(full) > 2 and full[-1] is None:
        full.pop()
    return full


def response_to_json(response: Response) -> dict[str, Any]:
    """Return the compact form of a response group for the bundle, without empty fields."""
    values = response._asdict() | {"kinds": list(response.kinds)}
    return {key: value for key, value in values.items() if value and key != "group"}
