"""Collect what the matrix page shows, as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from enricher.attack.catalog import Release, archived_url
from enricher.authoring.known_types import DATA_SOURCES, PLANS, KnownType, read_known_types
from enricher.authoring.loader import ROOT, read_guide_pages
from enricher.authoring.rule_docs import Conditions, rules_of, scope_of
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.precedence import entries_of
from enricher.enrichment.response import benign_of
from enricher.mapping.model import CONFIDENCES, AttackMapping, Record
from enricher.pages.coverage import Cells, coverage
from enricher.pages.observed import Observed, Tally

#: Values of one condition of a rule that are listed.
_MAX_VALUES = 12
#: Accounts, resources, evidence and types listed for one observed cell; all of them are counted.
_MAX_LISTED = 25

Object = dict[str, Any]


def matrix_data(
    mapping: AttackMapping, version: str | None = None, observed: Observed | None = None
) -> Object:
    """Return the data of the page; version: the ATT&CK release that it opens with.

    Finding types, rules and lists of types are referred to by their index.
    """
    types = {name: number for number, name in enumerate(mapping.records)}
    rules = {rule.id: number for number, rule in enumerate(rules_of(mapping))}
    conditions, lists = Conditions(mapping, most=_MAX_VALUES), _Lists()
    releases = {}
    # Observed findings were tagged in one release; the page then shows that one only.
    for name in [version or mapping.catalogue.pinned.version] if observed else mapping.catalogue.versions:
        release = mapping.catalogue.release(name)
        archived = release is mapping.catalogue.former
        releases[release.version] = {
            "url": archived_url("https://attack.mitre.org/", name)
            if archived
            else "https://attack.mitre.org/",
            "tactics": [[tactic.id, tactic.name] for tactic in release.tactics.values()],
            "techniques": _techniques(release),
            "cells": _cells(coverage(mapping, name), types, rules, lists),
        }
    return {
        "mapping": mapping.version,
        "version": version or mapping.catalogue.pinned.version,
        "releases": releases,
        "types": _types(mapping, version),
        "rules": [
            [rule.id, conditions.of(rule), scope_of(rule), rule.rationale] for rule in rules_of(mapping)
        ],
        "lists": lists.rows,
        "sources": list(DATA_SOURCES),
        "plans": list(PLANS),
        "observed": _observed(observed) if observed else None,
    }


class _Lists:
    """Lists of type indexes, each stored once."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self._known: dict[tuple[int, ...], int] = {}

    def index(self, row: Sequence[int]) -> int:
        number = self._known.setdefault(tuple(row), len(self.rows))
        if number == len(self.rows):
            self.rows.append(list(row))
        return number


def _techniques(release: Release) -> dict[str, list[str]]:
    return {key: [item.name, *item.tactics] for key, item in sorted(release.techniques.items())}


def _cells(
    cells: Cells, types: Mapping[str, int], rules: Mapping[str, int], lists: _Lists
) -> list[list[Any]]:
    """Return rows of technique, tactic, [type, confidence] and [rule, confidence, list of its types]."""
    return [
        [
            technique,
            tactic,
            [
                [types[name], CONFIDENCES.index(confidence)]
                for name, confidence in (*cell.active.items(), *cell.retired.items())
            ],
            [
                [
                    rules[name],
                    CONFIDENCES.index(confidence),
                    lists.index([types[key] for key in cell.through.get(name, ())]),
                ]
                for name, confidence in cell.rules.items()
            ],
        ]
        for (technique, tactic), cell in cells.items()
    ]


def _types(mapping: AttackMapping, version: str | None) -> list[Object]:
    known = {row.type: row for row in read_known_types(ROOT)} if ROOT.is_dir() else {}
    pages = read_guide_pages() if ROOT.is_dir() else {}
    return [
        _type(record, known.get(name), pages.get(record.file, ""), mapping, version)
        for name, record in mapping.records.items()
    ]


def _type(
    record: Record, facts: KnownType | None, page: str, mapping: AttackMapping, version: str | None
) -> Object:
    rows = attack_block(entries_of(record), record, mapping, version)["techniques"]
    return {
        "name": record.type,
        "file": record.file,
        "retired": record.is_retired,
        "retiredOn": record.retired,
        "successor": record.successor,
        "severity": facts.severity if facts else "",
        "sources": facts.data_source.split("; ") if facts and facts.data_source else [],
        "plans": facts.plan.split("; ") if facts and facts.plan else [],
        "read": facts.read if facts else "",
        "why": rows[0]["rationale"] if rows else record.rationale,
        "benign": _benign(record, mapping),
        "caveats": record.caveats,
        "links": [*([page] if page else []), *record.references],
        "provenance": record.provenance,
        "reviewed": record.reviewed,
    }


def _benign(record: Record, mapping: AttackMapping) -> str:
    """Return what makes a finding of the type benign, "" if nothing states it; by rule where rules differ."""
    response = mapping.responses.get(record.response)
    if response is None:
        return ""
    groups = ((rule, mapping.responses.get(rule.response, response)) for rule in record.rules)
    texts = (f"{benign_of(record, group, rule)} ({rule.name})" for rule, group in groups)
    return "; if ".join(texts) or benign_of(record, response)


def _observed(observed: Observed) -> Object:
    return {
        "findings": observed.total.findings,
        "accounts": len(observed.total.accounts),
        "first": _moment(observed.total, "first"),
        "last": _moment(observed.total, "last"),
        "samples": observed.samples,
        "unmapped": observed.unmapped.findings,
        "archived": observed.archived,
        "outside": observed.outside,
        "firstDay": str(observed.period.since or ""),
        "lastDay": str(observed.period.until or ""),
        "cells": {f"{key[0]} {key[1]}": _tally(tally) for key, tally in sorted(observed.cells.items())},
    }


def _tally(tally: Tally) -> Object:
    """Return one cell; `days`, `last`: how many findings, and accounts, were last seen on each day."""
    last = Counter(str(day) for _, day in tally.accounts.values() if day)
    accounts = sorted(tally.accounts.items(), key=lambda item: (-item[1][0], item[0]))[:_MAX_LISTED]
    return {
        "findings": tally.findings,
        "occurrences": tally.occurrences,
        "accounts": len(tally.accounts),
        "first": _moment(tally, "first"),
        "latest": _moment(tally, "last"),
        "days": {str(day): number for day, number in sorted(tally.days.items())},
        "last": dict(sorted(last.items())),
        "byAccount": [[name, number] for name, (number, _) in accounts],
        "resources": tally.resources.most(_MAX_LISTED),
        "evidence": tally.evidence.most(_MAX_LISTED),
        "types": tally.types.most(_MAX_LISTED),
    }


def _moment(tally: Tally, name: str) -> str:
    moment = getattr(tally, name)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
