"""Test what the name of an unknown finding type still says."""

from __future__ import annotations

import pytest

from enricher.enrichment.enrich import enrich
from enricher.enrichment.unknown_type import purpose_tactics, read_type
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping
from tests import examples


@pytest.mark.parametrize(
    ("finding_type", "pairs"),
    [
        ("Exfiltration:NewService/TransferDataToCloudAccount", [("TA0010", "T1537")]),
        ("DefenseImpairment:NewService/DisableOrModifyTools", [("TA0112", "T1685")]),
        ("DefenseEvasion:NewService/ImpairDefenses", [("TA0112", "T1685")]),
        ("CredentialAccess:NewService/BruteForce.Slow", [("TA0006", "T1110")]),
        ("Trojan:NewThing/DropPoint", [("TA0011", "T1071"), ("TA0010", "T1041")]),
        ("Trojan:NewThing/DropPoint!DNS", [("TA0011", "T1071"), ("TA0010", "T1041")]),
        ("Persistence:NewService/AnomalousBehavior", [("TA0003", None)]),
        ("Discovery:NewService/TorIPCaller", [("TA0007", None)]),
        ("CryptoCurrency:NewService/SomethingOdd", [("TA0040", None)]),
        ("Recon:NewService/SomethingOdd", [("TA0043", None)]),
        ("Policy:NewService/SomethingOdd", []),
        ("Trojan:NewService/SomethingOdd", []),
        ("Behavior:NewService/SomethingOdd", []),
        ("", []),
        (":/", []),
        ("T1110:T1110/T1110", []),
    ],
)
def test_unknown_type(finding_type: str, pairs: list[tuple[str, str | None]], mapping: Mapping) -> None:
    """A spelt technique wins over a twin, a twin over the purpose; a purpose that is no aim says nothing."""
    entries = read_type(finding_type, mapping)
    assert pairs == [(entry.pair.tactic, entry.pair.technique) for entry in entries]
    assert {("low", "threat-purpose")} >= {(entry.confidence, entry.source) for entry in entries}


def test_twin_is_named(mapping: Mapping) -> None:
    """An entry taken from a twin must say which type it was read as."""
    assert "Trojan:EC2/DropPoint" in read_type("Trojan:NewThing/DropPoint", mapping)[0].rationale


def test_unknown_example_is_tagged(mapping: Mapping) -> None:
    """The example of a type that nobody documents must be tagged by its name, at low confidence."""
    (row,) = enrich(Finding.from_event(examples.event("awkward-unknown-type")), mapping).attack["techniques"]
    assert ("T1537", "low", "threat-purpose") == (row["id"], row["confidence"], row["source"])


def test_every_purpose_in_use_is_stated(mapping: Mapping) -> None:
    """The table of purposes must list the purpose of every known finding type."""
    used = {finding_type.partition(":")[0] for finding_type in mapping.records}
    assert set() == used - mapping.evidence["purposes"].keys()


def test_purposes_of_no_mapping_are_none(mapping: Mapping) -> None:
    """A mapping without evidence must know no purposes and still answer."""
    bare = Mapping(mapping.version, mapping.catalogue, {})
    assert () == purpose_tactics("Persistence", bare)
    assert () == read_type("Persistence:X/Y", bare)
