"""Tests of the description of evidence rules in explain, --why and docs/evidence.md."""

from __future__ import annotations

import json

import pytest

from enricher.authoring.rule_docs import Conditions, refinements, rules_of, scope_of
from enricher.cli import main
from enricher.cli.evidence import PAGE, evidence_page
from enricher.cli.tagging import why_lines
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples

EVENT = str(examples.EVENTS / "iam-anomalous-impact-denied.json")


def conditions_text(rule_id: str, mapping: AttackMapping, most: int = 1000) -> str:
    """Return the conditions of one rule as text."""
    conditions = Conditions(mapping, most=most)
    return next(conditions.of(rule) for rule in rules_of(mapping) if rule.id == rule_id)


@pytest.mark.parametrize(
    ("rule_id", "text"),
    [
        ("password-guessing-inbound", "service.resourceRole is TARGET"),
        ("release-agent", "service.runtimeDetails.context.releaseAgentPath is there"),
        (
            "memory-file",
            "service.runtimeDetails.context.memoryRegions[] begins with memfd: or /memfd:",
        ),
        (
            "database-login-failed",
            "service.action.rdsLoginAttemptAction.LoginAttributes[].failedLoginAttempts or "
            "service.action.rdsLoginAttemptAction.loginAttributes[].failedLoginAttempts is above 0",
        ),
    ],
)
def test_conditions_are_described(rule_id: str, text: str, mapping: AttackMapping) -> None:
    """Conditions must read as a sentence with the path as in a finding."""
    assert text == conditions_text(rule_id, mapping)


def test_long_lists_are_cut(mapping: AttackMapping) -> None:
    """A long list of values must be cut, with the number of omitted values."""
    assert conditions_text("shell-run", mapping, 2).endswith("is bash or sh and 9 more")


def test_limits_are_described(mapping: AttackMapping) -> None:
    """The limits of a rule must be named with their kind."""
    rule = next(rule for rule in rules_of(mapping) if rule.id == "flood-amplified")
    assert "family DenialOfService" == scope_of(rule)


@pytest.mark.parametrize(
    ("finding_type", "technique"),
    [
        ("Persistence:IAMUser/AnomalousBehavior", "T1098.001"),
        ("UnauthorizedAccess:EC2/SSHBruteForce", "T1021.004"),
        ("Execution:Runtime/ReverseShell", "T1059.006"),
        ("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated", "T1098.006"),
        ("Execution:EC2/MaliciousFile", "T1496.001"),
    ],
)
def test_explain_lists_the_refinements_of_a_type(
    finding_type: str, technique: str, mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """`explain` must list the techniques to which evidence can refine the finding type."""
    found = refinements(finding_type, mapping.record_for(finding_type), mapping)
    assert technique in [reading[1] for reading, _ in found]
    assert 0 == main(["explain", finding_type])
    assert f"({technique}), up to" in capsys.readouterr().out


def test_explain_json_has_the_fixed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON output must have exactly the fixed keys."""
    main(["explain", "Persistence:IAMUser/AnomalousBehavior", "--json"])
    assert ["type", "known", "attack"] == list(json.loads(capsys.readouterr().out))


def test_why_gives_source_fields_and_reason_of_each_entry(mapping: AttackMapping) -> None:
    """Each entry must be listed with its source, fields and reason."""
    enriched = enrich(Finding.from_event(examples.event("iam-anomalous-impact-denied")), mapping)
    text = "\n".join(why_lines(enriched))
    assert text.count(" from ") >= len(enriched.entries)
    assert "    service.action.awsApiCallAction.errorCode = AccessDenied" in text
    assert "The call was denied and nothing changed." in " ".join(text.split())


def test_why_writes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    """With --why the standard output must stay one JSON object a line; the reasons go to stderr."""
    assert 0 == main(["enrich", EVENT])
    plain = capsys.readouterr()
    assert 0 == main(["enrich", "--why", EVENT])
    explained = capsys.readouterr()
    assert plain.out == explained.out
    assert "" == plain.err
    assert "from evidence" in explained.err


def test_why_is_safe_for_a_terminal(mapping: AttackMapping) -> None:
    """Control characters in a finding must not reach the terminal."""
    event = examples.event("iam-anomalous-persistence-create-access-key", id="a\x1b[2Jb\nc")
    event["detail"]["service"]["action"]["awsApiCallAction"]["errorCode"] = "x\x1b]0;\x07"
    lines = why_lines(enrich(Finding.from_event(event), mapping))
    assert all(line.isprintable() for line in lines)


def test_page_is_current(mapping: AttackMapping) -> None:
    """docs/evidence.md must be the page generated from the rules."""
    assert evidence_page(mapping) == PAGE.read_text(encoding="utf-8")


def test_page_lists_every_rule(mapping: AttackMapping) -> None:
    """Each rule must have a row of its own."""
    page = evidence_page(mapping)
    assert [] == [rule.id for rule in rules_of(mapping) if page.count(f"\n| `{rule.id}` |") != 1]
