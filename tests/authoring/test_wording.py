"""Test that idioms in the texts of the mapping are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.wording import check_wording


def test_bundled_texts_have_no_idioms() -> None:
    """Every text of a record, a rule or a response must be in plain words."""
    assert [] == list(check_wording(ROOT))


@pytest.mark.parametrize("folder", ["", "evidence/"])
def test_idiom_is_reported_at_its_line(folder: str, tmp_path: Path) -> None:
    """An idiom must be found in a text of several lines, with file and line of the key."""
    (tmp_path / folder).mkdir(exist_ok=True)
    text = '# the prize of a comment\n[[finding]]\ntype = "A"\ncaveats = """\nThis is the\nprize."""\n'
    (tmp_path / folder / "x.toml").write_text(text, encoding="utf-8")
    assert [f"{folder}x.toml:4: 'the prize' is an idiom: use plain words"] == list(
        map(str, check_wording(tmp_path))
    )
