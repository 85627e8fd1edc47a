"""Test how entries of several sources are combined and how the `attack` object is built."""

from __future__ import annotations

import pytest

from enricher.attack.catalog import Catalogue, Pair
from enricher.enrichment.enrich import attack_block, enrich
from enricher.enrichment.precedence import combine_entries
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record
from tests import examples

FIXED_KEYS = ["framework", "version", "mapping", "status", "tactics", "techniques"]
TECHNIQUE_KEYS = ["id", "name", "url", "parent", "tactic", "confidence", "source", "rationale", "evidence"]


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


def test_formerly_only_where_releases_differ(mapping: AttackMapping) -> None:
    """`formerly` must contain the former ID, name and tactic, and be absent where nothing changed."""
    block = attack_block([entry("TA0112", "T1685.002"), entry("TA0007", "T1046")], None, mapping)
    assert {
        "version": "18.1",
        "id": "T1562.008",
        "name": "Disable or Modify Cloud Logs",
        "tactic": {"id": "TA0005", "name": "Defense Evasion"},
    } == block["techniques"][0]["formerly"]
    assert "formerly" not in block["techniques"][1]


@pytest.mark.parametrize(("release", "key"), [(None, "formerly"), ("18.1", "currently")])
@pytest.mark.parametrize("pair", [("TA0002", "T1610"), ("TA0004", "T1548.005"), ("TA0006", "T1556")])
def test_change_of_another_tactic_is_not_a_difference(
    mapping: AttackMapping, pair: tuple[str, str], release: str | None, key: str
) -> None:
    """With equal ID, name and tactic, changes of the technique's other tactics must not be reported."""
    block = attack_block([entry(*pair)], None, mapping, release)
    assert [pair] == [(row["id"], row["tactic"]["id"])[::-1] for row in block["techniques"]]
    assert key not in block["techniques"][0]


def test_renamed_tactic_is_a_difference(mapping: AttackMapping) -> None:
    """A technique that kept its ID under a renamed tactic must have `formerly`."""
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
    """MITRE ATLAS IDs must be included where AWS documents them; otherwise the key must be absent."""
    record = mapping.record_for("Impact:IAMUser/PromptInjection.Direct")
    assert record is not None
    assert [{"id": "AML.T0051", "name": "LLM Prompt Injection"}] == attack_block([], record, mapping)["atlas"]
    assert "atlas" not in attack_block([], None, mapping)


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
