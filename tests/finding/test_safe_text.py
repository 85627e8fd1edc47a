"""Test that finding content is shown without hidden characters and that nothing in it becomes a link."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt

from enricher.finding.safe_text import defang, plain
from enricher.finding.top_level_domains import TOP_LEVEL_DOMAINS

LINKIFIER = LinkifyIt()
#: The same with every top-level domain that de-fanging knows, as mail programs have longer lists.
LINKIFIER_OF_MORE = LinkifyIt().tlds(sorted(TOP_LEVEL_DOMAINS))
MARKDOWN = MarkdownIt("gfm-like")

PIECES = st.sampled_from(
    [
        *(
            "http",
            "https:",
            "hxxp[:]//",
            "ftp://",
            "mailto:",
            "//",
            "www",
            "WWW.",
            ".",
            "@",
            ":",
            "/",
            "\\",
            "-",
        ),
        *(
            "com",
            "CoM",
            "net",
            "sh",
            "xyz",
            "\u0440\u0444",
            "evil",
            "198.51.100.7",
            "[2001:db8::1]",
            "localhost",
        ),
        *("[", "](", ")", "<", ">", "&#46;", "&period;", "*", "_", "`", "!", "?", "|", "'", '"', "$", "+"),
        *("\u0301", "\u20dd", "\ufe0f", "\u034f", "\u3164", "\u200d", "\u00ad", "\u2620", "\U000e0061"),
        *("\u2024", "\u3002", "\ufe52", "\uff0e", "\uff61", "\u2026", " ", "\n"),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join)


def links_in(text: str) -> list[str]:
    """Return what a linkifier or a Markdown renderer would make clickable in a text."""
    found = [*(LINKIFIER.match(text) or ()), *(LINKIFIER_OF_MORE.match(text) or ())]
    tokens = [token for block in MARKDOWN.parse(text) for token in block.children or ()]
    return [match.url for match in found] + [str(it.attrs) for it in tokens if it.type == "link_open"]


@given(HOSTILE)
def test_defanged_text_has_no_link(text: str) -> None:
    """Whatever the text, a linkifier and a Markdown renderer must find no link in it once it is de-fanged."""
    assert [] == links_in(defang(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://example.com/a", "hxxp[://]example[.]com/a"),
        ("hxxp[:]//198.51.100.7", "hxxp[:][//]198[.]51[.]100[.]7"),
        ("//intranet/a", "[//]intranet/a"),
        ("cdn-update.example.net", "cdn-update[.]example[.]net"),
        ("www.localdomain", "www[.]localdomain"),
        ("root@example.org", "root[@]example[.]org"),
        ("exam\u200bple\uff0ecom", "exam ple[.]com"),
        ("exam\ufe0fpl\u034fe.c\u3164om", "example[.]com"),
        ("e\u0301vil\u0301.com", "e\u0301vil\u0301[.]com"),
        ("\u2620.net", "\u2620[.]net"),
        ("one\u2024com", "one[.]com"),
        ("one\ufe52com", "one[.]com"),
        ("[click](example.org)", "[click] (example[.]org)"),
        ("198.51.100.7:4444", "198.51.100[.]7:4444"),
    ],
)
def test_links_are_broken_in_the_usual_notation(text: str, expected: str) -> None:
    """A scheme, //, www., name@host, a host below a top-level domain and a remote address must be broken."""
    assert expected == defang(text)


@pytest.mark.parametrize(
    "text",
    [
        "m.weber",
        "ci.deploy-key",
        "/opt/build/run.sh",
        "/usr/lib/libc.so.6",
        "pkg.tar.gz",
        "Gen:Application.Linux.CoinMiner.12",
        "Backdoor:EC2/C&CActivity.B",
        "arn:aws:s3:::claims.example.com",
        "ip-10-0-0-12.eu-west-1.compute.internal",
        "aws-cli/2.31.4 md/awscrt#0.27.6",
        "10.0.0.12",
        "100.64.1.2",
        "release 1.2.3.4.5",
        "2001:db8::1",
        "said. Then",
    ],
)
def test_what_no_linkifier_links_stays_as_it_is(text: str) -> None:
    """User names, file names in a path, package and malware names, ARNs and own addresses must stay."""
    assert [] == links_in(text)
    assert text == defang(text)


@given(HOSTILE | st.text())
def test_plain_text_is_one_visible_line(text: str) -> None:
    """No character may be hidden, reorder others or end the line, and the limit must hold."""
    line = plain(text, 40)
    assert len(line) <= 40
    assert [line] == (line.splitlines() or [""])
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert [] == [
        char for char in line if unicodedata.category(char) in hidden or char in "\u034f\u3164\ufe0f"
    ]


def test_plain_text_is_truncated_with_dots() -> None:
    """Text above the limit must be truncated to it and end with three ASCII dots."""
    assert plain("x" * 20, 10) == "xxxxxxx..."
    assert plain("x" * 10, 10) == "x" * 10
