"""Compare the mapping with public sources: `python3 -m tests.mapping.agreement [--check | --write]`.

Prints the table of docs/mapping.md; --write updates it there, --check fails if it is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from enricher.attack.catalog import parent_id
from enricher.authoring.files import read_csv
from enricher.authoring.loader import ROOT
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests.bundled import bundled_mapping

DATA = Path(__file__).parents[1] / "data"
PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"
START, END = "<!-- agreement -->\n", "<!-- end of agreement -->\n"
#: A finding type of each tactic whose findings are about API calls.
_TYPES = {
    "TA0003": "Persistence:IAMUser/AnomalousBehavior",
    "TA0004": "PrivilegeEscalation:IAMUser/AnomalousBehavior",
    "TA0007": "Discovery:IAMUser/AnomalousBehavior",
    "TA0008": "LateralMovement:IAMUser/AnomalousBehavior",
    "TA0040": "Impact:IAMUser/AnomalousBehavior",
    "TA0112": "DefenseEvasion:IAMUser/AnomalousBehavior",
}


class Agreement(NamedTuple):
    """How far one source agrees: how many of its statements have the same first or any entry."""

    source: str
    what: str
    total: int
    first: int
    any_entry: int
    missing: list[str]


def agreements(mapping: AttackMapping) -> Iterator[Agreement]:
    """Yield the agreement with each source; techniques agree if their parent is the same."""
    types_2020 = [
        (row["finding_type"], {"type": row["finding_type"]}, row["technique"])
        for _, row in read_csv(ROOT / "choices-2020.csv")
    ]
    yield _agreement("The mapping of 2020", "finding type and technique", types_2020, mapping)
    of_aws = [
        (row["rule"], {"type": row["finding_type"], "customDetectionRuleName": row["rule"]}, row["technique"])
        for _, row in read_csv(ROOT / "aws-custom-detection-rules.csv")
    ]
    yield _agreement("AWS's custom detection rules", "rule and technique", of_aws, mapping)
    named = [
        (row["call"], _call(_TYPES[row["tactic"]], row), row["technique"])
        for _, row in read_csv(DATA / "calls-named-by-mitre.csv")
    ]
    yield _agreement("ATT&CK's own texts", "API call and technique that names it", named, mapping)
    yield _tactic_agreement(mapping)


def _call(finding_type: str, row: dict[str, str]) -> dict[str, Any]:
    action = {"api": row["call"], "serviceName": row["service"], "callerType": "Remote IP"}
    return {"type": finding_type, "service": {"action": {"awsApiCallAction": action}}}


def _agreement(
    source: str, what: str, statements: Iterable[tuple[str, dict[str, Any], str]], mapping: AttackMapping
) -> Agreement:
    total = first = any_entry = 0
    missing = []
    for name, detail, technique in statements:
        found = [
            parent_id(entry.pair.technique or "") or entry.pair.technique
            for entry in enrich(Finding.from_detail(detail), mapping).entries
        ]
        expected = parent_id(technique) or technique
        total += 1
        first += found[:1] == [expected]
        any_entry += expected in found
        if expected not in found:
            missing.append(name)
    return Agreement(source, what, total, first, any_entry, missing)


def _tactic_agreement(mapping: AttackMapping) -> Agreement:
    examples = [row for _, row in read_csv(DATA / "calls-named-by-aws.csv")]
    total = first = any_entry = 0
    missing = []
    for row in examples:
        finding = Finding.from_detail(_call(row["finding_type"], row))
        aims = mapping.evidence["purposes"][row["finding_type"].partition(":")[0]]
        found = [
            entry.pair.tactic for entry in enrich(finding, mapping).entries if entry.source == "evidence"
        ]
        total += 1
        first += bool(found) and found[0] in aims
        any_entry += bool(set(aims) & set(found))
        if not set(aims) & set(found):
            missing.append(row["call"])
    return Agreement(
        "AWS's examples of API calls", "call and tactic of its finding type", total, first, any_entry, missing
    )


def table(mapping: AttackMapping) -> str:
    """Return the table in Markdown."""
    lines = ["| Source | Compared | Statements | First entry | Any entry |", "|---|---|---|---|---|"]
    lines += [
        f"| {item.source} | {item.what} | {item.total} | {item.first} | {item.any_entry} |"
        for item in agreements(mapping)
    ]
    return "\n".join(lines) + "\n"


def page_with(text: str) -> str:
    """Return docs/mapping.md with the table in its place."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(START)
    return f"{head}{START}\n{text}\n{END}{rest.partition(END)[2]}"


def main(arguments: list[str]) -> int:
    """Print, write or check the table; return 1 if --check finds it out of date."""
    mapping = bundled_mapping()
    text = table(mapping)
    if arguments == ["--check"]:
        return int(page_with(text) != PAGE.read_text(encoding="utf-8"))
    if arguments == ["--write"]:
        PAGE.write_text(page_with(text), encoding="utf-8")
    sys.stdout.write(text)
    for item in agreements(mapping):
        if item.missing:
            sys.stdout.write(f"{item.source}, without: {', '.join(item.missing)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
