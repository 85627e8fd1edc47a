"""Test the wording of what an analyst reads."""

from __future__ import annotations

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
    "an entrance",
    "by anybody",
    "carried elsewhere",
    "lose their worth",
    "speaks to",
    "wants closing",
    "way round",
    "drawn from",
)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.toml")), ids=lambda path: path.stem)
def test_mapping_has_no_idioms(path: Path) -> None:
    """No text of a record or rule may use an idiom that the review replaced."""
    text = " ".join(path.read_text("utf-8").split())
    assert [] == [idiom for idiom in IDIOMS if idiom in text]
