"""Test deriving entries from the name of an unknown finding type."""

from __future__ import annotations

import pytest

from enricher.enrichment.enrich import enrich
from enricher.enrichment.unknown_type import purpose_tactics, read_type
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
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
        ("Policy:NewService/BruteForce", [("TA0006", "T1110")]),
        ("Impact:NewService/BruteForce", [("TA0006", "T1110")]),
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
def test_unknown_type_is_tagged_by_its_name(
    finding_type: str, pairs: list[tuple[str, str | None]], mapping: AttackMapping
) -> None:
    """A technique name precedes a counterpart, a counterpart the purpose; some purposes imply no tactic."""
    entries = read_type(finding_type, mapping)
    assert pairs == [(entry.pair.tactic, entry.pair.technique) for entry in entries]
    assert {("low", "threat-purpose")} >= {(entry.confidence, entry.source) for entry in entries}


def test_counterpart_is_in_the_rationale(mapping: AttackMapping) -> None:
    """The rationale of an entry from a counterpart must name the counterpart's type."""
    assert "Trojan:EC2/DropPoint" in read_type("Trojan:NewThing/DropPoint", mapping)[0].rationale


def test_undocumented_type_is_tagged_with_low_confidence(mapping: AttackMapping) -> None:
    """The example of an undocumented type must be tagged by its API call, with low confidence."""
    (row,) = enrich(Finding.from_event(examples.event("awkward-unknown-type")), mapping).attack["techniques"]
    assert ("T1537", "low", "evidence") == (row["id"], row["confidence"], row["source"])


def test_mapping_without_evidence_has_no_purposes(mapping: AttackMapping) -> None:
    """A mapping without evidence must have no purposes and must not raise."""
    bare = AttackMapping(mapping.version, mapping.catalogue, {})
    assert () == purpose_tactics("Persistence", bare)
    assert () == read_type("Persistence:X/Y", bare)
