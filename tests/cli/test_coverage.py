"""The `coverage` command."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    """Write a mapping in which every standing occurs once, and one type is missing."""
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
    """Of the 253 types that AWS documents or ever documented none must be missing."""
    assert main(["coverage"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "253 of 253 known finding types (229 active, 24 retired; 5 more spellings resolve), none missing"
    )


def test_missing_type_is_named_and_gives_1(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A type without a record must be counted in its family, named, and fail the command."""
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
        "4 of 5 known finding types (4 active, 1 retired; 0 more spellings resolve), 1 missing:",
        "Recon:S3/Four",
    ]


def test_faulty_record_counts_as_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that the validator refuses covers nothing: its fault is named on stderr."""
    (root / "retired.toml").write_text(record("Recon:S3/Old", rationale=""), encoding="utf-8")
    assert main(["coverage", str(root)]) == 1
    captured = capsys.readouterr()
    assert "retired.toml: Recon:S3/Old: rationale is missing" in captured.err
    assert "3 of 5 known finding types" in captured.out


def test_markdown_is_the_table_for_a_readme(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Markdown form must be the table alone."""
    main(["coverage", str(root), "--markdown"])
    assert capsys.readouterr().out == f"{TABLE}\n"


def test_written_table_is_current_until_the_mapping_changes(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--write must renew the block between the markers and nothing else; --check must see when it is old."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    (root / "s3.toml").write_text(record("Recon:S3/Four"), encoding="utf-8")
    check, write = (["coverage", str(root), option, str(readme)] for option in ("--check", "--write"))
    assert main(check) == 1
    assert "not current" in capsys.readouterr().err
    assert main(write) == 0
    current = TABLE.replace("| s3 | 0 | 0 | 0 | 1 | 1 |", "| s3 | 1 | 0 | 0 | 0 | 1 |")
    current = current.replace("| **all** | 2 | 1 | 1 | 1 | 5 |", "| **all** | 3 | 1 | 1 | 0 | 5 |")
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{current}\n{END}\nafter\n"
    assert main(check) == 0


def test_file_without_markers_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that has no place for the table must be named, with what to put there, and left alone."""
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n", encoding="utf-8")
    assert main(["coverage", str(root), "--write", str(readme)]) == 1
    assert f"put the table between {BEGIN} and {END}" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == "nothing\n"
