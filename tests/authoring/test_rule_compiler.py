"""Test that a wrong evidence rule is refused with its fault named, and a right one is compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.rule_compiler import read_evidence
from enricher.mapping.model import Mapping
from enricher.mapping.problems import Fault

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


def read(text: str, folder: Path, mapping: Mapping) -> tuple[dict[str, Any], list[Fault]]:
    """Compile one file of rules."""
    (folder / "x.toml").write_text(text, encoding="utf-8")
    faults: list[Fault] = []
    return read_evidence(folder, mapping.catalogue, faults), faults


@pytest.mark.parametrize("text", [FIELDS, CALLS, FIELDS + CALLS], ids=["fields", "calls", "both"])
def test_right_rules_are_compiled(text: str, tmp_path: Path, mapping: Mapping) -> None:
    """A right rule must be in the tables and give no fault."""
    tables, faults = read(text, tmp_path, mapping)
    assert [] == faults
    assert text.count("[[rule]]") == len(tables["rules"])


def test_no_folder_is_no_rules(tmp_path: Path, mapping: Mapping) -> None:
    """A mapping without a folder of rules must compile to no tables."""
    faults: list[Fault] = []
    assert {} == read_evidence(tmp_path / "none", mapping.catalogue, faults)
    assert [] == faults


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "a-rule"', 'id = "A Rule"', "id is"),
        ('id = "a-rule"', "", "id is None"),
        ('rationale = "because"', "", "rationale is missing"),
        ('rationale = "because"', 'rationale = " "', "rationale is missing"),
        ('rationale = "because"', 'rationale = "x"\nweight = 3', "unknown key 'weight'"),
        ("T1110.001", "T1562.008", "revoked, now T1685.002"),
        ("T1110.001", "T1595", "does not belong to TA0006"),
        ("TA0006", "TA9999", "is no tactic"),
        (', technique = "T1110.001"', "", "names no technique"),
        (', confidence = "high"', "", "confidence is None"),
        ('"high"', '"sure"', "confidence is 'sure'"),
        ("attack = [", "attack = [] #", "attack is missing"),
        ("when = [", "when = [] #", "when is missing"),
        ("when = [", "when = 3 #", "when is missing"),
        ("service.resourceRole", "service..resourceRole", "expected a dotted path"),
        ("service.resourceRole", "[].x", "expected a dotted path"),
        ('field = "service.resourceRole", ', "", "field is None"),
        (', in = ["TARGET"]', "", "says nothing"),
        ('in = ["TARGET"]', 'in = ["TARGET"], prefix = ["T"]', "says in, prefix"),
        ('in = ["TARGET"]', 'matches = "T.*"', "expected exactly one of"),
        ('in = ["TARGET"]', "in = []", "in = [] cannot be"),
        ('in = ["TARGET"]', 'in = "TARGET"', "cannot be"),
        ('in = ["TARGET"]', 'words = ["two words"]', "cannot be"),
        ('in = ["TARGET"]', 'words = ["Capital"]', "cannot be"),
        ('in = ["TARGET"]', 'prefix = [""]', "cannot be"),
        ('in = ["TARGET"]', 'above = "1"', "cannot be"),
        ('in = ["TARGET"]', "present = false", "cannot be"),
        ('{ field = "service.resourceRole", in = ["TARGET"] }', COMMAND, "a command line alone"),
        ('id = "a-rule"', 'id = "a-rule"\nfamilies = "SSHBruteForce"', "families is no list"),
        ('id = "a-rule"', 'id = "a-rule"\nshow = ["a b"]', "show is no list"),
        ("[[rule]]", "[rule]", "write [[rule]]"),
        ("[[rule]]", "sort = 3\n[[rule]]", "unknown key 'sort'"),
        ("[[rule]]", "seen_in = 3\n[[rule]]", "seen_in is no list"),
        ("[[rule]]", "[[rule", "not TOML"),
    ],
)
def test_wrong_rule_of_fields_is_named(
    old: str, new: str, message: str, tmp_path: Path, mapping: Mapping
) -> None:
    """A fault must be named with file and remedy, and the rule must not be compiled."""
    tables, faults = read(FIELDS.replace(old, new, 1), tmp_path, mapping)
    assert any(message in str(fault) for fault in faults), faults
    assert {"evidence/x.toml"} == {fault.file for fault in faults}
    assert "sort" in new or "seen_in" in new or [] == tables["rules"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('services = ["iam.amazonaws.com"]', "", "services is no list"),
        ('calls = ["CreateAccessKey"]', "calls = []", "calls is no list"),
        ('calls = ["CreateAccessKey"]', 'calls = ["A", "A"]', "lists a name twice"),
        ("iam.amazonaws.com", "iam", "expected the event source"),
        ("iam.amazonaws.com", "IAM.amazonaws.com", "expected the event source"),
        ('rationale = "because"', 'rationale = "x"\nwhen = []', "unknown key 'when'"),
    ],
)
def test_wrong_rule_of_calls_is_named(
    old: str, new: str, message: str, tmp_path: Path, mapping: Mapping
) -> None:
    """A fault of a rule of calls must be named, and the rule must not be compiled."""
    tables, faults = read(CALLS.replace(old, new, 1), tmp_path, mapping)
    assert any(message in str(fault) for fault in faults), faults
    assert {} == tables["calls"]


def test_call_in_two_rules_is_refused(tmp_path: Path, mapping: Mapping) -> None:
    """A call of a service may stand in one rule only."""
    _, faults = read(CALLS + CALLS.replace("a-call", "b-call"), tmp_path, mapping)
    assert ["CreateAccessKey of iam.amazonaws.com is also in rule a-call: it may occur once"] == [
        fault.message for fault in faults
    ]


def test_id_in_two_files_is_refused(tmp_path: Path, mapping: Mapping) -> None:
    """An id may be used once in all files."""
    (tmp_path / "a.toml").write_text(FIELDS, encoding="utf-8")
    _, faults = read(FIELDS, tmp_path, mapping)
    assert ["id is used twice, also in a.toml: rename one"] == [fault.message for fault in faults]


def test_every_fault_is_collected(tmp_path: Path, mapping: Mapping) -> None:
    """An author must see the faults of all rules at once."""
    text = FIELDS.replace("T1110.001", "T9") + CALLS.replace("T1098.001", "T8")
    _, faults = read(text, tmp_path, mapping)
    assert {"a-rule", "a-call"} == {fault.subject for fault in faults}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[purpose]]\nname = "A"\nwhy = "b"\ntactics = ["TA9"]', "expected tactic ids"),
        ('[[purpose]]\nname = "A"\nwhy = "b"', "expected tactic ids"),
        ('[[purpose]]\nname = "A"\ntactics = []', "expected name, tactics and why"),
        ("[[purpose]]\nname = 3", "expected name, tactics and why"),
        ("purpose = 3", "expected name, tactics and why"),
        ('caller_families = "X"', "caller_families is no list"),
        ('[[purpose]]\nname = "A"\nwhy = "b"\ntactics = []\n' * 2, "is listed twice"),
    ],
)
def test_wrong_purpose_is_named(text: str, message: str, tmp_path: Path, mapping: Mapping) -> None:
    """A fault in the table of purposes must be named."""
    (tmp_path / "purposes.toml").write_text(text, encoding="utf-8")
    faults: list[Fault] = []
    read_evidence(tmp_path, mapping.catalogue, faults)
    assert any(message in str(fault) for fault in faults), faults


def test_bundled_rules_have_no_fault(mapping: Mapping) -> None:
    """The bundled rules must compile without a fault."""
    faults: list[Fault] = []
    tables = read_evidence(ROOT / "evidence", mapping.catalogue, faults)
    assert [] == faults
    assert len(tables["rules"]) > 300
