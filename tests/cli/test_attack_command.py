"""The `attack import` command, on two small releases of an invented ATT&CK."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.authoring.attack_import import catalogue_json, format_catalogue, read_release
from enricher.authoring.loader import ROOT
from enricher.cli import main
from tests import tiny_attack
from tests.tiny_mapping import record, write_mapping

ENTRIES = {
    "Entry:EC2/Stays": '{ tactic = "TA0001", technique = "T1001" }',
    "Entry:EC2/Revoked": '{ tactic = "TA0005", technique = "T1002" }',
    "Entry:EC2/RevokedTwice": '{ tactic = "TA0005", technique = "T1002.001" }',
    "Entry:EC2/LeftTactic": '{ tactic = "TA0009", technique = "T1003" }',
    "Entry:EC2/Renamed": '{ tactic = "TA0009", technique = "T1005" }',
    "Entry:EC2/Deprecated": '{ tactic = "TA0009", technique = "T1006" }',
}
RULE = """
[[rule]]
id = "lamp-broken"
services = ["iam.amazonaws.com"]
calls = ["BreakLamp"]
rationale = "The lamp was broken."
attack = [{ tactic = "TA0005", technique = "T1002", confidence = "high" }]
"""
MOVES = [
    "attack.json: TA0005 is called Lurking now, not Hiding",
    "attack.json: TA0112 Breaking is new",
    "ec2.toml: Entry:EC2/Revoked: T1002 is revoked: it becomes T1010 Broken Lamp, under TA0112 Breaking",
    "ec2.toml: Entry:EC2/RevokedTwice: T1002.001 is revoked: it becomes T1010.001 Broken Lamp Post, "
    "under TA0005 Lurking",
    "ec2.toml: Entry:EC2/LeftTactic: T1003 Long Arm is no longer under TA0009: under TA0001 Entry Way",
    "ec2.toml: Entry:EC2/Renamed: T1005 is called New Name now, not Old Name: "
    "see whether the rationale names it",
    "ec2.toml: Entry:EC2/Deprecated: T1006 is not in ATT&CK 2.0 and has no heir: judge again",
    "evidence/calls.toml: lamp-broken: T1002 is revoked: it becomes T1010 Broken Lamp, under TA0112 Breaking",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a mapping whose pinned release is the first one."""
    first = read_release(tiny_attack.first_release())
    files = {
        "ec2.toml": "".join(record(key, attack=f"[{entry}]") for key, entry in ENTRIES.items()),
        "evidence/calls.toml": RULE,
    }
    catalogue = format_catalogue(catalogue_json(first, first))
    return write_mapping(tmp_path / "mapping", files, dict.fromkeys(ENTRIES, "ec2"), catalogue)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Save the bundle of the second release."""
    path = tmp_path / "enterprise-attack.json"
    path.write_text(json.dumps(tiny_attack.second_release()), encoding="utf-8")
    return path


def test_import_names_every_entry_that_moves_and_pins_the_release(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What moves must be named with what it should become; the release pinned before becomes the former."""
    assert main(["attack", "import", str(second), "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        *MOVES,
        "ATT&CK 1.0 -> 2.0, former release 1.0: 5 entries need work, 1 only a look",
    ]
    releases = [
        read_release(bundle) for bundle in (tiny_attack.second_release(), tiny_attack.first_release())
    ]
    assert (root / "attack.json").read_text(encoding="utf-8") == format_catalogue(catalogue_json(*releases))


def test_dry_run_says_the_same_and_writes_nothing(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--dry-run must name the same moves and leave attack.json as it is."""
    before = (root / "attack.json").read_bytes()
    assert main(["attack", "import", str(second), "--root", str(root), "--dry-run"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == MOVES
    assert lines[-1].endswith("; nothing written")
    assert (root / "attack.json").read_bytes() == before


def test_second_import_of_a_release_changes_nothing(root: Path, second: Path) -> None:
    """Importing the pinned release again must not make it its own predecessor."""
    (root / "ec2.toml").write_text("", encoding="utf-8")
    (root / "evidence" / "calls.toml").write_text("", encoding="utf-8")
    assert main(["attack", "import", str(second), "--root", str(root)]) == 0
    once = (root / "attack.json").read_bytes()
    assert main(["attack", "import", str(second), "--root", str(root)]) == 0
    assert (root / "attack.json").read_bytes() == once


def test_former_release_can_be_chosen(root: Path, second: Path, tmp_path: Path) -> None:
    """--former must set the release that older consumers expect."""
    older = tmp_path / "older.json"
    older.write_text(json.dumps(tiny_attack.bundle("0.9", tiny_attack.TACTICS_1, tiny_attack.TECHNIQUES_1)))
    main(["attack", "import", str(second), "--former", str(older), "--root", str(root)])
    assert json.loads((root / "attack.json").read_text(encoding="utf-8"))["former"]["version"] == "0.9"


def test_stated_former_is_outdated_by_the_next_release(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `former` that was for the release before last must be named, as nobody else would find it."""
    entry = '{ tactic = "TA0112", technique = "T1010", former = "T1002", former_tactic = "TA0005" }'
    (root / "ec2.toml").write_text(record("Entry:EC2/Stated", attack=f"[{entry}]"), encoding="utf-8")
    (root / "evidence" / "calls.toml").write_text("", encoding="utf-8")
    assert main(["attack", "import", str(second), "--root", str(root)]) == 0
    third = second.with_name("third.json")
    third.write_text(second.read_text(encoding="utf-8").replace('"2.0"', '"3.0"'), encoding="utf-8")
    capsys.readouterr()
    assert main(["attack", "import", str(third), "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "ec2.toml: Entry:EC2/Stated: former = 'T1002' and former_tactic = 'TA0005' "
        "was for the release before 2.0: remove it"
    )


def test_purpose_whose_tactic_is_gone_is_named(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule that names tactics alone must be named when one of them is gone."""
    text = '[[purpose]]\nname = "Hiding"\ntactics = ["TA0005", "TA0008"]\n'
    (root / "evidence" / "calls.toml").write_text(text, encoding="utf-8")
    main(["attack", "import", str(second), "--root", str(root)])
    lines = capsys.readouterr().out.splitlines()
    assert "evidence/calls.toml: Hiding: tactic TA0008 is gone: choose another" in lines


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "neither a STIX 2.1 bundle"), ("<html>", "not JSON")],
)
def test_unreadable_release_is_refused(
    text: str, reason: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no release must be named with the reason, and nothing be written."""
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    before = (root / "attack.json").read_bytes()
    assert main(["attack", "import", str(path), "--root", str(root)]) == 1
    assert capsys.readouterr().err.startswith(f"enricher: {path}: {reason}")
    assert (root / "attack.json").read_bytes() == before


def test_real_records_need_no_work_for_the_pinned_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the bundled mapping, importing what is pinned must move nothing and reproduce attack.json."""
    pinned = json.loads((ROOT / "attack.json").read_text(encoding="utf-8"))
    shortnames = {key: name.lower().replace(" ", "-") for key, name in pinned["tactics"].items()}
    techniques = {
        key: (name, [shortnames[tactic] for tactic in tactics])
        for key, (name, *tactics) in pinned["techniques"].items()
    }
    gone: tiny_attack.Techniques = {key: (key, []) for key in pinned["revoked"]}
    bundle = tiny_attack.bundle(pinned["version"], pinned["tactics"], techniques, gone, pinned["revoked"])
    bundle["objects"][0]["modified"] = pinned["modified"]
    path = tmp_path / "enterprise-attack.json"
    path.write_text(json.dumps(bundle), encoding="utf-8")
    before = (ROOT / "attack.json").read_bytes()
    root = tmp_path / "mapping"
    root.mkdir()
    for source in [*ROOT.glob("*.*"), *ROOT.glob("evidence/*.toml")]:
        target = root / source.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    assert main(["attack", "import", str(path), "--root", str(root)]) == 0
    assert capsys.readouterr().out == (
        "ATT&CK 19.2 -> 19.2, former release 18.1: 0 entries need work, 0 only a look\n"
    )
    assert (root / "attack.json").read_bytes() == before
