"""List what a new ATT&CK release adds that the mapping may use: techniques, sub-techniques, closed gaps."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from enricher.attack.catalog import Catalogue, Technique, parent_id
from enricher.authoring.attack_upgrade import AffectedEntry
from enricher.authoring.authored_entries import AuthoredEntry, AuthoredGap

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: Words that say nothing about what a technique does.
_COMMON_WORDS = frozenset(
    {"a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
)


def added_techniques(old: Catalogue, new: Catalogue) -> list[Technique]:
    """Return the techniques of the new release that the old one does not have, by ID."""
    added = new.pinned.techniques.keys() - old.pinned.techniques.keys()
    return [new.pinned.techniques[key] for key in sorted(added)]


def technique_lines(added: Iterable[Technique], new: Catalogue) -> Iterator[str]:
    """Yield a line for each added technique: its ID, name, tactics and what it replaces."""
    replaced = defaultdict(list)
    for key in sorted(new.revoked):
        replaced[new.resolve(key)].append(key)
    for technique in added:
        tactics = ", ".join(f"{key} {new.pinned.tactics[key].name}" for key in technique.tactics)
        old_ids = ", ".join(replaced[technique.id])
        yield f"{technique.id} {_full_name(technique, new)} was added, under {tactics}" + (
            f"; replaces {old_ids}" if old_ids else ""
        )


def find_openings(
    entries: Iterable[AuthoredEntry], gaps: Iterable[AuthoredGap], added: list[Technique], new: Catalogue
) -> Iterator[AffectedEntry]:
    """Yield what an added technique opens for review: a gap of the same name, an entry that can be sharper.

    A record is listed once for each technique that got sub-techniques; evidence rules are not, as
    docs/evidence.md lists them with their techniques.
    """
    for gap in gaps:
        for technique in added:
            if _names_the_same(gap.names, technique.name):
                yield AffectedEntry(
                    gap.file,
                    gap.subject,
                    f"{technique.id} {_full_name(technique, new)} was added: does it close this gap?",
                    needs_work=False,
                )
    children: dict[str, list[str]] = defaultdict(list)
    for technique in added:
        if parent := technique.parent_id:
            children[parent].append(f"{technique.id} {technique.name}")
    seen = set()
    for item in entries:
        technique_id = item.entry.get("technique", "")
        if "/" in item.file or technique_id not in children or (item.subject, technique_id) in seen:
            continue
        seen.add((item.subject, technique_id))
        listed = ", ".join(children[technique_id])
        message = f"{technique_id} got the sub-techniques {listed}: does the finding prove one?"
        yield AffectedEntry(item.file, item.subject, message, needs_work=False)


def _full_name(technique: Technique, new: Catalogue) -> str:
    parent = new.pinned.techniques.get(parent_id(technique.id) or "")
    return f"{parent.name}: {technique.name}" if parent else technique.name


def _names_the_same(names: Iterable[str], technique: str) -> bool:
    """Return whether one of the names has all words of the technique's name, or the reverse, two at least."""
    wanted = _words(technique)
    return any(
        len(shared := _words(name) & wanted) >= 2 and shared in (wanted, _words(name)) for name in names
    )


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(name)) - _COMMON_WORDS
