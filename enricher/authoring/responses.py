"""Read and validate `mapping/responses.toml`, the texts of what to check or do first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from enricher.mapping.advice import is_clause
from enricher.mapping.model import Record, Response
from enricher.mapping.problems import Problem

FILE = "responses.toml"
MIN_WORDS, MAX_WORDS = 10, 30
#: The first words of a text, so that it tells the analyst to do something; to be extended with care.
VERBS = frozenset(
    (
        "Ask", "Check", "Close", "Compare", "Confirm", "Deactivate", "Isolate", "List", "Look", "Open",
        "Quarantine", "Read", "Remove", "Require", "Restore", "Revoke", "Set", "Start", "Stop", "Tag",
    )
)  # fmt: skip
QUESTIONS = frozenset(("Is", "Does", "Which"))
_KEYS = frozenset(("group", "check", "target", "denied", "benign", "benign_target", "kinds"))
_GROUP = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ANY_KIND = "*"


def read_responses(text: str, problems: list[Problem]) -> dict[str, Response]:
    """Return the valid groups by name; append the problems of the others to `problems`."""
    try:
        items = tomllib.loads(text).get("response", [])
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(FILE, "", f"not TOML: {error}"))
        return {}
    responses: dict[str, Response] = {}
    for place, item in enumerate(items if isinstance(items, list) else [], 1):
        name = item.get("group") if isinstance(item, dict) else None
        subject = name if isinstance(name, str) else f"response {place}"
        messages = list(_check(item)) if isinstance(item, dict) else ["must be a table: write [[response]]"]
        if subject in responses:
            messages.append("is defined twice: remove one")
        problems.extend(Problem(FILE, subject, message) for message in messages)
        if not messages:
            responses[subject] = Response(**{**item, "kinds": tuple(item.get("kinds", ()))})
    return responses


def _check(item: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown key {key!r}: expected {', '.join(sorted(_KEYS))}" for key in item.keys() - _KEYS)
    name = item.get("group")
    if not isinstance(name, str) or not _GROUP.fullmatch(name):
        yield "`group` must be lower-case words joined by hyphens"
    kinds = item.get("kinds", [])
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        yield "`kinds` must be a list of strings"
    if "check" not in item:
        yield "`check` is missing: what to check or do first"
    for key in ("check", "target", "denied"):
        if key in item:
            yield from (f"`{key}` {message}" for message in check_text(item[key]))
    for key in ("benign", "benign_target"):
        if key in item and not is_clause(item[key]):
            yield f'`{key}` must end the sentence "Benign if …": 4 to 20 words, no full stop'


def check_text(text: object) -> Iterator[str]:
    """Yield what is wrong with the text of a check."""
    if not isinstance(text, str):
        yield "must be a string"
        return
    words = text.split()
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        yield f"has {len(words)} words: write {MIN_WORDS} to {MAX_WORDS}"
    later = [clause.split()[0] for clause in re.split(r"[.?:;] ", text)[1:] if clause.split()]
    if words and words[0] in QUESTIONS:
        if not any(word.capitalize() in VERBS | _FOLLOWING for word in later):
            yield "begins with a question: an imperative must follow it"
    elif not words or words[0] not in VERBS:
        yield f"must begin with an imperative or with {', '.join(sorted(QUESTIONS))}, not {words[:1]}"


#: Imperatives that occur after a question only.
_FOLLOWING = frozenset(
    (
        "Block", "Change", "Delete", "Find", "Keep", "Make", "Reset", "Revert", "Roll", "Tell", "Withdraw",
    )
)  # fmt: skip


def check_groups(responses: Mapping[str, Response], records: Mapping[str, Record]) -> Iterator[Problem]:
    """Yield a problem for each record without a group, each unknown and each unused group, and no default."""
    for record in records.values():
        if not record.response:
            message = f"`response` is missing: name a group of {FILE}"
            yield Problem(f"{record.file}.toml", record.type, message)
        for group in record.groups:
            if group not in responses:
                message = f"`response` {group!r} is not a group of {FILE}"
                yield Problem(f"{record.file}.toml", record.type, message)
    used = {group for record in records.values() for group in record.groups}
    for name, response in responses.items():
        if name not in used and not response.kinds:
            yield Problem(FILE, name, "is not used: remove it, or name it in a record")
    if not any(ANY_KIND in response.kinds for response in responses.values()):
        yield Problem(FILE, "", f'needs a group with kinds = ["{ANY_KIND}"], for types without a record')
