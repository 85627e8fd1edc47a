"""Problems of the mapping, collected so that an author sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

#: The way to a value in a TOML document: keys of tables and indexes of arrays.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the mapping: file, subject (finding type or rule id), message with the remedy.

    line: where it is in the file, from 1; 0 for a problem of the file as a whole.
    """

    file: str
    subject: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        """Return "file:line: subject: message", without empty parts."""
        return self.text("")

    def text(self, folder: str) -> str:
        """Return the problem with the folder of the file, so that an editor or terminal can open it."""
        file = f"{folder}/{self.file}" if folder and self.file else self.file
        place = f"{file}:{self.line}" if self.line else file
        return ": ".join(part for part in (place, self.subject, self.message) if part)


class Violation(NamedTuple):
    """What is wrong inside one table, before it is known where the table is. path: the key at fault."""

    message: str
    path: KeyPath = ()

    def inside(self, label: str, *path: str | int) -> Violation:
        """Return the violation as one of the surrounding table, where `label` names the inner one."""
        return Violation(f"{label}: {self.message}", (*path, *self.path))


class InvalidMapping(ValueError):
    """The mapping is invalid; `problems` lists every problem found, by file and line.

    folder: of the files, for the text.
    """

    def __init__(self, problems: Iterable[Problem], folder: str = "") -> None:
        self.problems = tuple(
            sorted(problems, key=lambda item: (item.file, item.line, item.subject, item.message))
        )
        super().__init__("\n".join(item.text(folder) for item in self.problems))
