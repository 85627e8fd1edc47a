"""Problems of the mapping, collected so that an author sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem of the mapping: file, subject (finding type or rule id), message with the remedy."""

    file: str
    subject: str
    message: str

    def __str__(self) -> str:
        """Return "file: subject: message", without empty parts."""
        return ": ".join(part for part in (self.file, self.subject, self.message) if part)


class InvalidMapping(ValueError):
    """The mapping is invalid; `problems` lists every problem found, sorted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))
