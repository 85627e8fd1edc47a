"""Tests that a valid evidence rule is compiled and an invalid one reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.rule_compiler import read_evidence
from enricher.mapping.model import AttackMapping
from enricher.mapping.problems import Problem

FIELDS = """
[[rule]]
id = "a-rule"
when = [{ field = "service.resourceRole", in = ["TARGET"] }]
rationale = "because"
attack = [{ tactic = "TA0006", technique = "T1110.001", confidence = "high" }]
"""
CALLS = """
[[rule]]
id = "a-call"
services = ["iam.amazonaws.com"]
calls = ["CreateAccessKey"]
rationale = "because"
attack = [{ tactic = "TA0003", technique = "T1098.001", confidence = "high" }]
"""
COMMAND = '{ field = "service.runtimeDetails.context.commandLineExample", words = ["nmap"] }'


def read(text: str, folder: Path, mapping: AttackMapping) -> tuple[dict[str, Any], list[Problem]]:
    """Compile one file of rules."""
    (folder / "x.toml").write_text(text, encoding="utf-8")
    problems: list[Problem] = []
    return read_evidence(folder, mapping.catalogue, problems), problems


@pytest.mark.parametrize("text", [FIELDS, CALLS, FIELDS + CALLS], ids=["fields", "calls", "both"])
def test_valid_rules_are_compiled(text: str, tmp_path: Path, mapping: AttackMapping) -> None:
    """A valid rule must be in the tables and give no problem."""
    tables, problems = read(text, tmp_path, mapping)
    assert [] == problems
    assert text.count("[[rule]]") == len(tables["rules"])


def test_missing_folder_gives_no_tables(tmp_path: Path, mapping: AttackMapping) -> None:
    """A mapping without a folder of rules must give no tables."""
    problems: list[Problem] = []
    assert {} == read_evidence(tmp_path / "none", mapping.catalogue, problems)
    assert [] == problems


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "a-rule"', 'id = "A Rule"', "invalid value for `id`"),
        ('id = "a-rule"', "", "got None"),
        ('rationale = "because"', "", "`rationale` is missing"),
        ('rationale = "because"', 'rationale = " "', "`rationale` is missing"),
        ('rationale = "because"', 'rationale = "x"\nweight = 3', "unknown key 'weight'"),
        ('rationale = "because"', 'rationale = "x"\nrules_out = ["TA0001"]', "`rules_out` must be a list"),
        ("T1110.001", "T1562.008", "revoked by T1685.002"),
        ("T1110.001", "T1595", "is not a technique of TA0006"),
        ("TA0006", "TA9999", "is not a tactic"),
        (', technique = "T1110.001"', "", "`technique` is missing"),
        (', confidence = "high"', "", "invalid value for `confidence`: expected high, medium, low, got None"),
        ('"high"', '"sure"', "invalid value for `confidence`: expected high, medium, low, got 'sure'"),
        ("attack = [", "attack = [] #", "`attack` is missing"),
        ("when = [", "when = [] #", "`when` is missing"),
        ("when = [", "when = 3 #", "`when` is missing"),
        ("service.resourceRole", "service..resourceRole", "expected a dotted path"),
        ("service.resourceRole", "[].x", "expected a dotted path"),
        ('field = "service.resourceRole", ', "", "invalid value for `field`"),
        (', in = ["TARGET"]', "", "found none"),
        ('in = ["TARGET"]', 'in = ["TARGET"], prefix = ["T"]', "found in, prefix"),
        ('in = ["TARGET"]', 'matches = "T.*"', "must have exactly one of"),
        ('in = ["TARGET"]', 'prefix = ["/opt"]', "a path with / at its end"),
        ('in = ["TARGET"]', 'below = ["/opt/"]', "without a slash at the end"),
        ('in = ["TARGET"]', 'network = ["10.0.0.1/8"]', "expected a non-empty list of IPv4 networks"),
        ('in = ["TARGET"]', 'network = ["10.0.0.1"]', "expected a non-empty list of IPv4 networks"),
        ('in = ["TARGET"]', "in = []", "invalid value for `in`: expected a non-empty list"),
        ('in = ["TARGET"]', 'in = "TARGET"', "invalid value for `in`: expected a non-empty list"),
        (
            'in = ["TARGET"]',
            'words = ["two words"]',
            "invalid value for `words`: expected a non-empty list of single words",
        ),
        (
            'in = ["TARGET"]',
            'words = ["Capital"]',
            "invalid value for `words`: expected a non-empty list of single words",
        ),
        (
            'in = ["TARGET"]',
            'prefix = [""]',
            "invalid value for `prefix`: expected a non-empty list of non-empty strings",
        ),
        ('in = ["TARGET"]', 'above = "1"', "invalid value for `above`: expected a number"),
        ('in = ["TARGET"]', "present = false", "invalid value for `present`: expected true"),
        ('{ field = "service.resourceRole", in = ["TARGET"] }', COMMAND, "a command line alone"),
        ('id = "a-rule"', 'id = "a-rule"\nfamilies = "SSHBruteForce"', "`families` must be a list"),
        ('id = "a-rule"', 'id = "a-rule"\nshow = ["a b"]', "`show` must be a list"),
        ("[[rule]]", "[rule]", "`rule` must be an array of tables: write one [[rule]]"),
        ("[[rule]]", "sort = 3\n[[rule]]", "unknown key 'sort'"),
        ("[[rule]]", "seen_in = 3\n[[rule]]", "`seen_in` must be a list"),
        ("[[rule]]", "[[rule", "not TOML"),
    ],
)
def test_invalid_field_rule_is_reported(
    old: str, new: str, message: str, tmp_path: Path, mapping: AttackMapping
) -> None:
    """A problem must be reported with file and remedy, and the rule must not be compiled."""
    tables, problems = read(FIELDS.replace(old, new, 1), tmp_path, mapping)
    assert any(message in str(problem) for problem in problems), problems
    assert {"evidence/x.toml"} == {problem.file for problem in problems}
    assert "sort" in new or "seen_in" in new or [] == tables["rules"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('services = ["iam.amazonaws.com"]', "", "invalid value for `services`: expected a non-empty list"),
        ('calls = ["CreateAccessKey"]', "calls = []", "invalid value for `calls`: expected a non-empty list"),
        ('calls = ["CreateAccessKey"]', 'calls = ["A", "A"]', "lists a name twice"),
        ("iam.amazonaws.com", "iam", "expected an event source"),
        ("iam.amazonaws.com", "IAM.amazonaws.com", "expected an event source"),
        ('rationale = "because"', 'rationale = "x"\nwhen = []', "unknown key 'when'"),
    ],
)
def test_invalid_call_rule_is_reported(
    old: str, new: str, message: str, tmp_path: Path, mapping: AttackMapping
) -> None:
    """A problem of a rule of API calls must be reported, and the rule must not be compiled."""
    tables, problems = read(CALLS.replace(old, new, 1), tmp_path, mapping)
    assert any(message in str(problem) for problem in problems), problems
    assert {} == tables["calls"]


def test_call_in_two_rules_is_rejected(tmp_path: Path, mapping: AttackMapping) -> None:
    """A call of a service may be in one rule only."""
    _, problems = read(CALLS + CALLS.replace("a-call", "b-call"), tmp_path, mapping)
    assert [
        "CreateAccessKey of iam.amazonaws.com is also in rule a-call: a call may be in one rule only"
    ] == [problem.message for problem in problems]


def test_id_in_two_files_is_rejected(tmp_path: Path, mapping: AttackMapping) -> None:
    """A rule id must be unique across all files."""
    (tmp_path / "a.toml").write_text(FIELDS, encoding="utf-8")
    _, problems = read(FIELDS, tmp_path, mapping)
    assert ["`id` is used twice, also in a.toml: rename one"] == [problem.message for problem in problems]


def test_every_problem_is_collected(tmp_path: Path, mapping: AttackMapping) -> None:
    """An author must see the problems of all rules at once."""
    text = FIELDS.replace("T1110.001", "T9") + CALLS.replace("T1098.001", "T8")
    _, problems = read(text, tmp_path, mapping)
    assert {"a-rule", "a-call"} == {problem.subject for problem in problems}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[purpose]]\nname = "A"\nwhy = "b"\ntactics = ["TA9"]', "expected a list of tactic ids"),
        ('[[purpose]]\nname = "A"\nwhy = "b"', "expected a list of tactic ids"),
        ('[[purpose]]\nname = "A"\ntactics = []', "must have `name`, `tactics` and `why`"),
        ("[[purpose]]\nname = 3", "must have `name`, `tactics` and `why`"),
        ("[[purposes]]\nname = 3", "unknown key 'purposes': expected act_families, caller_families, purpose"),
        ('[[purpose]]\nname = "A"\nwhy = "b"\ntactics = []\ntactic = 1', "unknown key 'tactic'"),
        ("purpose = 3", "must have `name`, `tactics` and `why`"),
        ('caller_families = "X"', "`caller_families` must be a list"),
        ('act_families = "X"', "`act_families` must be a list"),
        ('[[purpose]]\nname = "A"\nwhy = "b"\ntactics = []\n' * 2, "is listed twice"),
    ],
)
def test_invalid_purpose_is_reported(text: str, message: str, tmp_path: Path, mapping: AttackMapping) -> None:
    """A problem in purposes.toml must be reported."""
    (tmp_path / "purposes.toml").write_text(text, encoding="utf-8")
    problems: list[Problem] = []
    read_evidence(tmp_path, mapping.catalogue, problems)
    assert any(message in str(problem) for problem in problems), problems
