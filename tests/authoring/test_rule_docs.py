"""Test how evidence rules are put into words, for explain, --why and docs/evidence.md."""

from __future__ import annotations

import json

import pytest

from enricher.authoring.rule_docs import grounds_of, refinements, rules_of, scope_of
from enricher.cli import main
from enricher.cli.enrich import why_lines
from enricher.cli.evidence import PAGE, evidence_page
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping
from tests import examples

EVENT = str(examples.EVENTS / "iam-anomalous-impact-denied.json")


def words(rule_id: str, mapping: Mapping, most: int = 1000) -> str:
    """Put one rule into words."""
    return next(grounds_of(rule, mapping, most=most) for rule in rules_of(mapping) if rule.id == rule_id)


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
def test_conditions_in_words(rule_id: str, text: str, mapping: Mapping) -> None:
    """Conditions must read as a sentence with the path as it stands in a finding."""
    assert text == words(rule_id, mapping)


def test_long_lists_are_cut(mapping: Mapping) -> None:
    """A long list of values must be cut, with the number of what is left out."""
    assert words("shell-run", mapping, 2).endswith("is bash or sh and 9 more")


def test_limits_in_words(mapping: Mapping) -> None:
    """A rule's limits must name what they limit."""
    rule = next(rule for rule in rules_of(mapping) if rule.id == "flood-direct")
    assert "family DenialOfService" == scope_of(rule)


@pytest.mark.parametrize(
    ("finding_type", "technique"),
    [
        ("Persistence:IAMUser/AnomalousBehavior", "T1098.001"),
        ("UnauthorizedAccess:EC2/SSHBruteForce", "T1110.001"),
        ("Execution:Runtime/ReverseShell", "T1059.006"),
        ("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated", "T1098.006"),
        ("Execution:EC2/MaliciousFile", "T1496.001"),
    ],
)
def test_explain_shows_what_can_refine(
    finding_type: str, technique: str, mapping: Mapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """`explain` must show the techniques that a finding of the type can show itself."""
    found = refinements(finding_type, mapping.record_for(finding_type), mapping)
    assert technique in [reading[1] for reading, _ in found]
    assert 0 == main(["explain", finding_type])
    assert f"({technique}), up to" in capsys.readouterr().out


def test_explain_as_json_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON form must have exactly the fixed keys."""
    main(["explain", "Persistence:IAMUser/AnomalousBehavior", "--json"])
    assert ["type", "known", "attack"] == list(json.loads(capsys.readouterr().out))


def test_why_tells_how_each_entry_came_about(mapping: Mapping) -> None:
    """Each entry must be told with its source, its fields and its reason."""
    enriched = enrich(Finding.from_event(examples.event("iam-anomalous-impact-denied")), mapping)
    text = "\n".join(why_lines(enriched))
    assert text.count(" from ") >= len(enriched.entries)
    assert "    service.action.awsApiCallAction.errorCode = AccessDenied" in text
    assert "so this is an attempt" in " ".join(text.split())


def test_why_leaves_the_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With --why the standard output must stay one JSON object a line; the reasons go to stderr."""
    assert 0 == main(["enrich", EVENT])
    plain = capsys.readouterr()
    assert 0 == main(["enrich", "--why", EVENT])
    told = capsys.readouterr()
    assert plain.out == told.out
    assert "" == plain.err
    assert "from evidence" in told.err


def test_why_is_safe_for_a_terminal(mapping: Mapping) -> None:
    """Control characters of a finding must not reach the terminal."""
    event = examples.event("iam-anomalous-persistence-create-access-key", id="a\x1b[2Jb\nc")
    event["detail"]["service"]["action"]["awsApiCallAction"]["errorCode"] = "x\x1b]0;\x07"
    lines = why_lines(enrich(Finding.from_event(event), mapping))
    assert all(line.isprintable() for line in lines)


def test_page_is_current(mapping: Mapping) -> None:
    """docs/evidence.md must be what the rules say."""
    assert evidence_page(mapping) == PAGE.read_text(encoding="utf-8")


def test_page_lists_every_rule(mapping: Mapping) -> None:
    """Each rule must have a row of its own."""
    page = evidence_page(mapping)
    assert [] == [rule.id for rule in rules_of(mapping) if page.count(f"\n| `{rule.id}` |") != 1]
