"""The `explain` command."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from enricher.cli import main
from enricher.mapping.model import Mapping
from tests.tiny_mapping import record

DATA = Path(__file__).parent.parent / "data"


def _choices() -> dict[str, dict[str, str]]:
    with (DATA / "mapping-2020.csv").open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return {row["finding_type"]: row for row in rows}


CHOICES = _choices()


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["explain", "--json", *arguments]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("finding_type", CHOICES)
def test_choice_of_2020_comes_first(finding_type: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For each of the 71 types the first technique must be the choice of 2020, or a sub-technique of it."""
    answer = _json(capsys, finding_type)
    first = answer["attack"]["techniques"][0]
    assert (answer["type"], answer["known"]) == (finding_type, True)
    assert first["tactic"]["id"] == CHOICES[finding_type]["tactic"]
    assert CHOICES[finding_type]["technique"] in (first["id"], (first["parent"] or {}).get("id"))


def test_readable_form_says_what_why_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    """For a person it must say tactic, technique, confidence, reason, record and release."""
    assert main(["explain", "Recon:EC2/Portscan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Recon:EC2/Portscan"
    assert "  Discovery (TA0007) · Network Service Discovery (T1046)" in lines
    assert any(
        line.startswith("    high confidence, from finding-type, https://attack.mitre.org/") for line in lines
    )
    assert [line[:11].strip() for line in lines if line.startswith("  why ")] == ["why"]
    assert any(line.startswith("  record   mapping/ec2.toml, lineage 2020, reviewed 20") for line in lines)
    assert lines[-1].startswith("  release  mapping 20")


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("Recon:EC2/Portscn", "Recon:EC2/Portscan"),
        ("recon:ec2/port-scan", "Recon:EC2/Portscan"),
        ("TorClient", "UnauthorizedAccess:EC2/TorClient"),
        ("CryptoCurrency:EC2/BitcoinTool", "CryptoCurrency:EC2/BitcoinTool.B"),
    ],
)
def test_near_misses_are_suggested(mistyped: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped type must give 1 and a question that names the type that was meant."""
    assert main(["explain", mistyped]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"enricher: {mistyped} is not known; did you mean ")
    assert meant in error


def test_near_misses_are_suggested_beside_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the answer must say that the type is not known, and the question go to stderr."""
    assert main(["explain", "--json", "Recon:EC2/Portscn"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["known"] is False
    assert "did you mean Recon:EC2/Portscan" in captured.err


def test_what_is_like_nothing_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is like no type must not be answered with a guess."""
    assert main(["explain", "Zzz:Qqq/Xxx"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "enricher: Zzz:Qqq/Xxx is not known\n"
    assert captured.out.splitlines()[1:3] == [
        "  no record: read from its name; its findings are forwarded all the same",
        "  no technique",
    ]


def test_alias_is_explained(mapping: Mapping, capsys: pytest.CaptureFixture[str]) -> None:
    """Another spelling of a type must say whose record answers."""
    alias, finding_type = next(iter(mapping.aliases.items()))
    assert main(["explain", alias]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [alias, f"  another spelling, by AWS, of {finding_type}, whose record answers"]


def test_other_case_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """A type in another case must be explained, and say how it was read."""
    assert main(["explain", "recon:ec2/portscan"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  read as Recon:EC2/Portscan"


def test_retired_types_are_explained(mapping: Mapping, capsys: pytest.CaptureFixture[str]) -> None:
    """Every retired type must say that it is, when and what GuardDuty now sends, as far as it is known."""
    for key, item in mapping.records.items():
        if not item.is_retired:
            continue
        assert main(["explain", key]) == 0
        day = f" on {item.retired}" if item.retired else ""
        successor = f"; GuardDuty now sends {item.successor}" if item.successor else ""
        line = f"  retired by AWS{day}, kept for archives and old rules{successor}"
        assert capsys.readouterr().out.splitlines()[1] == line


def test_override_is_explained_as_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An overridden type must be explained by the override, and the record line say so."""
    own = tmp_path / "own.toml"
    own.write_text(
        record("Recon:EC2/Portscan", confidence='"low"', lineage="", reviewed=""), encoding="utf-8"
    )
    assert main(["explain", "Recon:EC2/Portscan", "--overrides", str(own)]) == 0
    out = capsys.readouterr().out
    assert "    low confidence, from finding-type" in out
    assert "  record   your override, own.toml\n" in out


def test_refused_override_is_named_and_the_bundled_record_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid override must be named on stderr and give 1, and the answer be the bundled record's."""
    own = tmp_path / "own.toml"
    own.write_text(record("Recon:EC2/Portscan", confidence='"maybe"'), encoding="utf-8")
    answer = _json(capsys, "Recon:EC2/Portscan")
    assert main(["explain", "--json", "Recon:EC2/Portscan", "--overrides", str(own)]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == answer
    assert captured.err.startswith(
        "enricher: override refused: own.toml: Recon:EC2/Portscan: confidence is 'maybe'"
    )


def test_former_release_is_explained_in_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    """In 18.1 an explanation must name 18.1's ids and pages, and what they are since."""
    answer = _json(capsys, "Stealth:IAMUser/CloudTrailLoggingDisabled", "--attack-version", "18.1")
    first = answer["attack"]["techniques"][0]
    assert answer["attack"]["version"] == "18.1"
    assert first["tactic"] == {"id": "TA0005", "name": "Defense Evasion"}
    assert first["id"].startswith("T1562")
    assert first["url"].startswith("https://attack.mitre.org/versions/v18/techniques/T1562/")
    assert first["since"]["id"].startswith("T1685")
    assert "T1685" not in first["rationale"]


def test_former_release_is_spoken_in_the_evidence_too(capsys: pytest.CaptureFixture[str]) -> None:
    """In 18.1 the readable form must not name what only 19.2 knows, but for the lines that say so."""
    assert main(["explain", "Stealth:IAMUser/CloudTrailLoggingDisabled", "--attack-version", "18.1"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "since in 19.2" not in line]
    assert [line for line in lines if "T1685" in line or "Defense Impairment" in line] == []
    assert "    Defense Evasion · Disable or Modify Tools (T1562.001), up to high confidence, if" in lines


def test_no_refinement_is_promised_where_none_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """A type that the mapping leaves without a technique must not be said to show one."""
    assert main(["explain", "Impact:IAMUser/PromptInjection.Direct"]) == 0
    assert "can show more" not in capsys.readouterr().out


def test_an_explanation_fits_a_screen_or_two(mapping: Mapping, capsys: pytest.CaptureFixture[str]) -> None:
    """However many rules may refine a type, few techniques must be told at length, the others by name."""
    counts = {}
    for key in mapping.records:
        main(["explain", key])
        counts[key] = len(capsys.readouterr().out.splitlines())
    assert {key: count for key, count in counts.items() if count > 80} == {}
