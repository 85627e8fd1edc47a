"""Check that the mapping keeps what others decided: the choices of 2020 and AWS's custom detection rules.

`choices-2020.csv` and `aws-custom-detection-rules.csv` list them; CONTRIBUTING.md says why they are fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from enricher.attack.catalog import Catalogue, parent_id
from enricher.authoring.authored_records import AuthoredRecord
from enricher.authoring.files import read_csv
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record
from enricher.mapping.problems import Problem, Violation

CHOICES_2020, AWS_RULES = "choices-2020.csv", "aws-custom-detection-rules.csv"
#: The record file of the types of custom detection rules.
_RULE_FILE = "custom-detection-rules"


class Choice(NamedTuple):
    """One row of a list: a type, or a custom detection rule of a type, with its tactic and technique IDs."""

    line: int
    rule: str
    type: str
    tactic: str
    technique: str


def read_choices(root: Path, name: str, catalogue: Catalogue) -> list[Choice]:
    """Return the rows of a list in a mapping folder; a tactic may be given by its name."""
    ids = {tactic.name: tactic.id for tactic in catalogue.pinned.tactics.values()}
    return [
        Choice(
            line,
            row.get("rule", ""),
            row["finding_type"],
            ids.get(row["tactic"], row["tactic"]),
            row["technique"],
        )
        for line, row in read_csv(root / name, "finding_type", "tactic", "technique")
    ]


def check_kept_choices(
    root: Path, catalogue: Catalogue, records: Mapping[str, AuthoredRecord]
) -> Iterator[Problem]:
    """Yield the problems of records that differ from a list, or claim a provenance that no list has."""
    choices = read_choices(root, CHOICES_2020, catalogue)
    rules: dict[str, list[Choice]] = defaultdict(list)
    for rule in read_choices(root, AWS_RULES, catalogue):
        rules[rule.type].append(rule)
    for choice in choices:
        if item := records.get(choice.type):
            yield from map(item.problem, _check_choice(item.record, choice))
    for finding_type, listed in rules.items():
        if item := records.get(finding_type):
            yield from map(item.problem, _check_rules(item.record, listed))
    of_2020 = {choice.type for choice in choices}
    for item in records.values():
        record = item.record
        if record.provenance == "2020" and record.type not in of_2020:
            message = f"`provenance` is 2020, but {CHOICES_2020} has no such type"
            yield item.problem(Violation(message, ("provenance",)))
        if record.file == _RULE_FILE and record.type not in rules:
            yield item.problem(Violation(f"{AWS_RULES} has no rule of this type", ("type",)))


def _check_choice(record: Record, choice: Choice) -> Iterator[Violation]:
    if record.provenance != "2020":
        yield Violation(f'`provenance` must be "2020", as in {CHOICES_2020}', ("provenance",))
    first = record.pairs[0] if record.pairs else None
    technique = first.technique or "" if first else ""
    if (
        first is None
        or first.tactic != choice.tactic
        or choice.technique not in (technique, parent_id(technique))
    ):
        message = f"the first entry must be {choice.tactic} {choice.technique} or a sub-technique of it: "
        yield Violation(f"{message}{CHOICES_2020}, line {choice.line}", ("attack",))


def _check_rules(record: Record, rules: list[Choice]) -> Iterator[Violation]:
    if record.provenance != "aws":
        yield Violation(f'`provenance` must be "aws", as in {AWS_RULES}', ("provenance",))
    pairs = [(pair.tactic, pair.technique) for pair in record.pairs]
    of_aws = [(rule.tactic, rule.technique) for rule in rules]
    if pairs[:1] and pairs[0] not in of_aws:
        yield Violation(f"the first entry must be that of one of AWS's rules, see {AWS_RULES}", ("attack",))
    for rule in rules:
        if (rule.tactic, rule.technique) not in pairs:
            message = f"must have {rule.tactic} {rule.technique} of AWS's rule {rule.rule}"
            yield Violation(f"{message}: {AWS_RULES}, line {rule.line}", ("attack",))
    # A group of its own says what is benign as well.
    stated = {rule.name: rule.benign or rule.response for rule in record.rules}
    names = {rule.rule for rule in rules} if len(rules) > 1 else set()
    for name in sorted(names):
        if not stated.get(name):
            yield Violation(f"must say what is benign for AWS's rule {name}: write [[finding.rules]]")
    for place, name in enumerate(stated):
        if name not in names:
            message = f"rule {name!r} is not one of several of AWS's rules of this type"
            yield Violation(message, ("rules", place))


def check_rule_names(root: Path, mapping: AttackMapping) -> Iterator[Problem]:
    """Yield a problem for each of AWS's rules whose name in a finding does not give AWS's entry first."""
    for choice in read_choices(root, AWS_RULES, mapping.catalogue):
        detail = {"type": choice.type, "customDetectionRuleName": choice.rule}
        entries = enrich(Finding.from_detail(detail), mapping).entries
        got = [(entry.source, entry.pair.tactic, entry.pair.technique) for entry in entries]
        expected = ("evidence", choice.tactic, choice.technique)
        if got[:1] != [expected]:
            found = " ".join(str(part) for part in got[0]) if got else "no entry"
            message = f"a finding of rule {choice.rule} must have {' '.join(expected)} first, got {found}"
            remedy = "see evidence/custom-rules.toml"
            yield Problem(AWS_RULES, choice.type, f"{message}: {remedy}", choice.line)
