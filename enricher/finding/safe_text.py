"""Make finding content safe to show to people: an attacker chooses file names, user agents, user names."""

from __future__ import annotations

import re
import unicodedata

#: Unicode categories that are never shown: control, format (direction and zero-width characters among them),
#: surrogate, private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

#: What mail and chat programs turn into links: a scheme, a name at a domain, and a dot with a letter after it
#: (a top-level domain begins with a letter; an address like 192.0.2.1 is left as it is, to be copied).
#: The dots that browsers read as one: https://www.unicode.org/reports/tr46/#Notation
_SCHEME = re.compile(r"(?i)\bhttp(?=s?:)")
_DOT = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_])")


#: The most characters of one part of a line.
_PART_LIMIT = 80
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]+"
)


def single_line(text: str, limit: int = _PART_LIMIT) -> str:
    """Make attacker-controlled text safe for one line: no control or direction characters, cut at `limit`."""
    clean = _UNPRINTABLE.sub(" ", text).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plain(text: str, limit: int = 200) -> str:
    """Put text on one line of at most `limit` characters, without any that hides or reorders others."""
    seen = "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in text[: 4 * limit])
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def defang(text: str, limit: int = 200) -> str:
    """Make text plain and break all that a reader's program would turn into a link: hxxp, example[.]com."""
    line = _SCHEME.sub("hxxp", plain(text, limit))
    return _DOT.sub("[.]", line.replace("://", "[:]//").replace("@", "[@]"))
