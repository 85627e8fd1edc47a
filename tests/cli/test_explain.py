"""Test the `explain` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.cli import main
from enricher.mapping.model import AttackMapping
from tests.tiny_mapping import record


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["explain", "--json", *arguments]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_json_output_has_the_primary_technique(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON must have the type, whether it is known, and `attack` as in an enriched event."""
    result = _json(capsys, "Discovery:S3/TorIPCaller")
    first = result["attack"]["techniques"][0]
    assert (result["type"], result["known"]) == ("Discovery:S3/TorIPCaller", True)
    assert ("TA0007", "T1580") == (first["tactic"]["id"], first["id"])


def test_text_output_shows_tags_rationale_and_record(capsys: pytest.CaptureFixture[str]) -> None:
    """The text must show tactic, technique, confidence, rationale, record and releases."""
    assert main(["explain", "Recon:EC2/Portscan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Recon:EC2/Portscan"
    assert "  Discovery (TA0007) · Network Service Discovery (T1046)" in lines
    assert any(
        line.startswith("    high confidence, from finding-type, https://attack.mitre.org/") for line in lines
    )
    assert [line[:11].strip() for line in lines if line.startswith("  why ")] == ["why"]
    assert any(line.startswith("  record   mapping/ec2.toml, provenance 2020, reviewed 20") for line in lines)
    assert lines[-1].startswith("  release  mapping 20")


def test_text_output_shows_what_an_alert_says(
    capsys: pytest.CaptureFixture[str], mapping: AttackMapping
) -> None:
    """The text must show check and benign cause, by direction and rule, and what is shown."""
    for finding_type in ("UnauthorizedAccess:EC2/SSHBruteForce", "Persistence:IAM/AccountManipulation"):
        record = mapping.records[finding_type]
        response = mapping.responses[record.response]
        assert main(["explain", finding_type]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert f"check {response.check} benign if {record.benign or response.benign}" in text
        assert (f"target: {response.target} Benign if {response.benign_target}" in text) is bool(
            response.target
        )
        for rule in record.rules:
            check = mapping.responses[rule.response].check
            assert f"rule {rule.name}: {check} Benign if {rule.benign}" in text
    assert main(["explain", "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated"]) == 0
    shown = "shows Role binding (service.action.kubernetesRoleBindingDetails)"
    assert shown in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("mistyped", "expected"),
    [
        ("Recon:EC2/Portscn", "Recon:EC2/Portscan"),
        ("recon:ec2/port-scan", "Recon:EC2/Portscan"),
        ("TorClient", "UnauthorizedAccess:EC2/TorClient"),
        ("CryptoCurrency:EC2/BitcoinTool", "CryptoCurrency:EC2/BitcoinTool.B"),
    ],
)
def test_similar_types_are_suggested(
    mistyped: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a mistyped type the exit code must be 1 and the intended type be suggested."""
    assert main(["explain", mistyped]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"enricher: {mistyped} is not a known finding type; did you mean ")
    assert expected in error


def test_similar_types_are_suggested_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the result must say that the type is not known, and the suggestion go to stderr."""
    assert main(["explain", "--json", "Recon:EC2/Portscn"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["known"] is False
    assert "did you mean Recon:EC2/Portscan" in captured.err


def test_dissimilar_type_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """A type that is similar to no known one must get no suggestion."""
    assert main(["explain", "Zzz:Qqq/Xxx"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "enricher: Zzz:Qqq/Xxx is not a known finding type\n"
    assert captured.out.splitlines()[1:3] == [
        "  no record: classified from the name of the type; its findings are still forwarded",
        "  no technique",
    ]


def test_alias_is_explained(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """An alias must be explained as such, with the type it stands for."""
    alias, finding_type = next(iter(mapping.aliases.items()))
    assert main(["explain", alias]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [alias, f"  alias of {finding_type}"]


def test_type_is_matched_ignoring_case(capsys: pytest.CaptureFixture[str]) -> None:
    """A type in another case must be explained, with the type it was matched to."""
    assert main(["explain", "recon:ec2/portscan"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  matched as Recon:EC2/Portscan"


def test_retired_types_are_explained(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """Every retired type must be shown as retired, with the date and the successor where they are known."""
    for key, item in mapping.records.items():
        if not item.is_retired:
            continue
        assert main(["explain", key]) == 0
        day = f" on {item.retired}" if item.retired else ""
        successor = f"; GuardDuty now sends {item.successor}" if item.successor else ""
        line = f"  retired by AWS{day}, kept for archived findings and existing rules{successor}"
        assert capsys.readouterr().out.splitlines()[1] == line


def test_override_is_explained_as_an_override(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An overridden type must be explained from the override, and the record line say so."""
    own = tmp_path / "own.toml"
    own.write_text(
        record("Recon:EC2/Portscan", confidence='"low"', provenance="", reviewed=""), encoding="utf-8"
    )
    assert main(["explain", "Recon:EC2/Portscan", "--overrides", str(own)]) == 0
    out = capsys.readouterr().out
    assert "    low confidence, from finding-type" in out
    assert "  record   your override, own.toml\n" in out


def test_invalid_override_is_reported_and_the_bundled_record_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid override must be reported with exit code 1, and the bundled record be used."""
    own = tmp_path / "own.toml"
    own.write_text(record("Recon:EC2/Portscan", confidence='"maybe"'), encoding="utf-8")
    result = _json(capsys, "Recon:EC2/Portscan")
    assert main(["explain", "--json", "Recon:EC2/Portscan", "--overrides", str(own)]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == result
    assert captured.err.startswith(
        f"enricher: invalid override: {own}:9: Recon:EC2/Portscan: "
        "invalid value for `confidence`: expected high, medium, low, got 'maybe'"
    )


def test_former_release_uses_its_own_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """For 18.1 the explanation must give 18.1's ids and URLs, and in `currently` the ids of 19.2."""
    result = _json(capsys, "Stealth:IAMUser/CloudTrailLoggingDisabled", "--attack-version", "18.1")
    first = result["attack"]["techniques"][0]
    assert result["attack"]["version"] == "18.1"
    assert first["tactic"] == {"id": "TA0005", "name": "Defense Evasion"}
    assert first["id"].startswith("T1562")
    assert first["url"].startswith("https://attack.mitre.org/versions/v18/techniques/T1562/")
    assert first["currently"]["id"].startswith("T1685")
    assert "T1685" not in first["rationale"]


def test_former_release_is_used_for_evidence_too(capsys: pytest.CaptureFixture[str]) -> None:
    """For 18.1 the text must not contain names that exist only in 19.2, except in the `currently` lines."""
    assert main(["explain", "Stealth:IAMUser/CloudTrailLoggingDisabled", "--attack-version", "18.1"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "currently in 19.2" not in line]
    assert [line for line in lines if "T1685" in line or "Defense Impairment" in line] == []
    assert "    Defense Evasion · Disable or Modify Tools (T1562.001), up to high confidence, if" in lines


def test_type_without_a_technique_shows_no_refinement(capsys: pytest.CaptureFixture[str]) -> None:
    """For a type that is deliberately unmapped no refinement by evidence must be shown."""
    assert main(["explain", "Impact:IAMUser/PromptInjection.Direct"]) == 0
    assert "evidence can refine" not in capsys.readouterr().out


def test_explanation_is_at_most_80_lines(mapping: AttackMapping, capsys: pytest.CaptureFixture[str]) -> None:
    """However many rules can refine a type, only a few techniques must be shown with their rules."""
    counts = {}
    for key in mapping.records:
        main(["explain", key])
        counts[key] = len(capsys.readouterr().out.splitlines())
    assert {key: count for key, count in counts.items() if count > 80} == {}
