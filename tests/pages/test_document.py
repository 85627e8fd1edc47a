"""Tests of the single-file page: its policy allows its own style and script and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from enricher.pages.document import document, json_for_html
from tests.pages.hostile import ATTACKS


@pytest.mark.parametrize("text", ATTACKS)
def test_data_in_html_is_the_same_text_and_only_ascii(text: str) -> None:
    """Embedded text must survive unchanged, and hold no character that HTML or JavaScript could act on."""
    embedded = json_for_html({text: [text]})
    assert {text: [text]} == json.loads(embedded)
    assert embedded.isascii()
    assert not re.search(r"[<>&]", embedded)


def test_policy_allows_the_style_and_script_of_the_page_by_hash() -> None:
    """The policy must name the hash of the style and of the script as they stand in the page."""
    page = document("t", style="p { color: red }", body="<p>x</p>", script="let a = 1;", data={"a": 1})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    parts = dict(part.split(" ", 1) for part in policy[1].split("; "))
    for name, text in (("style", "p { color: red }"), ("script", "let a = 1;")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" == parts[f"{name}-src"]
        assert f"<{name}>{text}</{name}>" in page
    assert "'none'" == parts["default-src"]


def test_page_without_script_allows_none() -> None:
    """A page without a script must have no script element, and a policy that allows none."""
    page = document("<t>", style="", body="")
    assert "<script" not in page
    assert "script-src" not in page
    assert "<title>&lt;t&gt;</title>" in page
