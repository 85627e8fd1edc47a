"""Test the check of a rule's examples: each kind of fault must be reported."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.rule_compiler import read_evidence
from enricher.authoring.rule_examples import check_calls, check_examples, check_rule
from enricher.cli import main
from enricher.mapping.model import AttackMapping

RULE = "password-guessing-inbound"
TEXT = next(
    f"[[rule]]\n{part.strip()}\n"
    for part in (ROOT / "evidence" / "network.toml").read_text(encoding="utf-8").split("[[rule]]\n")
    if f'id = "{RULE}"' in part
)


def faults(text: str, mapping: AttackMapping) -> list[str]:
    """Return the problems of the one rule in a TOML text."""
    (item,) = tomllib.loads(text)["rule"]
    return [found.message for found in check_rule(item, mapping)]


def test_rule_with_its_example_has_no_problem(mapping: AttackMapping) -> None:
    """The rule that the other tests damage must be without a problem."""
    assert faults(TEXT, mapping) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("gives =", "provides =", "example 1: must have type, fields and gives"),
        ('confidence = "high" }\n[rule', 'confidence = "low" }\n[rule', "example 1: expected TA0006 T1110"),
        ('type = "UnauthorizedAccess', 'type = "Unknown', "example 1: `type` 'Unknown"),
        ('"TARGET"\n', '"ACTOR"\n', "example 1: another rule gives TA0006 T1110 high"),
    ],
)
def test_fault_is_reported(old: str, new: str, expected: str, mapping: AttackMapping) -> None:
    """A missing, malformed or wrong example must be reported with what is expected."""
    assert old in TEXT
    damaged = TEXT.replace(old, new)
    found = faults(damaged, mapping)
    assert found != []
    assert found[0].startswith(expected)


def test_rule_without_an_example_is_reported(mapping: AttackMapping) -> None:
    """A rule for fields must have an example."""
    assert faults(TEXT.partition("[[rule.example]]")[0], mapping) == [
        "`example` is missing: write [[rule.example]] with type, fields and gives"
    ]


def test_rule_that_matches_outside_its_scope_is_reported(tmp_path: Path, mapping: AttackMapping) -> None:
    """A rule that is limited to some types must not match the example's fields in another type."""
    unlimited = "".join(line for line in TEXT.splitlines(True) if not line.startswith("families"))
    (tmp_path / "network.toml").write_text(unlimited, encoding="utf-8")
    evidence = read_evidence(tmp_path, mapping.catalogue, [])
    (fault,) = faults(TEXT, replace(mapping, evidence=evidence))
    assert fault.startswith("example 1: the rule must not match a finding of another type")


def test_rule_that_matches_other_values_is_reported(tmp_path: Path, mapping: AttackMapping) -> None:
    """If the rule also matches other values in the fields of its example, the example proves nothing."""
    loose = TEXT.replace('in = ["TARGET"]', 'prefix = ["-"]').replace('"TARGET"\n', '"-"\n')
    (tmp_path / "network.toml").write_text(loose, encoding="utf-8")
    evidence = read_evidence(tmp_path, mapping.catalogue, [])
    assert faults(loose, replace(mapping, evidence=evidence)) == [
        "example 1: the rule must not match the example with other values in its fields"
    ]


def test_call_that_another_rule_answers_is_reported(mapping: AttackMapping) -> None:
    """Each call of a rule must give the rule's first entry in a finding of an unknown type, at its place."""
    rule = {
        "services": ["iam.amazonaws.com"],
        "calls": ["CreateAccessKey", "CreateUser", "Unheard"],
        "attack": [{"tactic": "TA0003", "technique": "T1098.001", "confidence": "high"}],
    }
    found = list(check_calls(rule, mapping))
    assert [("calls", 1), ("calls", 2)] == [violation.path for violation in found]
    assert found[0].message.startswith(
        "CreateUser of iam.amazonaws.com must give the rule's first entry, got"
    )


def test_problem_has_file_line_and_rule(
    tmp_path: Path, mapping: AttackMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """`validate` must report a wrong example with its file and line, and return 1."""
    root = tmp_path / "mapping"
    root.mkdir()
    for path in ROOT.iterdir():
        if path.name != "evidence":
            (root / path.name).symlink_to(path)
    (root / "evidence").mkdir()
    for path in (ROOT / "evidence").iterdir():
        (root / "evidence" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    network = root / "evidence" / "network.toml"
    whole = network.read_text(encoding="utf-8")
    network.write_text(whole.replace(TEXT, TEXT.replace('"TARGET"\n', '"ACTOR"\n')), encoding="utf-8")
    example = whole.index("[[rule.example]]", whole.index(f'id = "{RULE}"'))
    line = whole[:example].count("\n") + 1
    assert main(["validate", str(root)]) == 1
    assert (
        f"{root}/evidence/network.toml:{line}: {RULE}: example 1: another rule gives TA0006"
        in capsys.readouterr().err
    )
    assert list(check_examples(ROOT, mapping)) == []
