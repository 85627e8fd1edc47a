"""Tests of the source of the documentation site."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from build_tools.site import DeadLink, config, external_requests, recipes_page, rewrite_links, site_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small repository: README, two docs, a picture, a page and a source file elsewhere."""
    for name in ("README.md", "docs/a.md", "docs/b.md", "docs/p.svg", "mapping/README.md", "mapping/x.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("README.md", "[A](docs/a.md#top)", "[A](a.md#top)"),
        ("README.md", "![P](docs/p.svg)", "![P](p.svg)"),
        ("docs/a.md", "[`m`](../mapping/README.md)", "[`m`](mapping-records.md)"),
        ("mapping/README.md", "[B](../docs/b.md)", "[B](b.md)"),
        ("docs/a.md", "[x.toml](../mapping/x.toml)", "x.toml"),
        (
            "docs/a.md",
            "[B](https://example.com/b.md) [here](#there)",
            "[B](https://example.com/b.md) [here](#there)",
        ),
        ("docs/a.md", "```\n[B](nowhere.md)\n```\n", "```\n[B](nowhere.md)\n```\n"),
    ],
)
def test_links_follow_the_files_to_their_place(root: Path, name: str, text: str, expected: str) -> None:
    """A link between pages must lead to the page in the site; one to a source file becomes its text."""
    assert expected == rewrite_links(text, name, site_files(root), root)


def test_link_to_nothing_is_an_error(root: Path) -> None:
    """A link to a file that does not exist must be named with its page."""
    with pytest.raises(DeadLink, match=r"docs/a.md: link to ../gone.md: there is no gone.md"):
        rewrite_links("[x](../gone.md)", "docs/a.md", site_files(root), root)


def test_navigation_has_every_page_once_and_the_overview_first(root: Path) -> None:
    """The configuration must be TOML whose navigation has every page, the overview first."""
    pages = [place for place in site_files(root).values() if place.endswith(".md")]
    pages += ["siem/README.md", "siem/any.md"]
    project = tomllib.loads(config(pages))["project"]
    assert {"SIEM": [{"Overview": "siem/README.md"}, {"Any": "siem/any.md"}]} in project["nav"]
    flat = [part for entry in project["nav"] for part in (entry.get("SIEM") or [entry])]
    named = [place for entry in flat for place in entry.values()]
    assert "index.md" == named[0]
    assert sorted([*pages, "matrix.html"]) == sorted(named)
    assert project["theme"]["font"] is False


def test_external_request_is_found(tmp_path: Path) -> None:
    """A script, style or image from elsewhere must be found; a link that a reader follows is none."""
    page = tmp_path / "a.html"
    page.write_text('<a href="https://a.example">x</a><script src="x.js"></script>', encoding="utf-8")
    assert [] == external_requests(tmp_path)
    page.write_text('<img alt="" src="//b.example/p.png">', encoding="utf-8")
    assert ["a.html: //b.example/p.png"] == external_requests(tmp_path)


def test_recipes_are_shown_as_they_are(root: Path) -> None:
    """Each query and rule under siem/ must be on the page of recipes, unchanged, and nothing else."""
    assert "" == recipes_page(root)
    (root / "siem" / "splunk").mkdir(parents=True)
    (root / "siem" / "splunk" / "a.spl").write_text("index=x | stats count\n", encoding="utf-8")
    (root / "siem" / "splunk" / "b.py").write_text("print()\n", encoding="utf-8")
    page = recipes_page(root)
    assert "## splunk/a.spl\n\n````text\nindex=x | stats count\n````" in page
    assert "b.py" not in page
