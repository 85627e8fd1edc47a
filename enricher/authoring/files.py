"""Read the text files of a mapping folder; what cannot be read is a problem with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from enricher.mapping.problems import InvalidMapping, Problem, Violation
from enricher.mapping.toml_source import TomlSource

KNOWN_TYPES, RESPONSES = "finding-types.csv", "responses.toml"
#: The folder of the rules, as in the names of its files in problems.
EVIDENCE = "evidence/"


def read_text(path: Path, name: str = "") -> str:
    """Return the text of a UTF-8 file, without a byte order mark; raise InvalidMapping for other encodings.

    name: the file in problems, default: its name.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start}: not UTF-8: save it as UTF-8"
        raise InvalidMapping([Problem(name or path.name, "", message, line)]) from error


def read_csv(path: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the columns of each row of a CSV file with a header; lines with # are comments.

    Raise InvalidMapping if the header lacks one of `columns`.
    """
    lines = [
        (number, line)
        for number, line in enumerate(read_text(path).split("\n"), 1)
        if not line.startswith("#")
    ]
    rows = csv.DictReader((line for _, line in lines), restval="")
    if missing := [name for name in columns if name not in (rows.fieldnames or ())]:
        message = f"the header has no {', '.join(missing)}: write {','.join(columns)}"
        raise InvalidMapping([Problem(path.name, "", message, lines[0][0] if lines else 0)])
    for row in rows:
        yield lines[rows.line_num - 1][0], row


def unknown_keys(source: TomlSource, known: set[str]) -> Iterator[Problem]:
    """Yield a problem for each key at the top of a file that is not in `known`."""
    for key in sorted(source.data.keys() - known):
        message = f"unknown key {key!r}: expected {', '.join(sorted(known))}"
        yield source.problem("", Violation(message, (key,)))


def read_toml(folder: Path, problems: list[Problem], prefix: str = "") -> Iterator[TomlSource]:
    """Yield each TOML file of a folder, by name; append the problems of unreadable ones to `problems`.

    prefix: in front of the file's name in problems, such as "evidence/".
    """
    for path in sorted(folder.glob("*.toml")):
        if source := read_toml_file(path, problems, prefix):
            yield source


def read_toml_file(path: Path, problems: list[Problem], prefix: str = "") -> TomlSource | None:
    """Return one TOML file as `read_toml` does; None, and a problem, if it cannot be read."""
    name = f"{prefix}{path.name}"
    try:
        return TomlSource.parse(name, read_text(path, name), problems)
    except InvalidMapping as error:
        problems.extend(error.problems)
        return None
