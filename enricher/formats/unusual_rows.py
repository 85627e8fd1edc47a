"""Summarize what GuardDuty's model finds unusual: one row for each of those it is unusual for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from enricher.formats.rows import Rows

#: "APIs for the user identity: CreateUser", as the facts have it; without "for" it is not said for whom.
_UNUSUAL = re.compile(r"(?P<what>[^:]+?)(?: for (?:the )?(?P<whose>[^:]+))?: (?P<items>.+)")
_CALLS = ("APIs", "Event name")
#: A network with its name; GuardDuty lists several by their numbers only.
_NETWORK = re.compile(r"AS\d+", re.ASCII)


def unusual_rows(values: Iterable[str], printed: str) -> Rows:
    """Return rows such as ("Unusual for user", "these 2 calls, AS64503").

    printed: the text of the other rows; calls and names of networks in it are not repeated.
    """
    rows: dict[str, list[str]] = {}
    for value in values:
        match = _UNUSUAL.fullmatch(value)
        what, whose, items = match.group("what", "whose", "items") if match else (value, None, "")
        label = f"Unusual for {whose.removesuffix(' identity')}" if whose else "Unusual"
        rows.setdefault(label, []).append(_shown(what, items, printed))
    return [(label, ", ".join(texts)) for label, texts in rows.items()]


def _shown(what: str, items: str, printed: str) -> str:
    if what in _CALLS:
        return _calls(items, printed)
    if what == "ASNs":
        network = _NETWORK.match(items)
        if network:
            return network[0] if items in printed else items
        return ", ".join(f"AS{it}" if it.isdecimal() else it for it in items.split(", "))
    if items and items in re.split(r"[\s,]+", printed):
        return f"this {what.lower().removesuffix('s')}"
    return f"{what}: {items}" if items else what


def _calls(items: str, printed: str) -> str:
    names = items.split(", ")
    words = set(re.split(r"[\s,:()]+", printed))
    if not words.issuperset(names):
        return items
    return f"these {len(names)} calls" if len(names) > 1 else "this call"
