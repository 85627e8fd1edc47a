"""Test how entries of several sources are combined and how the `attack` object is built."""

from __future__ import annotations

import pytest

from enricher.attack.catalog import Catalogue, Pair
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.attack_object import other_release
from enricher.enrichment.enrich import enrich
from enricher.enrichment.precedence import combine_entries
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.finding.paths import Shown
from enricher.mapping.model import AttackMapping, Record
from tests import examples

FIXED_KEYS = ["framework", "version", "mapping", "status", "tactics", "techniques", "atlas"]
TECHNIQUE_KEYS = [
    "id", "name", "url", "parent", "tactic", "confidence", "source", "rationale", "evidence", "formerly",
]  # fmt: skip


def entry(
    tactic: str, technique: str | None, source: str = "finding-type", former: str | None = None
) -> Entry:
    """Return an entry with high confidence."""
    return Entry(Pair(tactic, technique, former), "high", source, "because")  # type: ignore[arg-type]


def test_entry_of_the_first_source_is_primary() -> None:
    """The first source's entry must be primary, followed by different entries of later sources."""
    evidence, record = entry("TA0003", "T1098.001", "evidence"), entry("TA0001", "T1078")
    assert (evidence, record) == combine_entries([evidence], [record])


@pytest.mark.parametrize(
    "later",
    [("TA0003", "T1098"), ("TA0003", "T1098.001"), ("TA0003", None)],
    ids=["parent", "same", "tactic alone"],
)
def test_later_source_adds_no_redundant_entry(later: tuple[str, str | None]) -> None:
    """A parent, the same entry, or the tactic alone must not be added to a listed sub-technique."""
    first = entry("TA0003", "T1098.001", "evidence")
    assert (first,) == combine_entries([first], [entry(*later)])


def test_parent_under_another_tactic_is_kept() -> None:
    """A parent technique under another tactic is not redundant and must be kept."""
    entries = entry("TA0003", "T1098.001"), entry("TA0004", "T1098")
    assert entries == combine_entries(entries)


def test_attack_object_has_the_documented_keys(mapping: AttackMapping) -> None:
    """The `attack` object and its techniques must have exactly the documented keys, in order."""
    attack = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping).attack
    assert FIXED_KEYS == list(attack)
    assert TECHNIQUE_KEYS == list(attack["techniques"][0])


@pytest.fixture
def catalogue(mapping: AttackMapping) -> Catalogue:
    """Return the bundled catalogue."""
    return mapping.catalogue


def test_formerly_is_always_present(mapping: AttackMapping) -> None:
    """`formerly` must contain the former ID, name and tactic, the same ones where nothing changed."""
    block = attack_block([entry("TA0112", "T1685.002"), entry("TA0007", "T1046")], None, mapping)
    assert {
        "version": "18.1",
        "id": "T1562.008",
        "name": "Disable or Modify Cloud Logs",
        "tactic": {"id": "TA0005", "name": "Defense Evasion"},
    } == block["techniques"][0]["formerly"]
    assert {
        "version": "18.1",
        "id": "T1046",
        "name": "Network Service Discovery",
        "tactic": {"id": "TA0007", "name": "Discovery"},
    } == block["techniques"][1]["formerly"]


def test_formerly_without_a_counterpart_is_empty(mapping: AttackMapping) -> None:
    """A technique that 18.1 does not have must have empty texts, and the tactic's former names."""
    former = attack_block([entry("TA0112", "T1687")], None, mapping)["techniques"][0]["formerly"]
    assert ("18.1", "", "") == (former["version"], former["id"], former["name"])
    assert {"id": "TA0005", "name": "Defense Evasion"} == former["tactic"]


def test_parent_of_a_technique_is_itself(mapping: AttackMapping) -> None:
    """`parent` must be what to group by: the parent of a sub-technique, a technique itself otherwise."""
    rows = attack_block([entry("TA0112", "T1685.002"), entry("TA0007", "T1046")], None, mapping)["techniques"]
    assert [("T1685", "Disable or Modify Tools"), ("T1046", "Network Service Discovery")] == [
        (row["parent"]["id"], row["parent"]["name"]) for row in rows
    ]


@pytest.mark.parametrize(("value", "text"), [(4444, "4444"), (True, "true"), (8.5, "8.5"), (22.0, "22")])
def test_evidence_value_is_text(value: float, text: str, mapping: AttackMapping) -> None:
    """A value in the evidence must be a string whatever its type in the finding."""
    shown = Entry(Pair("TA0007", "T1046"), "high", "evidence", "because", (Shown("a.b", value),))
    row = attack_block([shown], None, mapping)["techniques"][0]
    assert [{"field": "a.b", "value": text}] == row["evidence"]


def test_evidence_of_the_type_is_the_type_of_the_finding(mapping: AttackMapping) -> None:
    """Where the type decided, the evidence must be the field `type` as the finding spells it."""
    row = enrich(Finding.from_detail({"type": "recon:ec2/portscan"}), mapping).attack["techniques"][0]
    assert ("finding-type", [{"field": "type", "value": "recon:ec2/portscan"}]) == (
        row["source"],
        row["evidence"],
    )


@pytest.mark.parametrize("release", [None, "18.1"])
@pytest.mark.parametrize("pair", [("TA0002", "T1610"), ("TA0004", "T1548.005"), ("TA0006", "T1556")])
def test_change_of_another_tactic_is_not_a_difference(
    mapping: AttackMapping, pair: tuple[str, str], release: str | None
) -> None:
    """With equal ID, name and tactic, changes of the technique's other tactics must not be reported."""
    block = attack_block([entry(*pair)], None, mapping, release)
    assert [pair] == [(row["id"], row["tactic"]["id"])[::-1] for row in block["techniques"]]
    assert other_release(block["techniques"][0]) is None


def test_renamed_tactic_is_a_difference(mapping: AttackMapping) -> None:
    """A technique that kept its ID under a renamed tactic must have the former one in `formerly`."""
    block = attack_block([entry("TA0005", "T1078.004")], None, mapping)
    assert {"id": "TA0005", "name": "Defense Evasion"} == block["techniques"][0]["formerly"]["tactic"]


def test_former_release_is_output_throughout(mapping: AttackMapping) -> None:
    """In 18.1 all IDs, names, parents and tactics must be those of 18.1, with 19.2's in `currently`."""
    block = attack_block([entry("TA0112", "T1685.002")], None, mapping, "18.1")
    row = block["techniques"][0]
    assert ("18.1", "T1562.008") == (block["version"], row["id"])
    assert {"id": "T1562", "name": "Impair Defenses"} == row["parent"]
    assert [
        {
            "id": "TA0005",
            "name": "Defense Evasion",
            "url": "https://attack.mitre.org/versions/v18/tactics/TA0005/",
        }
    ] == block["tactics"]
    assert ("19.2", "T1685.002", "TA0112") == (
        row["currently"]["version"],
        row["currently"]["id"],
        row["currently"]["tactic"]["id"],
    )


def test_stated_former_id_takes_precedence(mapping: AttackMapping) -> None:
    """If several former techniques are possible, the record's own `former` must be used."""
    block = attack_block([entry("TA0112", "T1685", former="T1562")], None, mapping)
    assert "T1562" == block["techniques"][0]["formerly"]["id"]


def test_entries_with_the_same_former_technique_are_listed_once(mapping: AttackMapping) -> None:
    """Two entries that are one technique in 18.1 must be listed once in its output."""
    entries = [entry("TA0112", "T1685", former="T1562.001"), entry("TA0112", "T1685", former="T1562.001")]
    assert 1 == len(attack_block(entries, None, mapping, "18.1")["techniques"])


@pytest.mark.parametrize(
    ("entries", "status"),
    [([entry("TA0040", "T1485")], "mapped"), ([entry("TA0040", None)], "tactic-only"), ([], "unmapped")],
    ids=["technique", "tactic", "nothing"],
)
def test_status_matches_the_entries(entries: list[Entry], status: str, mapping: AttackMapping) -> None:
    """The status must be mapped for a technique, tactic-only for a tactic alone, else unmapped."""
    block = attack_block(entries, None, mapping)
    assert status == block["status"]
    assert (status == "mapped") == bool(block["techniques"])


def test_atlas_ids_are_included(mapping: AttackMapping) -> None:
    """MITRE ATLAS IDs must be included where AWS documents them; otherwise the text must be empty."""
    record = mapping.record_for("Impact:IAMUser/PromptInjection.Direct")
    assert record is not None
    assert "AML.T0051" == attack_block([], record, mapping)["atlas"]
    assert "" == attack_block([], None, mapping)["atlas"]


@pytest.mark.parametrize(
    "spelling", ["Impact:EC2/WinRmBruteForce", "impact:ec2/winrmbruteforce", "Impact:EC2 WinRMBruteForce"]
)
def test_other_spellings_find_the_record(spelling: str, mapping: AttackMapping) -> None:
    """An alias, another case, or a space instead of the slash must find the record of the type."""
    record = mapping.record_for(spelling)
    assert isinstance(record, Record)
    assert "Impact:EC2/WinRMBruteForce" == record.type


def test_override_replaces_a_record(mapping: AttackMapping) -> None:
    """An override must replace the bundled record, for its own type only."""
    unmapped = Record("Recon:EC2/Portscan", (), "low", "our scanner", "project", "ours")
    ours = mapping.with_overrides({unmapped.type: unmapped})
    assert "unmapped" == enrich(Finding.from_detail({"type": unmapped.type}), ours).attack["status"]
    assert "mapped" == enrich(Finding.from_detail({"type": unmapped.type}), mapping).attack["status"]


def test_evidence_does_not_override_an_unmapped_record(mapping: AttackMapping) -> None:
    """A type whose record has no technique must stay unmapped, whatever API call the finding contains."""
    attack = enrich(Finding.from_event(examples.event("ai-prompt-injection-direct")), mapping).attack
    assert ("unmapped", []) == (attack["status"], attack["techniques"])
