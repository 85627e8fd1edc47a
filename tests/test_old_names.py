"""Test that former public names (tests/old_names.txt) do not come back; CHANGELOG.md may mention them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LIST = Path(__file__).with_name("old_names.txt")

#: Searched files and directories, relative to the repository.
PLACES = (
    "enricher", "demo", "bench", "build_tools", "tests", "docs", "mapping", "events",
    "template.yaml", "README.md", "CONTRIBUTING.md", "Makefile", "samconfig.toml", "pyproject.toml",
)  # fmt: skip

#: Not searched: this test and its list, and build output (ignored by git).
EXCLUDED = {Path(__file__), LIST, ROOT / "enricher" / "bundle.json"}
SUFFIXES = {".py", ".md", ".toml", ".json", ".yaml", ".csv", ".txt", ""}


def expression_of(line: str) -> str:
    """Return the regular expression of a line of the list: a literal text, or an expression after `re:`."""
    if line.startswith("re:"):
        return line.removeprefix("re:")
    words = r"\s+".join(map(re.escape, line.split()))
    start = r"(?<!\w)" if line[0].isalnum() else ""
    end = r"(?!\w)" if line[-1].isalnum() else ""
    return f"{start}{words}{end}"


def word_of(line: str) -> str:
    """Return the longest text that each hit of a line contains: searching for it first is much faster."""
    if not line.startswith("re:"):
        return max(line.split(), key=len)
    # Without groups, sets, escapes and what is optional, the rest must be there as it is.
    rest = re.sub(r"\(.*?\)|\[.*?\]|\\.|.[?*]", "\n", line.removeprefix("re:"))
    return "" if "(?i)" in line or "|" in rest else max(re.findall(r"[\w /-]*", rest), key=len)


class OldName(NamedTuple):
    """One line of the list. word: a text that each of its hits contains, "" if that is not known."""

    pattern: re.Pattern[str]
    word: str


def read_list(text: str) -> list[OldName]:
    """Return the names of a list, without its comments and empty lines."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [OldName(re.compile(expression_of(line), re.MULTILINE), word_of(line)) for line in lines]


OLD_NAMES = read_list(LIST.read_text(encoding="utf-8"))


def searched_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield every text file of PLACES that exists."""
    for place in PLACES:
        path = root / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in SUFFIXES and file not in EXCLUDED:
                yield file


def hits_in(file: Path, names: list[OldName], root: Path = ROOT) -> list[str]:
    """Return "file:line: text" for each old name in a file, in the order of the lines."""
    text = file.read_text(encoding="utf-8")
    found = {
        (text.count("\n", 0, match.start()) + 1, match[0].strip())
        for old in names
        if old.word in text
        for match in old.pattern.finditer(text)
    }
    return [f"{file.relative_to(root)}:{line}: {name}" for line, name in sorted(found)]


def test_no_old_name_is_used() -> None:
    """No searched file may contain an old name; the failure shows file, line and name."""
    files = list(searched_files())
    assert len(files) > 200
    hits = [hit for file in files for hit in hits_in(file, OLD_NAMES)]
    assert not hits, "\n".join(["old names, see tests/old_names.txt and CHANGELOG.md:", *hits])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('metric="LetGo"', ["LetGo"]),
        ("ROUTE: people", ["ROUTE: people"]),
        ("!GetAtt PeopleQueue.Arn", ["PeopleQueue"]),
        ('{"since": {"id": "T1562"}}', ['"since"']),
        ("the key `since`", ["`since`"]),
        ("since_technique_id", ["since_"]),
        ('{"slimmed": {}}', ["slimmed"]),
        ('lineage = "2020"', ["lineage =", 'lineage = "2020']),
        ("the people\nroute", ["people\nroute"]),
        ("Sid: SetAside", ["Sid: SetAside"]),
        ("PeopleTopic and HasPeopleRoute", ["HasPeopleRoute", "PeopleTopic"]),
        ("/aws/lambda/stack-people", ["/aws/lambda/stack-people"]),
        ("item.lineage", ["item.lineage"]),
    ],
)
def test_old_name_is_found_with_file_and_line(tmp_path: Path, text: str, names: list[str]) -> None:
    """An old name must be found in code, in JSON, in TOML and in prose, also across a line break."""
    file = tmp_path / "file.md"
    file.write_text(f"first line\n{text}\n", encoding="utf-8")
    assert [f"file.md:2: {name}" for name in sorted(names)] == hits_in(file, OLD_NAMES, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "since it was last forwarded",
        "def test_since_is_there() -> None:",
        "few people read it",
        "Suppressed updates are counted",
        'fields = ["service.runtimeDetails.process.lineage"]',
        '"lineage": [{"pid": 1}]',
        "the connection was refused",
    ],
)
def test_ordinary_words_are_no_hits(tmp_path: Path, text: str) -> None:
    """Ordinary English, and GuardDuty's own field names, must not be taken for old names."""
    file = tmp_path / "file.md"
    file.write_text(text, encoding="utf-8")
    assert [] == hits_in(file, OLD_NAMES, tmp_path)
