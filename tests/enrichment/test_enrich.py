"""Test how the voices are settled and how the attack block is written."""

from __future__ import annotations

import pytest

from enricher.attack.catalog import Catalogue, Pair
from enricher.enrichment.enrich import attack_block, enrich, settle_entries
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.mapping.model import Mapping, Record
from tests import examples

FIXED_KEYS = ["framework", "version", "mapping", "status", "tactics", "techniques"]
TECHNIQUE_KEYS = ["id", "name", "url", "parent", "tactic", "confidence", "source", "rationale", "evidence"]


def entry(
    tactic: str, technique: str | None, source: str = "finding-type", former: str | None = None
) -> Entry:
    """Make an entry."""
    return Entry(Pair(tactic, technique, former), "high", source, "because")  # type: ignore[arg-type]


def test_first_voice_is_primary() -> None:
    """What speaks first must be primary; later voices must follow when they say something else."""
    evidence, record = entry("TA0003", "T1098.001", "evidence"), entry("TA0001", "T1078")
    assert (evidence, record) == settle_entries([evidence], [record])


@pytest.mark.parametrize(
    "later",
    [("TA0003", "T1098"), ("TA0003", "T1098.001"), ("TA0003", None)],
    ids=["parent", "same", "tactic alone"],
)
def test_later_voice_adds_only_what_is_new(later: tuple[str, str | None]) -> None:
    """A parent, the same entry, or its tactic alone must add nothing to a sub-technique already listed."""
    first = entry("TA0003", "T1098.001", "evidence")
    assert (first,) == settle_entries([first], [entry(*later)])


def test_parent_under_another_tactic_is_kept() -> None:
    """A parent technique under another tactic says something new and must be kept."""
    voices = entry("TA0003", "T1098.001"), entry("TA0004", "T1098")
    assert voices == settle_entries(voices)


def test_block_has_the_fixed_shape(mapping: Mapping) -> None:
    """The attack block and its techniques must have exactly the documented keys, in order."""
    attack = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping).attack
    assert FIXED_KEYS == list(attack)
    assert TECHNIQUE_KEYS == list(attack["techniques"][0])


@pytest.fixture
def catalogue(mapping: Mapping) -> Catalogue:
    """Give the bundled catalogue."""
    return mapping.catalogue


def test_formerly_only_where_releases_differ(mapping: Mapping) -> None:
    """`formerly` must name the former id and tactic, and be absent where nothing changed."""
    block = attack_block([entry("TA0112", "T1685.002"), entry("TA0007", "T1046")], None, mapping)
    assert {
        "version": "18.1",
        "id": "T1562.008",
        "name": "Disable or Modify Cloud Logs",
        "tactic": {"id": "TA0005", "name": "Defense Evasion"},
    } == block["techniques"][0]["formerly"]
    assert "formerly" not in block["techniques"][1]


@pytest.mark.parametrize(("release", "key"), [(None, "formerly"), ("18.1", "since")])
@pytest.mark.parametrize("pair", [("TA0002", "T1610"), ("TA0004", "T1548.005"), ("TA0006", "T1556")])
def test_technique_that_changed_another_tactic_is_the_same(
    mapping: Mapping, pair: tuple[str, str], release: str | None, key: str
) -> None:
    """Where id, name and tactic are alike, what became of the technique's other tactics is no difference."""
    block = attack_block([entry(*pair)], None, mapping, release)
    assert [pair] == [(row["id"], row["tactic"]["id"])[::-1] for row in block["techniques"]]
    assert key not in block["techniques"][0]


def test_renamed_tactic_counts_as_different(mapping: Mapping) -> None:
    """A technique that kept its id under a renamed tactic must still say what it was."""
    block = attack_block([entry("TA0005", "T1078.004")], None, mapping)
    assert {"id": "TA0005", "name": "Defense Evasion"} == block["techniques"][0]["formerly"]["tactic"]


def test_former_release_turns_the_block_around(mapping: Mapping) -> None:
    """In 18.1 ids, names, parents and tactics must all be 18.1's, with 19.2's in `since`."""
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
        row["since"]["version"],
        row["since"]["id"],
        row["since"]["tactic"]["id"],
    )


def test_stated_former_id_wins(mapping: Mapping) -> None:
    """Where revocations leave a choice, the record's own `former` must decide."""
    block = attack_block([entry("TA0112", "T1685", former="T1562")], None, mapping)
    assert "T1562" == block["techniques"][0]["formerly"]["id"]


def test_entries_that_fall_together_in_the_former_release_are_listed_once(mapping: Mapping) -> None:
    """Two entries that 18.1 knows as one technique must not be listed twice there."""
    entries = [entry("TA0112", "T1685", former="T1562.001"), entry("TA0112", "T1685", former="T1562.001")]
    assert 1 == len(attack_block(entries, None, mapping, "18.1")["techniques"])


@pytest.mark.parametrize(
    ("entries", "status"),
    [([entry("TA0040", "T1485")], "mapped"), ([entry("TA0040", None)], "tactic-only"), ([], "unmapped")],
    ids=["technique", "tactic", "nothing"],
)
def test_status_says_how_much_is_known(entries: list[Entry], status: str, mapping: Mapping) -> None:
    """The status must say whether a technique, only a tactic, or nothing is known."""
    block = attack_block(entries, None, mapping)
    assert status == block["status"]
    assert (status == "mapped") == bool(block["techniques"])


def test_atlas_ids_are_carried(mapping: Mapping) -> None:
    """MITRE ATLAS ids must be carried where AWS documents them, and no key be there otherwise."""
    record = mapping.record_for("Impact:IAMUser/PromptInjection.Direct")
    assert record is not None
    assert [{"id": "AML.T0051", "name": "LLM Prompt Injection"}] == attack_block([], record, mapping)["atlas"]
    assert "atlas" not in attack_block([], None, mapping)


@pytest.mark.parametrize(
    "spelling", ["Impact:EC2/WinRmBruteForce", "impact:ec2/winrmbruteforce", "Impact:EC2 WinRMBruteForce"]
)
def test_other_spellings_find_the_record(spelling: str, mapping: Mapping) -> None:
    """An alias, another case, or a blank for the slash must find the type's record."""
    record = mapping.record_for(spelling)
    assert isinstance(record, Record)
    assert "Impact:EC2/WinRMBruteForce" == record.type


def test_overrides_replace_a_record(mapping: Mapping) -> None:
    """A team's own record must be used in place of the bundled one, and only for its type."""
    silenced = Record("Recon:EC2/Portscan", (), "low", "our scanner", "project", "ours")
    ours = mapping.with_overrides({silenced.type: silenced})
    assert "unmapped" == enrich(Finding.from_detail({"type": silenced.type}), ours).attack["status"]
    assert "mapped" == enrich(Finding.from_detail({"type": silenced.type}), mapping).attack["status"]


def test_evidence_does_not_fill_a_known_gap(mapping: Mapping) -> None:
    """Where the record says that ATT&CK has nothing honest to say, the API called must not say it instead."""
    attack = enrich(Finding.from_event(examples.event("ai-prompt-injection-direct")), mapping).attack
    assert ("unmapped", []) == (attack["status"], attack["techniques"])
