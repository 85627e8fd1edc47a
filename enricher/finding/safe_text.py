"""Sanitise finding content for display: file names, user agents and user names are attacker-controlled."""

from __future__ import annotations

import re
import unicodedata

#: Unicode categories that are never displayed: control, format (including direction and zero-width
#: characters), surrogate, private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

#: What mail and chat programs turn into links: a scheme, a name at a domain, and a dot with a letter after it
#: (a top-level domain begins with a letter; an address like 192.0.2.1 is unchanged, so it can be copied).
#: Characters that browsers treat as a dot: https://www.unicode.org/reports/tr46/#Notation
_SCHEME = re.compile(r"(?i)\bhttp(?=s?:)")
_DOT = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_])")


#: Default maximum length of one part of a line, in characters.
_PART_LIMIT = 80
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]+"
)


def single_line(text: str, limit: int = _PART_LIMIT) -> str:
    """Return attacker-controlled text without control or direction characters, cut to `limit` characters."""
    clean = _UNPRINTABLE.sub(" ", text).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plain(text: str, limit: int = 200) -> str:
    """Return text on one line of at most `limit` characters, without hidden or reordering characters."""
    seen = "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in text[: 4 * limit])
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def defang(text: str, limit: int = 200) -> str:
    """Return `plain` text in which URLs, domains and addresses are not clickable: hxxp, example[.]com."""
    line = _SCHEME.sub("hxxp", plain(text, limit))
    return _DOT.sub("[.]", line.replace("://", "[:]//").replace("@", "[@]"))
