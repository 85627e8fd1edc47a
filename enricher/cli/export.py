"""Write the mapping as a lookup table that a SIEM can join with findings."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from enricher.attack.catalog import FRAMEWORK
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.attack_object import is_sub_technique, other_release
from enricher.enrichment.precedence import entries_of
from enricher.enrichment.tag import Entry
from enricher.mapping.model import AttackMapping, Record

COLUMNS = (
    "finding_type", "type_status", "recorded_as", "attack_version", "rank", "tactic_id", "tactic",
    "technique_id", "technique", "parent_id", "parent", "confidence",
)  # fmt: skip
#: The entry in the other release, prefixed with `former_`, or `currently_` in the former release's table.
OTHER_COLUMNS = ("technique_id", "technique", "tactic_id", "tactic")
#: With --one-row: the distinct IDs of all entries in one text, primary first, separated by spaces.
JOINED_COLUMNS = {"tactic_ids": "tactic_id", "technique_ids": "technique_id"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--format", choices=("csv", "json"), required=True, help="format of the table")
    parser.add_argument(
        "--one-row",
        action="store_true",
        help="one row per finding type: its primary entry, and the IDs of all entries in one column each",
    )
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 1 if an override was rejected, else 0."""
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    rows = list((one_row_per_type if arguments.one_row else table_rows)(mapping, release))
    if arguments.format == "csv":
        writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        head = {
            "framework": FRAMEWORK,
            "version": mapping.catalogue.release(release).version,
            "mapping": mapping.version,
        }
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        print(f'{json.dumps(head, ensure_ascii=False)[:-1]}, "rows": [\n{lines}\n]}}')
    return code


def table_rows(mapping: AttackMapping, release: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield one row per finding type and ATT&CK entry; a type without entries has one row, of rank 0.

    Aliases have rows too, so that one join finds every name of a type; `recorded_as` is the type that an
    alias stands for. The columns of the other ATT&CK release are None unless the entry differs there.
    Rank 1 is the primary entry.
    """
    for finding_type, record in mapping.records.items():
        yield from _type_rows(finding_type, record, mapping, release)
    for finding_type, recorded_as in mapping.aliases.items():
        yield from _type_rows(finding_type, mapping.records[recorded_as], mapping, release)


def one_row_per_type(mapping: AttackMapping, release: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield one row per finding type, for lookups whose key must be unique (Sentinel's SearchKey).

    The columns are those of the type's primary entry, without `rank`, and JOINED_COLUMNS.
    """
    for _, group in groupby(table_rows(mapping, release), key=lambda row: row["finding_type"]):
        rows = list(group)
        joined = {
            name: " ".join(dict.fromkeys(row[column] for row in rows if row[column]))
            for name, column in JOINED_COLUMNS.items()
        }
        yield {key: value for key, value in rows[0].items() if key != "rank"} | joined


def _type_rows(
    finding_type: str, record: Record, mapping: AttackMapping, release: str | None
) -> Iterator[dict[str, Any]]:
    status = "alias" if finding_type in mapping.aliases else "retired" if record.is_retired else "active"
    prefix = "currently" if release == mapping.catalogue.former.version else "former"
    columns = (*COLUMNS, *(f"{prefix}_{name}" for name in OTHER_COLUMNS))
    base = dict.fromkeys(columns) | {
        "finding_type": finding_type,
        "type_status": status,
        "recorded_as": record.type,
        "attack_version": mapping.catalogue.release(release).version,
    }
    rows: list[dict[str, Any]] = []
    for entry in entries_of(record):
        attack = attack_block([entry], record, mapping, release)
        entry_rows = [_technique_columns(row, prefix) for row in attack["techniques"]]
        entry_rows = entry_rows or [_tactic_columns(row, entry) for row in attack["tactics"]]
        rows += [row for row in entry_rows if row not in rows]
    for rank, row in enumerate(rows or [{}], 1 if rows else 0):
        yield base | {"rank": rank} | row


def _tactic_columns(row: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    return {"tactic_id": row["id"], "tactic": row["name"], "confidence": entry.confidence}


def _technique_columns(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    parent = row["parent"] if is_sub_technique(row) else {}
    columns = _names(row) | {
        "parent_id": parent.get("id"),
        "parent": parent.get("name"),
        "confidence": row["confidence"],
    }
    other = other_release(row)
    return columns | ({f"{prefix}_{name}": value for name, value in _names(other).items()} if other else {})


def _names(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "technique_id": row["id"],
        "technique": row["name"],
        "tactic_id": row["tactic"]["id"],
        "tactic": row["tactic"]["name"],
    }
