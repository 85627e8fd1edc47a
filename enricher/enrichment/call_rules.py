"""Find the evidence rule for an API call: its reviewed rule, else one by the words of its name."""

from __future__ import annotations

import re

from enricher.enrichment.rules import RuleTables
from enricher.finding.api_calls import Call

#: A run of capitals ends before the capital of the next word: DBImages is DB, Images; VPCs is VPCs.
_WORD = re.compile(r"[A-Z]{2,}s?(?![a-z])|[A-Z][a-z]+|[a-z]+")
#: Words in front of the verb that do not change what a call does: BatchDeleteImage, AdminCreateUser.
_BEFORE_VERB = frozenset({"Admin", "Batch", "Bulk", "Transact"})


def find_reviewed(call: Call, about: str, tables: RuleTables) -> int | None:
    """Return the index of the reviewed rule for a call, None if there is none.

    A call without a service belongs to the service that the finding is about, else to the first service
    with such a call: the table `calls` lists the most common services first.
    """
    calls, name = tables.calls, call.name
    if call.service:
        table = calls.get(call.service) or calls.get(f"{call.service}.amazonaws.com", {})
        return table.get(name)
    number = calls.get(about, {}).get(name)
    if number is not None:
        return number
    return next((table[name] for table in calls.values() if name in table), None)


def find_by_name(name: str, tables: RuleTables) -> int | None:
    """Return the index of the rule for the words of a call's name, None if the verb is not known.

    Of the rules for a verb the first counts whose nouns include a word of the name, or that lists no nouns.
    """
    words = words_of_name(name)
    if not words:
        return None
    verb, *rest = words
    # Nouns are listed in the singular.
    found = frozenset([*rest, *(word.removesuffix("s") for word in rest)])
    for place in tables.verbs.get(verb, ()):
        nouns, number = tables.names[place]
        if not nouns or not found.isdisjoint(nouns):
            return int(number)
    return None


def words_of_name(name: str) -> list[str]:
    """Split a call's name into its words, the verb first: BatchGetDBImages is Get, DB, Images."""
    words = _WORD.findall(name)
    return words[1:] if len(words) > 1 and words[0] in _BEFORE_VERB else words
