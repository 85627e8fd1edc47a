"""Test the `layer` command; .ci/check_layer.py also loads its output in MITRE's own library."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from enricher.attack.catalog import Release
from enricher.authoring.loader import ROOT
from enricher.cli import main
from enricher.mapping.model import AttackMapping
from enricher.pages.navigator import COLORS, MIN_MAX_VALUE, RULE_COLOR, color_of, shortname
from tests import examples
from tests.pages import hostile
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


def _keyed(layer: dict[str, Any], release: Release) -> dict[tuple[str, str], dict[str, Any]]:
    tactics = {shortname(tactic.name): tactic.id for tactic in release.tactics.values()}
    return {(item["techniqueID"], tactics[item["tactic"]]): item for item in layer["techniques"]}


def _pairs(mapping: AttackMapping, *, retired: bool) -> dict[tuple[str, str], list[str]]:
    pairs: dict[tuple[str, str], list[str]] = {}
    for key, item in mapping.records.items():
        for pair in item.pairs:
            if pair.technique and item.is_retired == retired:
                pairs.setdefault((pair.technique, pair.tactic), []).append(key)
    return pairs


def _rule_pairs() -> set[tuple[str, str]]:
    return {
        (entry["technique"], entry["tactic"])
        for path in (ROOT / "evidence").glob("*.toml")
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
        for entry in rule["attack"]
        if "technique" in entry
    }


def test_score_counts_the_active_types_of_a_pair(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """The score of a cell must count the active finding types mapped to it, and the comment list them."""
    cells = _keyed(_layer(capsys), mapping.catalogue.pinned)
    scored = {key: cell for key, cell in cells.items() if "score" in cell}
    expected = _pairs(mapping, retired=False)
    assert {key: sorted(types) for key, types in expected.items()} == {
        key: cell["comment"].split("\n") for key, cell in scored.items()
    }
    assert {key: len(types) for key, types in expected.items()} == {
        key: cell["score"] for key, cell in scored.items()
    }


def test_pair_of_evidence_rules_alone_looks_different(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pair that only a rule gives must have no score and a color that the legend explains."""
    layer = _layer(capsys)
    cells = _keyed(layer, mapping.catalogue.pinned)
    expected = _rule_pairs() - _pairs(mapping, retired=False).keys()
    assert expected == {key for key, cell in cells.items() if cell.get("color") == RULE_COLOR}
    assert not [key for key in expected if "score" in cells[key] or not cells[key]["comment"]]
    assert {"label": "rule only", "color": RULE_COLOR} in layer["legendItems"]
    named = len(_pairs(mapping, retired=False))
    assert layer["description"].startswith(f"{named} of {named + len(expected)} ")
    assert f"{len(expected)} only by an evidence rule" in layer["description"]


def test_metadata_give_the_rationale_and_confidence_of_types_and_rules(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each type and rule of a cell must be a metadata row, with its confidence and rationale, no more."""
    layer = _layer(capsys)
    rows = [row for item in layer["techniques"] for row in item.get("metadata", [])]
    record = mapping.records["Recon:EC2/Portscan"]
    assert {
        "name": record.type,
        "value": f"{record.confidence} confidence: {record.rationale}",
    } in rows
    assert {row["name"].removeprefix("rule ") for row in rows if row["name"].startswith("rule ")} == {
        rule[0] for rule in mapping.evidence["rules"] if any(reading[1] for reading in rule[2])
    }
    assert {frozenset(row) for row in rows} == {frozenset({"name", "value"})}


def test_retired_types_are_left_out_unless_asked_for(
    mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """A retired type must appear only with --retired, and its comment say so before its name."""
    retired = {name for types in _pairs(mapping, retired=True).values() for name in types}
    current = _layer(capsys)
    rows = {row["name"] for item in current["techniques"] for row in item.get("metadata", [])}
    assert not retired & rows
    layer = _layer(capsys, "--retired")
    lines = [line for item in layer["techniques"] for line in item.get("comment", "").split("\n")]
    assert retired == {line.removeprefix("retired: ") for line in lines if line.startswith("retired: ")}


@pytest.mark.parametrize("version", VERSIONS)
def test_uncovered_techniques_are_disabled_and_hidden(
    version: str, mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every technique of the release must be listed, and be enabled if it or a sub-technique is covered."""
    layer = _layer(capsys, "--attack-version", version)
    release = _release(mapping, version)
    cells = _keyed(layer, release)
    assert cells.keys() == {
        (key, tactic) for key, item in release.techniques.items() for tactic in item.tactics
    }
    shown = {key for key, item in cells.items() if "comment" in item}
    parents = {(key[0].partition(".")[0], key[1]) for key in shown}
    assert shown | parents == {key for key, item in cells.items() if item.get("enabled", True)}
    assert layer["hideDisabled"] is True
    assert layer["layout"]["layout"] == "flat"


@pytest.mark.parametrize("options", [[], ["--retired"], ["--observed"], ["--observed", "--heat", "accounts"]])
def test_legend_states_the_colors_of_the_cells(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A legend label must have at most ten characters, and the color that its score has in the layer."""
    files = (
        [str(path) for path in sorted(examples.EVENTS.glob("ec2-*.json"))] if "--observed" in options else []
    )
    heat = ["--heat", "accounts"] if "accounts" in options else []
    layer = _layer(capsys, *(["--observed", *files, *heat] if files else options))
    assert not [item for item in layer["legendItems"] if len(item["label"]) > 10]
    top = max(item.get("score", 0) for item in layer["techniques"])
    scores = {1, top}
    maximum = layer["gradient"]["maxValue"]
    assert maximum == max(MIN_MAX_VALUE, top)
    assert {color_of(score, maximum) for score in scores} <= {item["color"] for item in layer["legendItems"]}


def test_color_of_a_score_is_on_the_gradient() -> None:
    """The lowest, middle and highest score must have the gradient's colors."""
    assert [color_of(score, 10) for score in (0, 5, 10)] == list(COLORS)


@pytest.mark.parametrize("version", VERSIONS)
def test_parents_of_sub_techniques_are_expanded(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The parent of each sub-technique must have showSubtechniques, or the sub-technique is hidden."""
    layer = _layer(capsys, "--attack-version", version)
    cells = {(item["techniqueID"], item["tactic"]): item for item in layer["techniques"]}
    shown = {key for key, item in cells.items() if "comment" in item}
    parents = {(key[0].partition(".")[0], key[1]) for key in shown if "." in key[0]}
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
    assert ("T1046", 1, "1x Recon:EC2/Portscan") in scored
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
    assert (cell["score"], cell["comment"]) == (12, "12x Recon:EC2/Portscan")
    assert layer["gradient"]["maxValue"] == 12


def test_sample_findings_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A sample finding must not count, and a layer without cells must say why."""
    sample = str(examples.EVENTS / "awkward-sample-finding.json")
    layer = _layer(capsys, "--observed", sample)
    assert [item for item in layer["techniques"] if "score" in item] == []
    assert layer["description"].startswith("Nothing is colored: every finding is a sample.")
    assert "1 samples left out" in layer["description"]
    counted = _layer(capsys, "--observed", sample, "--samples")
    assert [item for item in counted["techniques"] if "score" in item]


def test_period_limits_the_findings_by_their_last_day(capsys: pytest.CaptureFixture[str]) -> None:
    """A finding last seen outside the period must not count, and the description say how many there are."""
    scan = str(examples.EVENTS / "ec2-portscan.json")
    layer = _layer(capsys, "--observed", scan, "--until", "2001-01-01")
    assert "every finding is outside the period" in layer["description"]
    assert "1 outside the period (2001-01-01)" in layer["description"]


@pytest.mark.parametrize(
    "options", [["--since", "2026-02-30"], ["--since", "2026-02-02", "--until", "2026-02-01"]]
)
def test_invalid_period_is_a_usage_error(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A day that does not exist, and a period that ends before it begins, must exit with 2."""
    with pytest.raises(SystemExit) as exit_:
        main(["layer", *options])
    assert exit_.value.code == 2


def test_input_that_is_not_a_finding_is_rejected_and_returns_1(capsys: pytest.CaptureFixture[str]) -> None:
    """An input that is not a finding must be rejected and reported, and the layer of the others written."""
    files = [str(examples.EVENTS / f"{name}.json") for name in (examples.NOT_A_FINDING, "ec2-portscan")]
    assert main(["layer", "--observed", *files]) == 1
    captured = capsys.readouterr()
    assert f"enricher: rejected: {files[0]}" in captured.err
    assert "T1046" in {
        cell["techniqueID"] for cell in json.loads(captured.out)["techniques"] if "score" in cell
    }


def test_overrides_are_included_in_the_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding type of an override must be listed in its cell."""
    own = tmp_path / "own.toml"
    pair = '[{ tactic = "TA0040", technique = "T1489" }]'
    own.write_text(record("Impact:EC2/OurOwnType", attack=pair), encoding="utf-8")
    layer = _layer(capsys, "--overrides", str(own))
    cell = next(cell for cell in layer["techniques"] if cell["techniqueID"] == "T1489")
    assert "Impact:EC2/OurOwnType" in cell["comment"].split("\n")


def test_text_of_attackers_begins_no_formula_and_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Navigator exports a layer to Excel: no text of a finding may begin a cell or break a line."""
    saved = tmp_path / "findings.json"
    saved.write_text(json.dumps(hostile.findings()), encoding="utf-8")
    layer = _layer(capsys, "--observed", str(saved))
    texts = [item[key] for item in layer["techniques"] for key in ("comment",) if key in item]
    texts += [
        value for item in layer["techniques"] for row in item.get("metadata", []) for value in row.values()
    ]
    lines = [line for text in texts for line in text.split("\n")]
    assert any("script" in line for line in lines)
    assert not [line for line in lines if line[:1] in "=+-@\t\r" or not line.isprintable()]
