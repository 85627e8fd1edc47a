"""Check the texts of records, rules and responses for idioms: every reader must follow them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from enricher.authoring.files import EVIDENCE, read_toml
from enricher.mapping.problems import KeyPath, Problem, Violation

#: Idioms and assertions that a review replaced; to be extended.
IDIOMS = (
    "daily weather",
    "in other hands",
    "the prize",
    "call home",
    "out there",
    "before the panic",
    "watchman",
    "treasure map",
    "shopping list",
    "loot",
    "whoever holds",
    "in foreign hands",
    "for a living",
    "the honest reason",
    "to the letter",
    "an entrance",
    "by anybody",
    "carried elsewhere",
    "lose their worth",
    "speaks to",
    "wants closing",
    "way round",
    "drawn from",
)


def check_wording(root: Path) -> Iterator[Problem]:
    """Yield a problem for each idiom in the texts of a valid mapping folder."""
    for source in (*read_toml(root, []), *read_toml(root / EVIDENCE, [], EVIDENCE)):
        for path, text in _texts(source.data):
            words = " ".join(text.split())
            for idiom in IDIOMS:
                if idiom in words:
                    message = f"{idiom!r} is an idiom: use plain words"
                    yield source.problem("", Violation(message, path))


def _texts(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, (*path, place))
