"""Test the validation of the response groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.authoring.bundle import response_to_json
from enricher.authoring.loader import read_mapping
from enricher.authoring.responses import check_text
from enricher.mapping.model import AttackMapping, response_from_json
from enricher.mapping.problems import InvalidMapping
from enricher.mapping.records import read_overrides
from tests.tiny_mapping import RESPONSES, SAMPLE, record, write_mapping

GOOD = "Ask the owner whether they know it; if not, isolate the host."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (5, "must be a string"),
        ("Ask the owner.", "has 3 words: write 10 to 30"),
        (GOOD + " Ask {name}.", "must be a fixed text, without { } % < >"),
        (GOOD + " and more" * 10, "has 32 words: write 10 to 30"),
        ("It is worth asking the owner whether they know of it at all.", "must begin with an imperative"),
        ("Is this a sanctioned scan of your own, or is it not one?", "an imperative must follow"),
    ],
)
def test_text_that_gives_no_first_step_is_invalid(text: object, message: str) -> None:
    """A check must be a short text that tells the analyst to do something."""
    [problem] = check_text(text)
    assert message in problem


@pytest.mark.parametrize(
    "text", [GOOD, "Is the scan sanctioned by its owner? If not: isolate the host and keep its disk."]
)
def test_imperative_or_question_with_one_is_valid(text: str) -> None:
    """An imperative, or a question that an imperative follows, must be accepted."""
    assert [] == list(check_text(text))


def _problems(tmp_path: Path, responses: str, **changes: str) -> list[str]:
    files = {"ec2.toml": record("Recon:EC2/One", **changes), "responses.toml": responses}
    with pytest.raises(InvalidMapping) as error:
        read_mapping(write_mapping(tmp_path / "mapping", files, {"Recon:EC2/One": "ec2"}))
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": ""}, "`response` is missing"),
        ({"response": '"other"'}, "`response` 'other' is not a group"),
        ({"response": "5"}, "`response` must be a string"),
    ],
)
def test_record_must_name_a_group(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    """A record without a group, or with an unknown one, must be invalid."""
    assert any(message in problem for problem in _problems(tmp_path, RESPONSES, **changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("", f'[[response]]\ngroup = "spare"\ncheck = "{GOOD}"\n'), "spare: is not used"),
        (("", f'[[response]]\ngroup = "host-scan"\ncheck = "{GOOD}"\n'), "host-scan: is defined twice"),
        (('kinds = ["*"]', 'kinds = ["Instance"]'), 'needs a group with kinds = ["*"]'),
        (('group = "sample"', 'group = "samples"'), 'needs the group "sample"'),
        (("check =", "chek ="), "unknown key 'chek'"),
        (("check =", "denied ="), "`check` is missing"),
        (("host-scan", "Host Scan"), "invalid value for `group`: expected lower-case words"),
        (('["*"]', '"*"'), "`kinds` must be a list"),
        (("[[response]]", "[[response"), "not TOML"),
        ((f"{SAMPLE}\n[[response]]", "[response]"), "`response` must be an array of tables"),
        (("[[response]]", "[[respons]]"), "unknown key 'respons': expected response"),
    ],
)
def test_invalid_groups_are_reported(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    """Every fault of the groups must be a problem that names the group."""
    old, new = change
    text = RESPONSES.replace(old, new) if old else RESPONSES + new
    problems = _problems(tmp_path, text)
    assert any(message in problem for problem in problems), problems


def test_override_may_name_a_group_or_keep_the_bundled_one(mapping: AttackMapping) -> None:
    """An override without a group must keep the bundled record's; one with an unknown group is invalid."""
    portscan = "Recon:EC2/Portscan"
    for changes, group in (
        ({"response": ""}, mapping.records[portscan].response),
        ({"response": '"host-spam"'}, "host-spam"),
    ):
        records, problems = read_overrides(
            record(portscan, **changes), "own.toml", mapping.catalogue, mapping.responses
        )
        assert [] == problems
        assert group == mapping.with_overrides(records).records[portscan].response
    records, [problem] = read_overrides(
        record(portscan, response='"none"'), "own.toml", mapping.catalogue, mapping.responses
    )
    assert ({}, True) == (records, "is not a group of mapping/responses.toml" in str(problem))


def test_groups_survive_the_bundle(mapping: AttackMapping) -> None:
    """The compiled form of a group must have every text."""
    for name, response in mapping.responses.items():
        assert response == response_from_json(name, response_to_json(response))


@pytest.mark.parametrize(
    "changes",
    [
        {"benign": '"a scanner of yours runs here"'},
        {"rules": '[{ name = "One", response = "host-scan", benign = "a scanner of yours runs here" }]'},
    ],
)
def test_text_that_repeats_its_group_is_reported(changes: dict[str, str], tmp_path: Path) -> None:
    """A record or rule must not repeat what its group says: the two would go their own ways."""
    responses = f'{RESPONSES}benign = "a scanner of yours runs here"\n'
    problems = _problems(tmp_path, responses, **changes)
    message = "`benign` repeats the text of the group host-scan: remove it"
    assert [True] == [problem.startswith("ec2.toml:") for problem in problems if message in problem]
