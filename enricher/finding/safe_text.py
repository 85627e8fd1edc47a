"""Sanitise finding content for display: file names, user agents and user names are attacker-controlled.

`plain` removes what cannot be seen or reorders other text; `defang` also breaks what mail and chat programs
turn into a link, and leaves everything else as it is, so that it can be copied.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from enricher.finding.top_level_domains import TOP_LEVEL_DOMAINS

#: Characters that are printable by category but drawn as nothing: Unicode's Default_Ignorable_Code_Point
#: outside the categories Cf and Cn, and the blank Braille pattern.
#: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
#: Characters that programs treat as the dot of a host name or that look like it:
#: https://www.unicode.org/reports/tr46/#Notation
_DOT = re.compile(r"[.\u2024\u3002\ufe52\uff0e\uff61]")
_SCHEME = re.compile(r"(?i)\bhttp(?=s?:)")
_SLASHES = re.compile(r":?/{2,}")
_AT = re.compile(r"(?<=\S)@(?=\S)")
#: What Markdown and HTML read as a link or as another character: [text](…), <scheme:…>, &#46;
_MARKUP = re.compile(r"(?<=\])(?=\()|(?<=<)(?=[A-Za-z][\w+.-]*:)|(?<=&)(?=#|\w+;)")
#: Without one of these ASCII text has nothing that the expressions above and below break.
_LINKABLE = re.compile(r"[.@:<&]|//|\]\(")
#: A run of characters that a host name may be part of; a mark or symbol in it does not end it.
_RUN = re.compile(r"[^\s/\\@:=,;()\[\]{}<>\"'|&?#]+")
_LABEL = re.compile(r"[^\W_]+(?:-+[^\W_]+)*")
#: IPv4 addresses of the resource's own side, which no program links and an analyst copies most.
_OWN_NETWORKS = tuple(
    map(
        ipaddress.IPv4Network,
        ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    )
)
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){2})\.(\d{1,3})(?![\w.]*\w)", re.ASCII)


def plain(text: str, limit: int = 200) -> str:
    """Return text on one line of at most `limit` characters, without hidden or reordering characters."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly every name of a finding
    seen = text[: 4 * limit]
    if not seen.isprintable():
        seen = "".join(char if char.isprintable() else " " for char in seen)
    if not seen.isascii():
        seen = _INVISIBLE.sub("", seen)
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def single_line(text: str, limit: int = 80) -> str:
    """Return one part of a longer line: `plain` text of at most `limit` characters."""
    return plain(text, limit)


def defang(text: str, limit: int = 200) -> str:
    """Return `plain` text in which nothing is a link: hxxp[://], www[.], name[@]host, example[.]com.

    Broken are URLs, addresses of mail, hosts below a top-level domain and public IPv4 addresses. User names
    (m.weber), file names in a path and package names stay as they are.
    """
    line = plain(text, limit)
    if line.isascii() and not _LINKABLE.search(line):
        return line
    line = _SCHEME.sub("hxxp", _MARKUP.sub(" ", line))
    line = _SLASHES.sub(r"[\g<0>]", line)
    return _RUN.sub(_defang_run, _AT.sub("[@]", line))


def _defang_run(match: re.Match[str]) -> str:
    run = match[0]
    if not _DOT.search(run):
        return run
    before = match.string[: match.start()]
    if before.endswith("//]") or _is_host(run, before):
        host = run.rstrip(".")
        return _DOT.sub("[.]", host) + run[len(host) :]
    return _IPV4.sub(_defang_address, run)


def _defang_address(match: re.Match[str]) -> str:
    try:
        address = ipaddress.IPv4Address(match[0])
    except ValueError:
        return match[0]
    own = any(address in network for network in _OWN_NETWORKS)
    return match[0] if own else f"{match[1]}[.]{match[2]}"


def _is_host(run: str, before: str) -> bool:
    """Return whether a program may link a run of characters: www., or a label that ends a host name.

    before: the text in front of it. The last part of a path and of an ARN are not hosts.
    """
    if before.endswith("/") or (before.endswith(":") and _last_word(before).startswith("arn:")):
        return False
    first, *labels = _DOT.split(run)
    if first.lower().endswith("www"):
        return True
    odd_dots = len(labels) > run.count(".")
    for label, following in zip(map(_without_marks, labels), (*labels[1:], ""), strict=True):
        name = _LABEL.match(label)
        # In the middle of a name, as in libc.so.6, nothing ends a host.
        ends = odd_dots or not following[:1].isalnum()
        if name and (ends or name[0] != label) and _is_top_level(name[0].lower()):
            return True
    return False


def _last_word(text: str) -> str:
    return text[text.rfind(" ") + 1 :]


def _without_marks(label: str) -> str:
    if label.isascii():
        return label
    parts = unicodedata.normalize("NFKD", label)
    return "".join(char for char in parts if not unicodedata.category(char).startswith("M"))


def _is_top_level(name: str) -> bool:
    if not name.isascii():
        return name.isalpha()
    return name in TOP_LEVEL_DOMAINS or name.startswith("xn--")
