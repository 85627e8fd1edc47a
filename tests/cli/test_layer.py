"""Test the `layer` command; .ci/check_layer.py also loads its output in MITRE's own library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.attack.catalog import Release
from enricher.authoring.loader import ROOT
from enricher.cli import main
from enricher.cli.layer import MIN_MAX_VALUE, shortname
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.tiny_mapping import record

VERSIONS = ["19.2", "18.1"]


def _layer(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["layer", *options]) == 0
    return dict(json.loads(capsys.readouterr().out))


def _release(mapping: AttackMapping, version: str) -> Release:
    catalogue = mapping.catalogue
    return catalogue.former if version == catalogue.former.version else catalogue.pinned


@pytest.mark.parametrize("version", VERSIONS)
def test_cells_are_unique_and_valid_in_the_release(
    version: str, mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each technique must occur once per tactic, and belong to that tactic in the release."""
    layer = _layer(capsys, "--attack-version", version)
    release = _release(mapping, version)
    tactics = {shortname(tactic.name): tactic.id for tactic in release.tactics.values()}
    cells = [(item["techniqueID"], tactics[item["tactic"]]) for item in layer["techniques"]]
    assert len(cells) == len(set(cells))
    assert [cell for cell in cells if cell[1] not in release.techniques[cell[0]].tactics] == []
    assert layer["versions"] == {"attack": version[:2], "navigator": "5.1.0", "layer": "4.5"}
    assert layer["domain"] == "enterprise-attack"


def test_tactics_have_the_navigators_short_names() -> None:
    """The short name of a tactic must be its name in lower case with hyphens."""
    names = ["Stealth", "Defense Impairment", "Command and Control"]
    assert [shortname(name) for name in names] == ["stealth", "defense-impairment", "command-and-control"]


def test_every_pair_of_the_mapping_is_a_cell_with_its_types(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """The score of a cell must count the finding types mapped to it, and the comment list them."""
    layer = _layer(capsys)
    tactics = {shortname(tactic.name): tactic.id for tactic in mapping.catalogue.pinned.tactics.values()}
    expected: dict[tuple[str, str], set[str]] = {}
    for key, item in mapping.records.items():
        name = f"{key} (retired)" if item.is_retired else key
        for pair in item.pairs:
            if pair.technique:
                expected.setdefault((pair.technique, pair.tactic), set()).add(name)
    cells = {(cell["techniqueID"], tactics[cell["tactic"]]): cell for cell in layer["techniques"]}
    shown = {
        key: {line for line in cell["comment"].split("\n") if not line.startswith("evidence: ")}
        for key, cell in cells.items()
        if cell.get("score")
    }
    assert shown == expected
    assert {key: cells[key]["score"] for key in expected} == {
        key: len(types) for key, types in expected.items()
    }


def test_every_pair_of_the_evidence_rules_is_a_cell(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every pair that evidence rules give must be a cell whose comment lists the rules."""
    import tomllib

    layer = _layer(capsys)
    shortnames = {tactic.id: shortname(tactic.name) for tactic in mapping.catalogue.pinned.tactics.values()}
    pairs = {
        (entry["technique"], shortnames[entry["tactic"]])
        for path in (ROOT / "evidence").glob("*.toml")
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
        for entry in rule["attack"]
        if "technique" in entry
    }
    named = {
        (cell["techniqueID"], cell["tactic"])
        for cell in layer["techniques"]
        if "evidence: " in cell.get("comment", "")
    }
    assert len(pairs) > 0
    assert named == pairs


@pytest.mark.parametrize("version", VERSIONS)
def test_parents_of_sub_techniques_are_expanded(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The parent of each sub-technique must have showSubtechniques, or the sub-technique is hidden."""
    layer = _layer(capsys, "--attack-version", version)
    cells = {(item["techniqueID"], item["tactic"]): item for item in layer["techniques"]}
    parents = {(key[0].partition(".")[0], key[1]) for key in cells if "." in key[0]}
    assert {key for key, item in cells.items() if item.get("showSubtechniques")} == parents


def test_observed_findings_are_counted_once_with_their_types(capsys: pytest.CaptureFixture[str]) -> None:
    """With --observed the score must count the saved findings with the technique, each finding once."""
    scan = str(examples.EVENTS / "ec2-portscan.json")
    layer = _layer(capsys, "--observed", scan, scan)
    scored = [
        (cell["techniqueID"], cell["score"], cell["comment"])
        for cell in layer["techniques"]
        if "score" in cell
    ]
    assert ("T1046", 1, "Recon:EC2/Portscan") in scored
    assert {score for _, score, _ in scored} == {1}
    assert layer["gradient"]["maxValue"] == MIN_MAX_VALUE


def test_several_findings_of_one_type_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Different findings of one type must add up, and the comment give their number."""
    findings = [
        examples.event("ec2-portscan", arn=f"arn:aws:guardduty:::finding/{number}") for number in range(12)
    ]
    saved = tmp_path / "findings.json"
    saved.write_text(json.dumps(findings), encoding="utf-8")
    layer = _layer(capsys, "--observed", str(saved))
    cell = next(cell for cell in layer["techniques"] if cell["techniqueID"] == "T1046")
    assert (cell["score"], cell["comment"]) == (12, "Recon:EC2/Portscan (12)")
    assert layer["gradient"]["maxValue"] == 12


def test_sample_findings_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A sample finding must not count as an observed finding."""
    layer = _layer(capsys, "--observed", str(examples.EVENTS / "awkward-sample-finding.json"))
    assert layer["techniques"] == []


def test_input_that_is_not_a_finding_is_rejected_and_returns_1(capsys: pytest.CaptureFixture[str]) -> None:
    """An input that is not a finding must be rejected and reported, and the layer of the others written."""
    files = [str(examples.EVENTS / f"{name}.json") for name in (examples.NOT_A_FINDING, "ec2-portscan")]
    assert main(["layer", "--observed", *files]) == 1
    captured = capsys.readouterr()
    assert f"enricher: rejected: {files[0]}" in captured.err
    assert "T1046" in {cell["techniqueID"] for cell in json.loads(captured.out)["techniques"]}


def test_overrides_are_included_in_the_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding type of an override must be listed in its cell."""
    own = tmp_path / "own.toml"
    pair = '[{ tactic = "TA0040", technique = "T1489" }]'
    own.write_text(record("Impact:EC2/OurOwnType", attack=pair), encoding="utf-8")
    layer = _layer(capsys, "--overrides", str(own))
    cell = next(cell for cell in layer["techniques"] if cell["techniqueID"] == "T1489")
    assert "Impact:EC2/OurOwnType" in cell["comment"].split("\n")
