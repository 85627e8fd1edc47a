"""Split finding types into their parts, and find the recorded types that a new spelling or type resembles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple


class TypeName(NamedTuple):
    """The parts of a finding type `Purpose:Resource/Family.Mechanism!Artifact`.

    rest: everything after the slash. Format:
    https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-format.html
    """

    purpose: str
    resource: str
    family: str
    rest: str


@lru_cache(maxsize=512)
def parse_type(finding_type: str) -> TypeName:
    """Split a finding type into its parts; a missing part is ""."""
    purpose, _, tail = finding_type.partition(":")
    resource, _, rest = tail.partition("/")
    return TypeName(purpose, resource, rest.partition("!")[0].partition(".")[0], rest)


def fold(finding_type: str) -> str:
    """Return the form in which spellings of a type are equal: without case, a space for "/" allowed."""
    return finding_type.strip().casefold().replace(" ", "/", 1)


class TypeIndex(NamedTuple):
    """The recorded types by name, so that a look-up does not depend on their number.

    spellings: folded type or alias -> the recorded type; by_rest, by_family: (purpose, rest or family) -> the
    types that have them, in the order of the mapping.
    """

    spellings: Mapping[str, str]
    by_rest: Mapping[tuple[str, str], list[str]]
    by_family: Mapping[tuple[str, str], list[str]]

    @classmethod
    def of(cls, types: Iterable[str], aliases: Mapping[str, str]) -> TypeIndex:
        """Index the recorded types and their aliases."""
        spellings: dict[str, str] = {}
        by_rest: dict[tuple[str, str], list[str]] = {}
        by_family: dict[tuple[str, str], list[str]] = {}
        for known in types:
            spellings.setdefault(fold(known), known)
            name = parse_type(known)
            by_rest.setdefault((name.purpose, name.rest), []).append(known)
            by_family.setdefault((name.purpose, name.family), []).append(known)
        for alias, known in aliases.items():
            spellings.setdefault(fold(alias), known)
        return cls(spellings, by_rest, by_family)
