"""Test the validation of what a record says for the alert."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.mapping.advice import check_advice, is_clause, read_advice
from enricher.mapping.model import AttackMapping, RuleAdvice
from enricher.mapping.records import read_overrides
from tests.tiny_mapping import record

PORTSCAN, KEYS = "Recon:EC2/Portscan", "Persistence:IAM/AccountManipulation"
GOOD = "a scanner of yours runs here"


def rule(**changes: Any) -> dict[str, Any]:
    """Return a record with one custom detection rule."""
    return {"rules": [{"name": "IAMAccessKeyCreated", "benign": GOOD, **changes}]}


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"benign": GOOD, "benign_target": GOOD, "response": "host-scan"},
        {"shows": {"Host path": "resource.kubernetesDetails.volumes[].hostPath.path", "Threat": "service"}},
        rule(),
        rule(response="host-scan"),
    ],
)
def test_valid_advice_has_no_problems(item: dict[str, Any]) -> None:
    """Every key is optional, and a rule may name a group, what is benign, or both."""
    assert [] == list(check_advice(item))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"response": 5}, "`response` must be a string"),
        ({"benign": "Scanners run."}, '`benign` must end the sentence "Benign if …"'),
        ({"benign": "a b c"}, "4 to 20 words"),
        ({"benign": "word " * 21}, "4 to 20 words"),
        ({"benign": ""}, "4 to 20 words"),
        ({"benign_target": ["a", "list"]}, "`benign_target` must end the sentence"),
        ({"shows": ["service.action"]}, "`shows` must be a table of at most 2 fields"),
        ({"shows": {"One": "a", "Two": "b", "Three": "c"}}, "`shows` must be a table of at most 2 fields"),
        ({"shows": {"one": "service.action"}}, "the label 'one' must be 3 to 30 letters"),
        ({"shows": {"One": "service..action"}}, "expected a dotted path"),
        ({"shows": {"One": "service.list[0].name"}}, "expected a dotted path"),
        ({"shows": {"One": 5}}, "expected a dotted path"),
        ({"rules": {"name": "One"}}, "`rules` must be an array of tables"),
        ({"rules": ["One"]}, "`rules` must be an array of tables"),
        ({"rules": [{"name": "One"}]}, "rule 1: needs `response` or `benign`"),
        ({"rules": [{"benign": GOOD}]}, "rule 1: `name` is missing"),
        (rule(benign="Two words"), "rule 1: `benign` must end the sentence"),
        (rule(response=5), "rule 1: `response` must be a string"),
        (rule(check="Do it."), "rule 1: unknown key 'check'"),
        ({"rules": rule()["rules"] * 2}, "rule 'IAMAccessKeyCreated' is listed twice"),
    ],
)
def test_invalid_advice_is_reported(item: dict[str, Any], message: str) -> None:
    """Each fault must be a problem that names the key and what is expected."""
    assert any(message in found.message for found in check_advice(item)), list(check_advice(item))


@pytest.mark.parametrize("text", ["a\nb c d e", "Ends with a capital letter", "it ends with a stop.", None])
def test_clause_is_one_line_that_ends_a_sentence(text: object) -> None:
    """The text follows "Benign if" on one line, so it must be neither a sentence nor have line breaks."""
    assert not is_clause(text)


def test_advice_is_read_in_full() -> None:
    """Every key must reach the record."""
    item = {"benign": GOOD, "benign_target": "x", "response": "g", "shows": {"A": "b"}, **rule(response="h")}
    assert read_advice(item) == {
        "benign": GOOD,
        "benign_target": "x",
        "response": "g",
        "shows": (("A", "b"),),
        "rules": (RuleAdvice("IAMAccessKeyCreated", "h", GOOD),),
    }


def overridden(mapping: AttackMapping, finding_type: str, **changes: str) -> AttackMapping:
    """Return the mapping with one override, its TOML lines changed."""
    text = record(finding_type, response="", **changes)
    records, problems = read_overrides(text, "own.toml", mapping.catalogue, mapping.responses)
    assert [] == problems
    return mapping.with_overrides(records)


@pytest.mark.parametrize("finding_type", [PORTSCAN, KEYS])
def test_override_keeps_the_advice_it_does_not_state(finding_type: str, mapping: AttackMapping) -> None:
    """An override of the technique must not lose what is benign, what is shown and the rules' steps."""
    before, after = (it.records[finding_type] for it in (mapping, overridden(mapping, finding_type)))
    for name in ("benign", "benign_target", "shows", "rules", "response"):
        assert getattr(before, name) == getattr(after, name)


def test_override_states_what_is_benign(mapping: AttackMapping) -> None:
    """What an override states as benign must win over the bundled text and the rules'."""
    for finding_type in (PORTSCAN, KEYS):
        after = overridden(mapping, finding_type, benign=f'"{GOOD}"').records[finding_type]
        assert (GOOD, ()) == (after.benign, after.rules)


def test_override_with_a_group_has_that_group_s_text(mapping: AttackMapping) -> None:
    """The bundled record's benign cause must not explain the step of another group."""
    text = record(PORTSCAN, response='"host-spam"')
    records, problems = read_overrides(text, "own.toml", mapping.catalogue, mapping.responses)
    assert [] == problems
    assert "" == mapping.with_overrides(records).records[PORTSCAN].benign


def test_override_with_a_rule_of_an_unknown_group_is_rejected(mapping: AttackMapping) -> None:
    """A rule must name a group that exists."""
    text = record(KEYS) + '[[finding.rules]]\nname = "IAMAccessKeyCreated"\nresponse = "none"\n'
    records, [problem] = read_overrides(text, "own.toml", mapping.catalogue, mapping.responses)
    assert {} == records
    assert "`response` 'none' is not a group" in str(problem)
