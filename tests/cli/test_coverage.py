"""Test the `coverage` command."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from enricher.authoring.known_types import read_known_types
from enricher.authoring.loader import ROOT
from enricher.cli import main
from enricher.cli.coverage import BEGIN, END
from tests.tiny_mapping import record, write_mapping

TYPES = {
    "Recon:EC2/One": "ec2",
    "Recon:EC2/Two": "ec2",
    "Recon:EC2/Three": "ec2",
    "Recon:S3/Four": "s3",
    "Recon:S3/Old": "retired",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a mapping folder with each mapping status, one type missing."""
    files = {
        "ec2.toml": record("Recon:EC2/One")
        + record("Recon:EC2/Two", attack='[{ tactic = "TA0007" }]')
        + record("Recon:EC2/Three", attack="[]", confidence=""),
        "retired.toml": record("Recon:S3/Old"),
    }
    return write_mapping(tmp_path / "mapping", files, TYPES)


TABLE = """\
| Family | mapped | tactic-only | unmappable | missing | total |
|---|---:|---:|---:|---:|---:|
| ec2 | 1 | 1 | 1 | 0 | 3 |
| s3 | 0 | 0 | 0 | 1 | 1 |
| retired | 1 | 0 | 0 | 0 | 1 |
| **all** | 2 | 1 | 1 | 1 | 5 |"""


def test_bundled_mapping_covers_every_known_type(capsys: pytest.CaptureFixture[str]) -> None:
    """None of the types that AWS documents or has ever documented must be missing."""
    count = Counter(row.status for row in read_known_types(ROOT))
    total = count["active"] + count["retired"]
    assert main(["coverage"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"{total} of {total} known finding types ({count['active']} active, {count['retired']} retired; "
        f"plus {count['alias']} aliases), none missing"
    )


def test_missing_type_is_reported_and_returns_1(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A type without a record must be counted as missing in its family and reported, and the command fail."""
    assert main(["coverage", str(root)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["mapped", "tactic-only", "unmappable", "missing", "total"]
    assert [line.split() for line in lines[1:5]] == [
        ["ec2", "1", "1", "1", "0", "3"],
        ["s3", "0", "0", "0", "1", "1"],
        ["retired", "1", "0", "0", "0", "1"],
        ["all", "2", "1", "1", "1", "5"],
    ]
    assert lines[5:] == [
        "4 of 5 known finding types (4 active, 1 retired; plus 0 aliases), 1 missing:",
        "Recon:S3/Four",
    ]


def test_invalid_record_counts_as_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A type with an invalid record must count as missing, and the problem be reported on stderr."""
    (root / "retired.toml").write_text(record("Recon:S3/Old", rationale=""), encoding="utf-8")
    assert main(["coverage", str(root)]) == 1
    captured = capsys.readouterr()
    assert f"enricher: {root}/retired.toml:2: Recon:S3/Old: `rationale` is missing" in captured.err
    assert "3 of 5 known finding types" in captured.out


def test_markdown_prints_only_the_table(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--markdown must print the table and nothing else."""
    main(["coverage", str(root), "--markdown"])
    assert capsys.readouterr().out == f"{TABLE}\n"


def test_written_table_is_up_to_date_until_the_mapping_changes(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--write must update only the block between the markers; --check must detect an outdated table."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    (root / "s3.toml").write_text(record("Recon:S3/Four"), encoding="utf-8")
    check, write = (["coverage", str(root), option, str(readme)] for option in ("--check", "--write"))
    assert main(check) == 1
    assert "out of date" in capsys.readouterr().err
    assert main(write) == 0
    current = TABLE.replace("| s3 | 0 | 0 | 0 | 1 | 1 |", "| s3 | 1 | 0 | 0 | 0 | 1 |")
    current = current.replace("| **all** | 2 | 1 | 1 | 1 | 5 |", "| **all** | 3 | 1 | 1 | 0 | 5 |")
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{current}\n{END}\nafter\n"
    assert main(check) == 0


def test_file_without_markers_is_rejected(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without markers must be reported, with the markers to add, and not changed."""
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n", encoding="utf-8")
    assert main(["coverage", str(root), "--write", str(readme)]) == 1
    assert f"put the table between {BEGIN} and {END}" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == "nothing\n"


ANNOUNCEMENT = (
    '[{"version": "1", "type": "UPDATED_FINDINGS", "featureDetails": [{"featureDescription": '
    '"New: 1. Recon:EC2/One. 2. Impact:S3/Five", "featureLink": "https://docs.aws.amazon.com/g"}]}]'
)


@pytest.mark.parametrize("text", [ANNOUNCEMENT, "Recon:EC2/One\r\nImpact:S3/Five\r\n"])
def test_types_of_a_text_without_a_record_are_listed(
    root: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--types must print each type in any text that the mapping lacks, and return 1 if there is one."""
    (root / "s3.toml").write_text(record("Recon:S3/Four"), encoding="utf-8")
    listed = tmp_path / "types.txt"
    listed.write_text(text, encoding="utf-8")
    assert main(["coverage", str(root), "--types", str(listed)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "Impact:S3/Five\n"
    assert captured.err == "1 of 2 finding types have a record\n"


def test_types_that_all_have_a_record_return_0(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--types must print nothing and return 0 if every type has a record."""
    (root / "s3.toml").write_text(record("Recon:S3/Four"), encoding="utf-8")
    listed = tmp_path / "types.txt"
    listed.write_text("Recon:EC2/One, Recon:EC2/Two", encoding="utf-8")
    assert main(["coverage", str(root), "--types", str(listed)]) == 0
    assert capsys.readouterr().out == ""


def test_text_without_a_type_is_a_mistake(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without a finding type, or that cannot be read, must be named and return 2."""
    (root / "s3.toml").write_text(record("Recon:S3/Four"), encoding="utf-8")
    listed = tmp_path / "types.txt"
    listed.write_text("https://docs.aws.amazon.com/guardduty", encoding="utf-8")
    assert main(["coverage", str(root), "--types", str(listed)]) == 2
    assert "no finding type in it" in capsys.readouterr().err
    assert main(["coverage", str(root), "--types", str(tmp_path / "absent")]) == 2
