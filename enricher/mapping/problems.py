"""Name what is wrong with the mapping, so that an author sees every fault at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Name one fault of the mapping: the file, the finding type or rule, and what to do about it."""

    file: str
    subject: str
    message: str

    def __str__(self) -> str:
        """Print as file: subject: message."""
        return ": ".join(part for part in (self.file, self.subject, self.message) if part)


class InvalidMapping(ValueError):
    """Carry every fault found in a mapping."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))
