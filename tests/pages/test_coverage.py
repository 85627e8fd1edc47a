"""Tests of the pairs that records and rules give."""

from __future__ import annotations

import pytest

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import coverage, fold, kinds
from tests import examples


@pytest.fixture(scope="module", params=["19.2", "18.1"])
def version(request: pytest.FixtureRequest) -> str:
    """Return an ATT&CK version."""
    return str(request.param)


def test_each_pair_is_counted_once_by_what_it_rests_on(mapping: AttackMapping, version: str) -> None:
    """The kinds must add up to all pairs, and each pair rest on what its kind says."""
    cells = coverage(mapping, version)
    assert len(cells) == sum(kinds(cells).values())
    assert all(cell.active for cell in cells.values() if cell.kind == "type")
    assert all(cell.rules and not cell.active for cell in cells.values() if cell.kind == "rule")
    assert all(cell.retired and not cell.rules for cell in cells.values() if cell.kind == "retired")


def test_every_pair_of_the_example_findings_is_covered(mapping: AttackMapping) -> None:
    """Whatever pair a finding of a known type gets must be one that coverage knows, through that type."""
    cells = coverage(mapping)
    for name in examples.names():
        finding = Finding.from_event(examples.event(name))
        record = mapping.record_for(finding.type)
        for row in enrich(finding, mapping).attack["techniques"]:
            if row["source"] not in ("finding-type", "evidence") or record is None:
                continue
            cell = cells[row["id"], row["tactic"]["id"]]
            through = {kind for kinds_ in cell.through.values() for kind in kinds_}
            known = {*cell.active, *cell.retired} if row["source"] == "finding-type" else through
            assert record.is_retired or record.type in known, (name, row["id"])


def test_folded_techniques_hold_every_pair_of_their_tactic_once(mapping: AttackMapping, version: str) -> None:
    """Folding must keep every pair of a type or rule, each in one technique, those of types first."""
    cells = coverage(mapping, version)
    folded = {tactic: fold(cells, tactic) for tactic in mapping.catalogue.release(version).tactics}
    keys = [key for rows in folded.values() for row in rows for key in row.cells]
    assert sorted(keys) == sorted(key for key, cell in cells.items() if cell.kind != "retired")
    for rows in folded.values():
        assert [row.kind for row in rows] == sorted((row.kind for row in rows), reverse=True)
        assert all(key[0].startswith(row.technique) for row in rows for key in row.cells)
