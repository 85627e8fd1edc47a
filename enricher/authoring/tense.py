"""Check that a text on a call reads right where the call was denied: in the present tense, nothing asserted.

An alert puts "The call was denied and nothing changed. What it means when it succeeds:" in front of such a
text, so "Objects were deleted" or "the key is stolen" would claim what did not happen or is not known. The
check knows words, not grammar: a phrase that it reports wrongly has to be worded in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enricher.authoring.files import EVIDENCE, read_toml
from enricher.authoring.known_types import read_known_types
from enricher.authoring.rule_validation import paths_of
from enricher.mapping.problems import Problem, Violation

#: Fields that show an API call or its caller: a rule that reads one may stand under a denied call.
_CALL_FIELDS = (
    "service.action.awsApiCallAction",
    "service.action.kubernetesApiCallAction",
    "resource.accessKeyDetails",
    "resource.kubernetesDetails",
    "resource.s3BucketDetails[].publicAccess",
    "customDetectionRuleName",
)
#: Sources of findings that report calls, as in mapping/finding-types.csv.
_CALL_SOURCES = ("CloudTrail", "EKS audit logs", "AI Protection")

#: Participles that are not formed with -ed and are not a present tense as well (read, set, put, cut, let).
_IRREGULAR = (
    "been|begun|bought|bound|broken|brought|built|caught|chosen|come|done|drawn|fallen|found|given|gone|grown"
    "|held|hidden|kept|known|left|lent|lost|made|paid|run|seen|sent|shown|sold|spent|spoken|stolen|taken|thrown"
    "|thought|told|won|written"
)
#: Simple pasts that can be nothing else.
_PAST = (
    "ate|became|began|broke|came|chose|did|drew|drove|fell|flew|gave|got|grew|had|hid|knew|ran|rose|saw|spoke"
    "|stole|threw|took|was|went|were|wrote"
)
#: A past may be a participle as well: after an agent it is taken as the verb of the clause, after a thing
#: only where no preposition follows ("the call deleted it", not "a call associated with it").
_AGENTS = (
    "actor|administrator|attacker|aws|caller|guardduty|he|identity|intruder|it|nobody|principal|she|somebody"
    "|someone|they|user|which|who"
)
_THINGS = "address|api|call|credential|function|host|instance|key|owner|process|role|s3|session"
_PAST_OR_PARTICIPLE = (
    r"(?:(?!(?:need|exceed|proceed|feed|speed|embed)\b)\w+ed"
    "|built|bought|brought|found|held|kept|left|lost|made|sent|told)"
)
_PREPOSITIONS = "as|at|by|for|from|in|on|through|to|under|with"
_ADVERB = r"(?: (?:also|never|then|\w+ly))?"
_PAST_TENSE, _PERFECT = "is in the past tense", "is in the perfect tense"
_FORMS = tuple(
    (re.compile(rf"\b{pattern}\b", re.IGNORECASE), fault)
    for pattern, fault in (
        (rf"(?:{_PAST})", _PAST_TENSE),
        (rf"(?:has|have)(?: (?:not|never|already|also|just|\w+ly))* (?:\w+ed|{_IRREGULAR})", _PERFECT),
        (rf"(?:{_AGENTS}){_ADVERB} {_PAST_OR_PARTICIPLE}", _PAST_TENSE),
        (rf"(?:{_THINGS}){_ADVERB} {_PAST_OR_PARTICIPLE} (?!(?:{_PREPOSITIONS})\b)\w+", _PAST_TENSE),
        # An object follows: "requests listed the buckets", not "requests listed in the finding".
        (rf"\w+s {_PAST_OR_PARTICIPLE} (?:a|an|the|its|their|your|this|these|all|any|every)", _PAST_TENSE),
        ("now", "says that something has changed"),
    )
)
_ASSERTED = re.compile(r"\b(is|are) (compromised|leaked|stolen|taken over)\b", re.IGNORECASE)
#: Words with which a sentence asserts nothing.
_HEDGE = re.compile(
    r"\b(if|may|might|can|could|indicates?|likely|probably|suggests?|unless|whether|where)\b", re.IGNORECASE
)


def check_tense(root: Path) -> Iterator[Problem]:
    """Yield the problems of the rationales on calls, of rules and records, in a valid mapping folder."""
    for source in read_toml(root / EVIDENCE, [], EVIDENCE):
        for place, item in enumerate(source.data.get("rule", [])):
            if reads_a_call(item):
                for claim in claims_of(item["rationale"]):
                    yield source.problem(item["id"], Violation(claim, ("rationale",)), "rule", place)
    types = {row.type for row in read_known_types(root) if row.data_source.startswith(_CALL_SOURCES)}
    for source in read_toml(root, []):
        for place, item in enumerate(source.data.get("finding", [])):
            if item["type"] in types:
                for claim in claims_of(item["rationale"]):
                    yield source.problem(item["type"], Violation(claim, ("rationale",)), "finding", place)


def claims_of(text: str) -> Iterator[str]:
    """Yield a message for each phrase that claims an effect, or a compromise, in a text on a call."""
    for sentence in re.split(r"(?<=[.!?;]) ", " ".join(text.split())):
        for form, fault in _FORMS:
            for found in form.finditer(sentence):
                yield f"`rationale`: {found[0]!r} {fault}, but the call may have failed: write what it does"
        asserted = _ASSERTED.search(sentence)
        if asserted and not _HEDGE.search(sentence):
            yield f"`rationale`: {asserted[0]!r} asserts the usual explanation: write what is shown"


def reads_a_call(item: Mapping[str, Any]) -> bool:
    """Return whether a valid rule, as its TOML table, may stand under a denied call."""
    paths = [path for condition in item.get("when", []) for path in paths_of(condition["field"])]
    return "when" not in item or any(
        path.startswith(_CALL_FIELDS) for path in (*paths, *item.get("show", []))
    )
