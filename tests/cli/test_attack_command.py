"""Test the `attack import` command with two small made-up ATT&CK releases."""

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
    "Entry:EC2/LatestFashion.Custom": "",
}
RULE = """
[[rule]]
id = "lamp-broken"
services = ["iam.amazonaws.com"]
calls = ["BreakLamp"]
rationale = "The lamp was broken."
attack = [{ tactic = "TA0005", technique = "T1002", confidence = "high" }]
"""
REPORT = [
    "attack.json: TA0005 was renamed from Hiding to Lurking",
    "attack.json: TA0112 Breaking was added",
    "attack.json: T1001.001 Open Door: Ajar was added, under TA0001 Entry Way",
    "attack.json: T1010 Broken Lamp was added, under TA0112 Breaking; replaces T1002",
    "attack.json: T1010.001 Broken Lamp: Broken Lamp Post was added, under TA0005 Lurking, TA0112 Breaking; "
    "replaces T1002.001, T1011",
    "attack.json: T1012 Latest Fashion was added, under TA0009 Taking",
    "ec2.toml: Entry:EC2/Revoked: T1002 was revoked by T1010 Broken Lamp, under TA0112 Breaking",
    "ec2.toml: Entry:EC2/RevokedTwice: T1002.001 was revoked by T1010.001 Broken Lamp Post, "
    "under TA0005 Lurking",
    "ec2.toml: Entry:EC2/LeftTactic: T1003 Long Arm is no longer under TA0009, but under TA0001 Entry Way",
    "ec2.toml: Entry:EC2/Renamed: T1005 was renamed from Old Name to New Name: "
    "check the rationale for the old name",
    "ec2.toml: Entry:EC2/Deprecated: T1006 is not in ATT&CK 2.0 and has no replacement: re-map",
    "evidence/calls.toml: lamp-broken: T1002 was revoked by T1010 Broken Lamp, under TA0112 Breaking",
    "ec2.toml: Entry:EC2/LatestFashion.Custom: T1012 Latest Fashion was added: does it close this gap?",
    "ec2.toml: Entry:EC2/Stays: T1001 got the sub-techniques T1001.001 Ajar: does the finding prove one?",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a mapping folder that pins the first release."""
    first = read_release(tiny_attack.first_release())
    files = {
        "ec2.toml": "".join(record(key, attack=f"[{entry}]") for key, entry in ENTRIES.items()),
        "evidence/calls.toml": RULE,
    }
    catalogue = format_catalogue(catalogue_json(first, first))
    return write_mapping(tmp_path / "mapping", files, dict.fromkeys(ENTRIES, "ec2"), catalogue)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Return the path of the second release's STIX bundle."""
    path = tmp_path / "enterprise-attack.json"
    path.write_text(json.dumps(tiny_attack.second_release()), encoding="utf-8")
    return path


def test_import_reports_every_affected_entry_and_pins_the_release(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Affected entries must be reported with their replacement, and the old release become the former."""
    assert main(["attack", "import", str(second), "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        *REPORT,
        "ATT&CK 1.0 -> 2.0, former release 1.0: 5 entries to edit, 3 to review",
    ]
    releases = [
        read_release(bundle) for bundle in (tiny_attack.second_release(), tiny_attack.first_release())
    ]
    assert (root / "attack.json").read_text(encoding="utf-8") == format_catalogue(catalogue_json(*releases))


def test_dry_run_reports_the_same_and_writes_nothing(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--dry-run must report the same entries and not change attack.json."""
    before = (root / "attack.json").read_bytes()
    assert main(["attack", "import", str(second), "--root", str(root), "--dry-run"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == REPORT
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


def test_explicit_former_is_reported_once_outdated(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `former` that refers to the release before last must be reported: no other check finds it."""
    entry = '{ tactic = "TA0112", technique = "T1010", former = "T1002", former_tactic = "TA0005" }'
    (root / "ec2.toml").write_text(record("Entry:EC2/Stated", attack=f"[{entry}]"), encoding="utf-8")
    (root / "evidence" / "calls.toml").write_text("", encoding="utf-8")
    assert main(["attack", "import", str(second), "--root", str(root)]) == 0
    third = second.with_name("third.json")
    third.write_text(second.read_text(encoding="utf-8").replace('"2.0"', '"3.0"'), encoding="utf-8")
    capsys.readouterr()
    assert main(["attack", "import", str(third), "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "ec2.toml: Entry:EC2/Stated: former = 'T1002' and former_tactic = 'TA0005': "
        "no longer needed with 2.0 as former release, remove"
    )


def test_purpose_with_a_removed_tactic_is_reported(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A threat purpose must be reported when one of its tactics is not in the new release."""
    text = '[[purpose]]\nname = "Hiding"\ntactics = ["TA0005", "TA0008"]\n'
    (root / "evidence" / "calls.toml").write_text(text, encoding="utf-8")
    main(["attack", "import", str(second), "--root", str(root)])
    lines = capsys.readouterr().out.splitlines()
    assert "evidence/calls.toml: Hiding: tactic TA0008 was removed: choose another" in lines


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "expected a STIX 2.1 bundle"), ("<html>", "not JSON")],
)
def test_invalid_release_is_rejected(
    text: str, reason: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not an ATT&CK release must be reported with the reason, and nothing written."""
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    before = (root / "attack.json").read_bytes()
    assert main(["attack", "import", str(path), "--root", str(root)]) == 1
    assert capsys.readouterr().err.startswith(f"enricher: {path}: {reason}")
    assert (root / "attack.json").read_bytes() == before


def test_importing_the_pinned_release_affects_no_bundled_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Importing the pinned release must affect no bundled record or rule and reproduce attack.json."""
    pinned = json.loads((ROOT / "attack.json").read_text(encoding="utf-8"))
    shortnames = {key: name.lower().replace(" ", "-") for key, name in pinned["tactics"].items()}
    techniques = {
        key: (name, [shortnames[tactic] for tactic in tactics])
        for key, (name, *tactics) in pinned["techniques"].items()
    }
    revoked: tiny_attack.Techniques = {key: (key, []) for key in pinned["revoked"]}
    bundle = tiny_attack.bundle(pinned["version"], pinned["tactics"], techniques, revoked, pinned["revoked"])
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
        "ATT&CK 19.2 -> 19.2, former release 18.1: 0 entries to edit, 0 to review\n"
    )
    assert (root / "attack.json").read_bytes() == before


def test_technique_that_is_new_can_be_used(
    root: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A technique that the former release does not have must be valid in a record after the import."""
    entries = '[{ tactic = "TA0009", technique = "T1012" }]'
    text = "".join(record(key, attack=entries) for key in ENTRIES)
    (root / "ec2.toml").write_text(text, encoding="utf-8")
    (root / "evidence" / "calls.toml").write_text("", encoding="utf-8")
    purpose = '[[purpose]]\nname = "Entry"\ntactics = ["TA0009"]\nwhy = "Entry is used for Taking."\n'
    (root / "evidence" / "purposes.toml").write_text(purpose, encoding="utf-8")
    assert main(["attack", "import", str(second), "--root", str(root)]) == 0
    capsys.readouterr()
    assert main(["validate", str(root)]) == 0
