"""Test the rules on what records say: each must be reported at its line when a record breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.authoring.loader import read_mapping
from enricher.mapping.problems import InvalidMapping
from tests.tiny_mapping import record, write_mapping

ONE, TWO = "Recon:EC2/One", "Recon:EC2/Two"
SCAN = '{ tactic = "TA0007", technique = "T1046" }'
ENTRY = f"[{SCAN}]"
PROXY = '{ tactic = "TA0011", technique = "T1090.003" }'


def problems(folder: Path, finding_type: str, **changes: str) -> list[tuple[str, str]]:
    """Return the key in the line and the message of each problem of a mapping with one record."""
    files = {"ec2.toml": record(finding_type, **changes)}
    root = write_mapping(folder / "mapping", files, {finding_type: "ec2"})
    try:
        read_mapping(root)
    except InvalidMapping as error:
        lines = ["", *files["ec2.toml"].split("\n")]
        return [(lines[problem.line].partition(" =")[0], problem.message) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rationale": '"Ports were scanned."'}, "`rationale` has 3 words: write 15 to 75"),
        ({"rationale": f'"{"word " * 76}."'}, "`rationale` has 77 words: write 15 to 75"),
        ({"rationale": f'"{"word " * 20}"'}, "`rationale` has 0 sentences: write one to 3"),
        ({"rationale": f'"{"Four words and more. " * 4}"'}, "`rationale` has 4 sentences: write one to 3"),
        ({"benign": f'"a {"word " * 16}"'}, "`benign` has 17 words: write at most 16"),
        ({"benign_target": f'"a {"word " * 16}"'}, "`benign` has 17 words: write at most 16"),
        (
            {"attack": f"[{SCAN[:-2]}, confidence = 'low' }}, {PROXY}]"},
            "the first entry must have the highest confidence",
        ),
        ({"attack": f"[{SCAN}, {PROXY}, {SCAN.replace('T1046', 'T1580')}]"}, "the records have 3.00 entries"),
    ],
)
def test_record_that_breaks_a_rule_is_reported(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    """A record that is too long, too short, or not sure of its first entry must be a problem at its line."""
    [(key, found)] = problems(tmp_path, ONE, **changes)
    assert found.startswith(message)
    assert ("" if "entries on average" in found else next(iter(changes))) == key


@pytest.mark.parametrize(
    ("finding_type", "attack", "message"),
    [
        ("Execution:EC2/MaliciousFile", ENTRY, "T1204"),
        ("Object:S3/SuspiciousFile", ENTRY, "T1204"),
        ("UnauthorizedAccess:Lambda/TorRelay", f"[{PROXY}]", "T1496.002"),
        ("Recon:IAMUser/TorIPCaller", ENTRY, "T1580"),
        ("Discovery:S3/MaliciousIPCaller.Custom", ENTRY, "must be low"),
    ],
)
def test_record_that_leaves_its_family_is_reported(
    finding_type: str, attack: str, message: str, tmp_path: Path
) -> None:
    """Types of one kind must share what their findings show, in any file."""
    [(key, found)] = problems(tmp_path, finding_type, attack=attack)
    assert ("attack", True) == (key, message in found)


def test_record_of_another_kind_is_free(tmp_path: Path) -> None:
    """A type of no such kind must have no problem; in a cluster the call itself is seen besides the list."""
    assert [] == problems(tmp_path, "Discovery:Kubernetes/MaliciousIPCaller.Custom")


def test_rationale_of_another_record_is_reported(tmp_path: Path) -> None:
    """Two types must not share a rationale: the second one says nothing of its own."""
    same = '"The host was seen to scan the ports of many others, which is the technique itself, observed."'
    files = {"ec2.toml": record(ONE, rationale=same) + record(TWO, rationale=same)}
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(write_mapping(tmp_path / "mapping", files, {ONE: "ec2", TWO: "ec2"}))
    assert [(TWO, f"`rationale` is also that of {ONE}: say what differs", 18)] == [
        (problem.subject, problem.message, problem.line) for problem in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("status", "changes", "message"),
    [
        ("alias", {}, "is an alias in finding-types.csv: write Recon:EC2/Two"),
        ("retired", {}, "is retired in finding-types.csv: only retired types"),
        ("active", {"retired": "2021-01-02"}, "is active in finding-types.csv: only retired types"),
    ],
)
def test_record_that_contradicts_the_list_is_reported(
    status: str, changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    """A record must be under the name AWS uses, and retired if and only if the list says so."""
    files = {"ec2.toml": record(ONE, **changes) + record(TWO)}
    root = write_mapping(tmp_path / "mapping", files, {ONE: "ec2", TWO: "ec2"})
    path = root / "finding-types.csv"
    row = f"{ONE},{status},ec2,{TWO if status == 'alias' else ''},"
    path.write_text(path.read_text("utf-8").replace(f"{ONE},active,ec2,,", row), encoding="utf-8")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    [problem] = caught.value.problems
    assert (3, True) == (problem.line, problem.message.startswith(message))


def test_alias_of_a_retired_type_is_reported(tmp_path: Path) -> None:
    """An alias must be of an active type."""
    root = write_mapping(tmp_path / "mapping", {"retired.toml": record(ONE)}, {ONE: "retired"})
    with (root / "finding-types.csv").open("a", encoding="utf-8") as file:
        file.write(f"{TWO},alias,retired,{ONE},,,,\n")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert [f"finding-types.csv:3: {TWO}: alias of {ONE!r}, which is retired: name an active type"] == [
        str(problem) for problem in caught.value.problems
    ]


def test_purpose_without_tactics_is_reported(tmp_path: Path) -> None:
    """A record with a threat purpose that the table of purposes lacks must be a problem."""
    purposes = '[[purpose]]\nname = "Discovery"\nwhy = "b"\ntactics = ["TA0007"]\n'
    files = {"ec2.toml": record(ONE), "evidence/purposes.toml": purposes}
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(write_mapping(tmp_path / "mapping", files, {ONE: "ec2"}))
    expected = f"ec2.toml:3: {ONE}: the threat purpose Recon is not in evidence/purposes.toml: add it"
    assert [expected] == [str(problem) for problem in caught.value.problems]
