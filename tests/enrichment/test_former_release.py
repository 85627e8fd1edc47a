"""Test the `attack` object in the former ATT&CK release, as ATTACK_VERSION=18.1 selects it."""

from __future__ import annotations

import re

import pytest

from enricher.attack.catalog import Pair
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.attack_object import Attack, is_sub_technique
from enricher.enrichment.enrich import enrich
from enricher.enrichment.precedence import entries_of
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples

FORMER = "18.1"


def _block(mapping: AttackMapping, tactic: str, technique: str | None, rationale: str = "") -> Attack:
    entry = Entry(Pair(tactic, technique), "low", "guardduty", rationale)
    return attack_block([entry], None, mapping, FORMER)


def _unknown_to_former(block: Attack, mapping: AttackMapping) -> list[str]:
    """Return names and IDs that 18.1 does not have, except those in `currently`."""
    former = mapping.catalogue.former
    found = [row["name"] for row in block["tactics"] if former.tactics[row["id"]].name != row["name"]]
    for row in block["techniques"]:
        known = former.techniques.get(row["id"])
        if known is None or known.name != row["name"] or row["tactic"]["id"] not in known.tactics:
            found.append(row["id"])
        found += [
            key
            for key in re.findall(r"\bT\d{4}(?:\.\d{3})?\b", row["rationale"])
            if key not in former.techniques
        ]
        found += re.findall(r"Stealth|Defense Impairment|TA0112", row["rationale"])
        if is_sub_technique(row) and former.techniques[row["parent"]["id"]].name != row["parent"]["name"]:
            found.append(row["parent"]["id"])
    return found


def test_every_record_is_valid_in_the_former_release(mapping: AttackMapping) -> None:
    """No record may output an ID, name or pair that 18.1 does not have, and none may lose its entries."""
    for record in mapping.records.values():
        now = attack_block(entries_of(record), record, mapping)
        before = attack_block(entries_of(record), record, mapping, FORMER)
        assert (record.type, _unknown_to_former(before, mapping)) == (record.type, [])
        assert (record.type, before["status"]) == (record.type, now["status"])


@pytest.mark.parametrize("name", examples.names())
def test_every_example_is_valid_in_the_former_release(name: str, mapping: AttackMapping) -> None:
    """Entries from evidence and from GuardDuty's own data must use 18.1 as well."""
    enriched = enrich(Finding.from_json(examples.text_of(name)), mapping, FORMER)
    assert enriched.attack["version"] == FORMER
    assert _unknown_to_former(enriched.attack, mapping) == []


def test_every_entry_has_its_current_names(mapping: AttackMapping) -> None:
    """In 18.1 mode every entry must have 19.2's names in `currently`, the same ones where nothing changed."""
    assert _block(mapping, "TA0007", "T1046")["techniques"][0]["currently"] == {
        "version": "19.2",
        "id": "T1046",
        "name": "Network Service Discovery",
        "tactic": {"id": "TA0007", "name": "Discovery"},
    }
    assert _block(mapping, "TA0112", "T1685.002")["techniques"][0]["currently"] == {
        "version": "19.2",
        "id": "T1685.002",
        "name": "Disable or Modify Cloud Log",
        "tactic": {"id": "TA0112", "name": "Defense Impairment"},
    }


def test_new_sub_technique_falls_back_to_its_parent(mapping: AttackMapping) -> None:
    """A sub-technique that 18.1 does not have must become its parent, with the new ID in `currently`."""
    row = _block(mapping, "TA0112", "T1686.003")["techniques"][0]
    assert (row["id"], row["currently"]["id"]) == ("T1562.004", "T1686.003")


def test_new_technique_falls_back_to_its_tactic(mapping: AttackMapping) -> None:
    """A technique without a counterpart in 18.1 must leave its tactic, so that the finding is tagged."""
    catalogue = mapping.catalogue
    new = next(
        technique
        for technique in catalogue.pinned.techniques.values()
        if technique.parent_id is None and catalogue.former_technique(technique.id) is None
    )
    block = _block(mapping, new.tactics[0], new.id)
    assert (block["status"], block["techniques"]) == ("tactic-only", [])
    assert [row["id"] for row in block["tactics"]] == [new.tactics[0].replace("TA0112", "TA0005")]


def test_tactic_alone_has_its_former_name(mapping: AttackMapping) -> None:
    """Stealth and Defense Impairment of 19.2 must become Defense Evasion in 18.1."""
    expected = {
        "id": "TA0005",
        "name": "Defense Evasion",
        "url": "https://attack.mitre.org/versions/v18/tactics/TA0005/",
    }
    assert [_block(mapping, key, None)["tactics"] for key in ("TA0005", "TA0112")] == [[expected], [expected]]


def test_rationale_contains_the_former_ids(mapping: AttackMapping) -> None:
    """IDs in a rationale must be those of 18.1; for the entry's own ID the record's `former` is used."""
    entry = Entry(
        Pair("TA0112", "T1685", former="T1562"), "low", "finding-type", "T1685, not T1685.002 or T1046."
    )
    row = attack_block([entry], None, mapping, FORMER)["techniques"][0]
    assert row["rationale"] == "T1562, not T1562.008 or T1046."


def test_rationale_keeps_an_id_without_a_former_one(mapping: AttackMapping) -> None:
    """An ID in a rationale that 18.1 has no counterpart for must stay as it is."""
    catalogue = mapping.catalogue
    new = next(key for key in catalogue.pinned.techniques if catalogue.former_technique(key) is None)
    row = _block(mapping, "TA0007", "T1046", f"T1046, unlike {new}.")["techniques"][0]
    assert row["rationale"] == f"T1046, unlike {new}."
