"""Test that a record which differs from the choices of 2020 or from AWS's own mapping is reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from enricher.authoring.kept_choices import CHOICES_2020, check_rule_names
from enricher.authoring.loader import ROOT, read_mapping
from enricher.mapping.model import AttackMapping
from enricher.mapping.problems import InvalidMapping
from tests.tiny_mapping import record, write_mapping

TYPE = "Recon:EC2/One"
HEAD_2020 = "# a comment\nfinding_type,tactic,technique\n"
HEAD_AWS = "rule,finding_type,tactic,technique\n"
FIRST, SECOND = "ARule,Recon:EC2/One,Discovery,T1046\n", "BRule,Recon:EC2/One,Discovery,T1580\n"
BOTH = '[{ tactic = "TA0007", technique = "T1046" }, { tactic = "TA0007", technique = "T1580" }]'
TEXT = '"a scanner of your own runs here"'
NAMED = [{"name": name, "benign": TEXT} for name in ("ARule", "BRule")]


def problems(
    folder: Path, lists: dict[str, str], stem: str = "ec2", rules: object = (), **changes: str
) -> list[str]:
    """Return the problems of a mapping with one record and the given lists."""
    text = record(TYPE, **changes)
    for rule in rules if isinstance(rules, list) else []:
        text += "[[finding.rules]]\n" + "".join(f"{key} = {value}\n" for key, value in rule.items())
    root = write_mapping(folder / "mapping", {f"{stem}.toml": text, **lists}, {TYPE: stem})
    try:
        read_mapping(root)
    except InvalidMapping as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        (f"{TYPE},TA0007,T1046\n", {"provenance": '"2020"'}, None),
        (f"{TYPE},TA0007,T1046\n", {}, f'8: {TYPE}: `provenance` must be "2020", as in choices-2020.csv'),
        (
            f"{TYPE},TA0007,T1580\n",
            {"provenance": '"2020"'},
            f"4: {TYPE}: the first entry must be TA0007 T1580 or a sub-technique of it: "
            "choices-2020.csv, line 3",
        ),
        (
            f"{TYPE},TA0007,T1046\n",
            {"provenance": '"2020"', "attack": "[]", "confidence": ""},
            f"8: {TYPE}: the first entry must be TA0007 T1046",
        ),
        (
            "",
            {"provenance": '"2020"'},
            f"9: {TYPE}: `provenance` is 2020, but choices-2020.csv has no such type",
        ),
    ],
    ids=["kept", "provenance", "technique", "gap", "claimed"],
)
def test_choice_of_2020_stays_the_first_entry(
    row: str, changes: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    """A type of 2020 must keep its tactic and technique, and no other may claim to be one."""
    found = problems(tmp_path, {CHOICES_2020: HEAD_2020 + row}, **changes)
    assert [f"ec2.toml:{expected}"] * (expected is not None) == [
        text[: len(f"ec2.toml:{expected}")] for text in found
    ]


def test_sub_technique_keeps_the_choice(tmp_path: Path) -> None:
    """A sub-technique of the technique of 2020 refines it."""
    lists = {CHOICES_2020: f"{HEAD_2020}{TYPE},TA0011,T1090\n"}
    attack = '[{ tactic = "TA0011", technique = "T1090.003" }]'
    assert [] == problems(tmp_path, lists, provenance='"2020"', attack=attack)


@pytest.mark.parametrize(
    ("rows", "rules", "changes", "expected"),
    [
        (FIRST, [], {}, []),
        (FIRST + SECOND, NAMED, {"attack": BOTH}, []),
        (FIRST, [], {"provenance": '"project"'}, ['`provenance` must be "aws"']),
        (
            SECOND,
            [],
            {},
            ["must have TA0007 T1580 of AWS's rule BRule", "the first entry must be that of one"],
        ),
        (FIRST + SECOND, NAMED, {}, ["must have TA0007 T1580 of AWS's rule BRule"]),
        (FIRST + SECOND, NAMED[:1], {"attack": BOTH}, ["must say what is benign for AWS's rule BRule"]),
        (FIRST, NAMED[:1], {}, ["rule 'ARule' is not one of several"]),
        ("", [], {}, ["aws-custom-detection-rules.csv has no rule of this type"]),
    ],
    ids=["one", "two", "provenance", "other", "second", "unnamed", "needless", "unlisted"],
)
def test_custom_detection_rule_keeps_the_mapping_of_aws(
    rows: str, rules: list[dict[str, str]], changes: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    """The entries of AWS's rules must be in the record, and each of several rules have what is benign."""
    lists = {"aws-custom-detection-rules.csv": HEAD_AWS + rows}
    given = {"provenance": '"aws"', **changes}
    named = [
        {key: value if key == "benign" else f'"{value}"' for key, value in rule.items()} for rule in rules
    ]
    found = problems(tmp_path, lists, "custom-detection-rules", named, **given)
    assert len(expected) == len(found), found
    assert all(message in text for message, text in zip(expected, found, strict=True))


def test_rule_whose_name_gives_another_entry_is_reported(mapping: AttackMapping) -> None:
    """The name of each of AWS's rules in a finding must lead to AWS's entry, by a rule for evidence."""
    assert [] == list(check_rule_names(ROOT, mapping))
    bare = replace(mapping, evidence={})
    found = list(check_rule_names(ROOT, bare))
    assert {problem.file for problem in found} == {"aws-custom-detection-rules.csv"}
    assert all("first, got finding-type" in problem.message for problem in found)
    assert all(problem.line > 1 for problem in found)
