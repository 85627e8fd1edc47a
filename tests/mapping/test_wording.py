"""Test the wording of what an analyst reads: a call is described so that it also reads right when denied."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from enricher.authoring.loader import ROOT

#: Idioms and assertions that a review replaced; a reader whose English is not native must follow every text.
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
)


def _texts(value: object) -> Iterator[str]:
    """Yield every rationale in a parsed TOML file."""
    if isinstance(value, dict):
        if isinstance(value.get("rationale"), str):
            yield " ".join(value["rationale"].split())
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


CALL_TEXTS = [
    text
    for path in sorted((ROOT / "evidence").glob("calls-*.toml"))
    for text in _texts(tomllib.loads(path.read_text("utf-8")))
]


def test_call_is_described_in_the_present_tense() -> None:
    """The first sentence on a call must not say that it was done: the call may have been denied."""
    assert CALL_TEXTS
    first = [re.split(r"[.;:] ", text, maxsplit=1)[0] for text in CALL_TEXTS]
    assert [] == [text for text in first if re.search(r"\b(was|were|took|drew|came|got|became|gave)\b", text)]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.toml")), ids=lambda path: path.stem)
def test_mapping_has_no_idioms(path: Path) -> None:
    """No text of a record or rule may use an idiom that the review replaced."""
    text = " ".join(path.read_text("utf-8").split())
    assert [] == [idiom for idiom in IDIOMS if idiom in text]
