"""Test the `export` command."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.known_types import read_known_types
from enricher.authoring.loader import ROOT
from enricher.cli import main
from enricher.mapping.model import AttackMapping
from tests.tiny_mapping import record

HEADER = (
    "finding_type,type_status,recorded_as,attack_version,rank,tactic_id,tactic,technique_id,technique,parent_id,"
    "parent,confidence,"
    "former_technique_id,former_technique,former_tactic_id,former_tactic"
)


def _export(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    assert main(["export", "--format", "csv", *options]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_every_type_and_alias_has_a_row(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """Every record and every alias must have a row, so that a join finds every type GuardDuty sends."""
    rows = _export(capsys)
    assert ",".join(rows[0]) == HEADER
    assert {row["finding_type"] for row in rows} == {*mapping.records, *mapping.aliases}
    statuses = {row["finding_type"]: row["type_status"] for row in rows}
    assert statuses == {row.type: row.status for row in read_known_types(ROOT)}


def test_alias_has_the_rows_of_its_type(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows of an alias must be those of its type, apart from name and status."""
    rows = _export(capsys)
    alias, finding_type = next(iter(mapping.aliases.items()))
    own = {"finding_type": finding_type, "type_status": "active"}
    alias_rows = [row for row in rows if row["finding_type"] == alias]
    assert [row | own for row in alias_rows] == [row for row in rows if row["finding_type"] == finding_type]
    assert {(row["type_status"], row["recorded_as"]) for row in alias_rows} == {("alias", finding_type)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            [],
            "Stealth:IAMUser/CloudTrailLoggingDisabled,active,Stealth:IAMUser/CloudTrailLoggingDisabled,19.2,1,"
            "TA0112,Defense Impairment,T1685.002,Disable or Modify Cloud Log,T1685,Disable or Modify Tools,"
            "high,T1562.008,Disable or Modify Cloud Logs,TA0005,Defense Evasion",
        ),
        (
            ["--attack-version", "18.1"],
            "Stealth:IAMUser/CloudTrailLoggingDisabled,active,Stealth:IAMUser/CloudTrailLoggingDisabled,18.1,1,"
            "TA0005,Defense Evasion,T1562.008,Disable or Modify Cloud Logs,T1562,Impair Defenses,high,"
            "T1685.002,Disable or Modify Cloud Log,TA0112,Defense Impairment",
        ),
    ],
)
def test_row_is_in_the_chosen_release(
    options: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row must have the ids of the chosen release, and those of the other release where they differ."""
    own = tmp_path / "own.toml"
    pair = '[{ tactic = "TA0112", technique = "T1685.002" }]'
    own.write_text(record("Stealth:IAMUser/CloudTrailLoggingDisabled", attack=pair), encoding="utf-8")
    rows = _export(capsys, "--overrides", str(own), *options)
    row = next(row for row in rows if row["finding_type"] == "Stealth:IAMUser/CloudTrailLoggingDisabled")
    assert ",".join(row.values()) == expected


def test_type_without_an_entry_has_one_row_of_rank_0(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unmappable type must have one row without ATT&CK values: a join tells it from an unknown type."""
    rows = _export(capsys)
    gaps = [key for key, item in mapping.records.items() if not item.pairs]
    found = [row for row in rows if row["rank"] == "0"]
    assert [row["finding_type"] for row in found] == gaps
    assert {value for row in found for key, value in row.items() if key.startswith(("ta", "te", "conf"))} == {
        ""
    }


def test_tactic_only_entry_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tactic without a technique must have a row with its confidence, in the chosen release."""
    own = tmp_path / "own.toml"
    own.write_text(record("Recon:EC2/Portscan", attack='[{ tactic = "TA0112" }]'), encoding="utf-8")
    rows = _export(capsys, "--overrides", str(own), "--attack-version", "18.1")
    found = [row for row in rows if row["finding_type"] == "Recon:EC2/Portscan"]
    assert [(row["rank"], row["tactic"], row["technique_id"], row["confidence"]) for row in found] == [
        ("1", "Defense Evasion", "", "high")
    ]


def test_entries_equal_in_the_chosen_release_are_one_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two entries that are equal in the chosen release must be one row, or a join would count them twice."""
    own = tmp_path / "own.toml"
    both = '[{ tactic = "TA0112" }, { tactic = "TA0005" }]'
    own.write_text(record("Recon:EC2/Portscan", attack=both), encoding="utf-8")
    rows = _export(capsys, "--overrides", str(own), "--attack-version", "18.1")
    found = [row for row in rows if row["finding_type"] == "Recon:EC2/Portscan"]
    assert [(row["rank"], row["tactic"]) for row in found] == [("1", "Defense Evasion")]


def test_rank_is_the_order_of_the_record(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """Rank 1 must be the primary entry of each record, including one that is only a tactic."""
    first = {row["finding_type"]: row for row in _export(capsys) if row["rank"] == "1"}
    primary = {key: item.pairs[0] for key, item in mapping.records.items() if item.pairs}
    assert {key: (first[key]["tactic_id"], first[key]["technique_id"]) for key in primary} == {
        key: (pair.tactic, pair.technique or "") for key, pair in primary.items()
    }


def test_json_has_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON output must have framework and version, and the rows of the CSV with null for empty cells."""
    rows = _export(capsys)
    assert main(["export", "--format", "json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (data["framework"], data["version"]) == ("MITRE ATT&CK", "19.2")
    plain = [{key: "" if value is None else str(value) for key, value in row.items()} for row in data["rows"]]
    assert plain == rows


def test_unknown_release_is_rejected_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """For an unknown ATT&CK version the exit code must be 2 and the message list the known versions."""
    with pytest.raises(SystemExit) as caught:
        main(["export", "--format", "csv", "--attack-version", "17.0"])
    assert caught.value.code == 2
    assert "expected 19.2 or 18.1" in capsys.readouterr().err


def test_one_row_has_a_unique_key(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """With --one-row each type and alias must have one row, with the IDs of all its entries joined."""
    entries = _export(capsys)
    rows = _export(capsys, "--one-row")
    assert [row["finding_type"] for row in rows] == list(
        dict.fromkeys(row["finding_type"] for row in entries)
    )
    assert {*mapping.records, *mapping.aliases} == {row["finding_type"] for row in rows}
    for row in rows:
        own = [entry for entry in entries if entry["finding_type"] == row["finding_type"]]
        for joined, column in (("tactic_ids", "tactic_id"), ("technique_ids", "technique_id")):
            assert row[joined].split() == list(dict.fromkeys(filter(None, (one[column] for one in own))))
        primary = {key: value for key, value in own[0].items() if key != "rank"}
        assert primary.items() <= row.items()
