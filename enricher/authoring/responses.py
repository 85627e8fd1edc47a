"""Read and validate `mapping/responses.toml`, the texts of what to check or do first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from enricher.authoring.authored_records import AuthoredRecord
from enricher.authoring.files import RESPONSES, read_toml_file, unknown_keys
from enricher.enrichment.response import SAMPLE
from enricher.mapping.advice import CLAUSE, check_groups_of, is_clause
from enricher.mapping.entries import invalid
from enricher.mapping.model import Record, Response
from enricher.mapping.problems import KeyPath, Problem, Violation
from enricher.mapping.toml_source import TomlSource

MIN_WORDS, MAX_WORDS = 10, 30
#: The first words of a text, so that it tells the analyst to do something; to be extended with care.
VERBS = frozenset(
    (
        "Ask", "Check", "Close", "Compare", "Confirm", "Deactivate", "Isolate", "List", "Look", "Open",
        "Quarantine", "Read", "Remove", "Require", "Restore", "Revoke", "Set", "Start", "Stop", "Tag",
    )
)  # fmt: skip
QUESTIONS = frozenset(("Is", "Does", "Which"))
_KEYS = frozenset(("group", "check", "target", "denied", "blocked", "benign", "benign_target", "kinds"))
_GROUP = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ANY_KIND = "*"
#: Characters of a place for a value, or of markup.
_PLACEHOLDERS = frozenset("{}%<>")


class AuthoredResponse(NamedTuple):
    """A group and where it is written: the file and the index of its [[response]] table."""

    response: Response
    source: TomlSource
    place: int


def read_responses(root: Path, problems: list[Problem]) -> dict[str, AuthoredResponse]:
    """Return the valid groups of a mapping folder by name; append the problems of the others to `problems`.

    Returns {} if the folder has no such file.
    """
    path, responses = root / RESPONSES, dict[str, AuthoredResponse]()
    source = read_toml_file(path, problems) if path.exists() else None
    if source is None:
        return responses
    problems += unknown_keys(source, {"response"})
    items = source.data.get("response", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        message = "`response` must be an array of tables: write one [[response]] per group"
        problems.append(source.problem("", Violation(message, ("response",))))
        return responses
    for place, item in enumerate(items):
        name = item.get("group")
        subject = name if isinstance(name, str) else f"response {place + 1}"
        violations = list(_check(item))
        if subject in responses:
            violations.append(Violation("is defined twice: remove one", ("group",)))
        problems += [source.problem(subject, found, "response", place) for found in violations]
        if not violations:
            response = Response(**{**item, "kinds": tuple(item.get("kinds", ()))})
            responses[subject] = AuthoredResponse(response, source, place)
    return responses


def _check(item: Mapping[str, Any]) -> Iterator[Violation]:
    for key in sorted(item.keys() - _KEYS):
        yield Violation(f"unknown key {key!r}: expected {', '.join(sorted(_KEYS))}", (key,))
    name = item.get("group")
    if not isinstance(name, str) or not _GROUP.fullmatch(name):
        yield invalid("group", "lower-case words joined by hyphens", name)
    kinds = item.get("kinds", [])
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        yield Violation("`kinds` must be a list of strings", ("kinds",))
    if "check" not in item:
        yield Violation("`check` is missing: what to check or do first")
    for key in ("check", "target", "denied", "blocked"):
        if key in item:
            yield from (Violation(f"`{key}` {message}", (key,)) for message in check_text(item[key]))
    for key in ("benign", "benign_target"):
        if key in item and not is_clause(item[key]):
            yield Violation(f"`{key}` {CLAUSE}", (key,))


def check_text(text: object) -> Iterator[str]:
    """Yield what is wrong with the text of a check."""
    if not isinstance(text, str):
        yield "must be a string"
        return
    words = text.split()
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        yield f"has {len(words)} words: write {MIN_WORDS} to {MAX_WORDS}"
    if _PLACEHOLDERS & set(text):
        yield "must be a fixed text, without { } % < >: the alert shows the finding's values"
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


def check_groups(
    responses: Mapping[str, AuthoredResponse], records: Mapping[str, AuthoredRecord]
) -> Iterator[Problem]:
    """Yield a problem for each record without a group, each unknown, unused or missing group."""
    for item in records.values():
        if not item.record.response:
            yield item.problem(Violation(f"`response` is missing: name a group of {RESPONSES}"))
        yield from map(item.problem, check_groups_of(item.record, responses))
        yield from map(item.problem, _repeated(item.record, responses))
    used = {group for item in records.values() for group in item.record.groups}
    for name, (response, source, place) in responses.items():
        if name not in used and not response.kinds and name != SAMPLE:
            violation = Violation("is not used: remove it, or name it in a record")
            yield source.problem(name, violation, "response", place)
    if not any(ANY_KIND in item.response.kinds for item in responses.values()):
        message = f'needs a group with kinds = ["{ANY_KIND}"], for types without a record'
        yield Problem(RESPONSES, "", message)
    if SAMPLE not in responses:
        yield Problem(RESPONSES, "", f'needs the group "{SAMPLE}", for sample findings')


def _repeated(record: Record, responses: Mapping[str, AuthoredResponse]) -> Iterator[Violation]:
    """Yield what is wrong with texts that only repeat those of the group: they would go their own ways."""
    stated: list[tuple[str, str, KeyPath]] = [(record.response, record.benign, ("benign",))]
    stated += [
        (rule.response, rule.benign, ("rules", place, "benign")) for place, rule in enumerate(record.rules)
    ]
    for group, benign, path in stated:
        if benign and group in responses and responses[group].response.benign == benign:
            yield Violation(f"`benign` repeats the text of the group {group}: remove it", path)
