"""The `attack` object in the words of the former ATT&CK release, as ATTACK_VERSION=18.1 asks for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from enricher.attack.catalog import Pair
from enricher.enrichment.enrich import attack_block, enrich, entries_of
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping
from tests import examples

FORMER = "18.1"


def _block(mapping: Mapping, tactic: str, technique: str | None, rationale: str = "") -> dict[str, Any]:
    entry = Entry(Pair(tactic, technique), "low", "guardduty", rationale)
    return attack_block([entry], None, mapping, FORMER)


def _surprises(block: dict[str, Any], mapping: Mapping) -> list[str]:
    """List what a consumer that knows 18.1 alone would stumble over, `since` left aside."""
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
        if row["parent"] and former.techniques[row["parent"]["id"]].name != row["parent"]["name"]:
            found.append(row["parent"]["id"])
    return found


def test_no_record_surprises_a_consumer_of_the_former_release(mapping: Mapping) -> None:
    """No record may say an id, a name or a pair that 18.1 does not have, and none may lose its entries."""
    for record in mapping.records.values():
        now = attack_block(entries_of(record), record, mapping)
        before = attack_block(entries_of(record), record, mapping, FORMER)
        assert (record.type, _surprises(before, mapping)) == (record.type, [])
        assert (record.type, before["status"]) == (record.type, now["status"])


@pytest.mark.parametrize("name", examples.names())
def test_no_example_surprises_a_consumer_of_the_former_release(name: str, mapping: Mapping) -> None:
    """What evidence and GuardDuty's own data add must speak 18.1 as well."""
    enriched = enrich(Finding.from_json(examples.text_of(name)), mapping, FORMER)
    assert enriched.attack["version"] == FORMER
    assert _surprises(enriched.attack, mapping) == []


def test_since_is_there_only_where_the_releases_differ(mapping: Mapping) -> None:
    """An entry that both releases say alike must have no `since`, one that changed must name 19.2's."""
    assert "since" not in _block(mapping, "TA0007", "T1046")["techniques"][0]
    assert _block(mapping, "TA0112", "T1685.002")["techniques"][0]["since"] == {
        "version": "19.2",
        "id": "T1685.002",
        "name": "Disable or Modify Cloud Log",
        "tactic": {"id": "TA0112", "name": "Defense Impairment"},
    }


def test_sub_technique_that_is_new_falls_back_to_its_parent(mapping: Mapping) -> None:
    """What 18.1 did not have must be told by its parent there, with the new id in `since`."""
    row = _block(mapping, "TA0112", "T1686.003")["techniques"][0]
    assert (row["id"], row["since"]["id"]) == ("T1562.004", "T1686.003")


def test_technique_that_is_new_falls_back_to_the_tactic(mapping: Mapping) -> None:
    """A technique that 18.1 had nothing like must leave its tactic, so that the finding is not untagged."""
    catalogue = mapping.catalogue
    new = next(
        technique
        for technique in catalogue.pinned.techniques.values()
        if technique.parent_id is None and catalogue.former_technique(technique.id) is None
    )
    block = _block(mapping, new.tactics[0], new.id)
    assert (block["status"], block["techniques"]) == ("tactic-only", [])
    assert [row["id"] for row in block["tactics"]] == [new.tactics[0].replace("TA0112", "TA0005")]


def test_tactic_alone_is_told_by_its_former_name(mapping: Mapping) -> None:
    """A tactic without a technique must be Defense Evasion where 19.2 says Stealth or Defense Impairment."""
    expected = {
        "id": "TA0005",
        "name": "Defense Evasion",
        "url": "https://attack.mitre.org/versions/v18/tactics/TA0005/",
    }
    assert [_block(mapping, key, None)["tactics"] for key in ("TA0005", "TA0112")] == [[expected], [expected]]


def test_rationale_names_the_former_ids(mapping: Mapping) -> None:
    """Ids in a rationale must be 18.1's too, the entry's own by what the record states."""
    entry = Entry(
        Pair("TA0112", "T1685", former="T1562"), "low", "finding-type", "T1685, not T1685.002 or T1046."
    )
    row = attack_block([entry], None, mapping, FORMER)["techniques"][0]
    assert row["rationale"] == "T1562, not T1562.008 or T1046."
