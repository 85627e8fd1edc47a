"""Tests of the two ATT&CK releases and the mapping between them."""

from __future__ import annotations

import pytest

from enricher.attack.catalog import Catalogue, Tactic, Technique, archived_url, parent_id
from enricher.authoring.attack_import import catalogue_json, read_release
from enricher.authoring.loader import read_catalogue
from tests import tiny_attack

TINY = Catalogue.from_json(
    catalogue_json(read_release(tiny_attack.second_release()), read_release(tiny_attack.first_release()))
)
REAL = read_catalogue()


def test_parent_is_the_id_before_the_dot() -> None:
    """A sub-technique must have its parent id, a parent technique must have none."""
    assert (parent_id("T1110.001"), parent_id("T1110")) == ("T1110", None)


def test_urls_are_the_pages_of_the_release() -> None:
    """URLs of the pinned release must be current pages, those of an older release archived pages."""
    technique = Technique("T1562.001", "Disable or Modify Tools", ("TA0005",))
    assert technique.url == "https://attack.mitre.org/techniques/T1562/001/"
    assert Tactic("TA0005", "Stealth").url == "https://attack.mitre.org/tactics/TA0005/"
    assert (
        archived_url(technique.url, "18.1") == "https://attack.mitre.org/versions/v18/techniques/T1562/001/"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("T1001", "T1001"), ("T1002", "T1010"), ("T1002.001", "T1010.001"), ("T1006", None), ("T9999", None)],
)
def test_revocations_are_followed_to_the_end(old: str, new: str | None) -> None:
    """An id must resolve to an active technique, also through a chain of revocations, or to None."""
    assert TINY.resolve(old) == new


def test_circular_revocations_resolve_to_none() -> None:
    """Two ids that revoke each other must resolve to None, not loop."""
    assert Catalogue(TINY.pinned, TINY.former, {"T1": "T2", "T2": "T1"}).resolve("T1") is None


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("T1001", ("T1001", "Open Door")),
        ("T1005", ("T1005", "Old Name")),
        ("T1010", ("T1002", "Dark Corner")),
        ("T1010.001", ("T1002.001", "Darker Corner")),
        ("T1012", None),
    ],
)
def test_former_technique_is_found_for_a_pinned_one(new: str, old: tuple[str, str] | None) -> None:
    """Each technique must have its equivalent in the former release; a new technique has none."""
    before = TINY.former_technique(new)
    assert (before and (before.id, before.name)) == old


def test_same_tactic_is_kept_also_where_defense_evasion_is_listed() -> None:
    """A tactic under which the former release lists the technique must be kept, whatever else it lists."""
    technique = Technique("T1", "Both", ("TA0005", "TA0112"))
    both = Catalogue(TINY.pinned, TINY.pinned, {})
    assert both.former_tactic("TA0112", technique) == Tactic("TA0112", "Breaking")


@pytest.mark.parametrize(
    ("tactic", "technique", "stated", "expected"),
    [
        ("TA0001", "T1003", None, "TA0001"),
        ("TA0112", "T1002", None, "TA0005"),
        ("TA0040", "T1005", None, "TA0009"),
        ("TA0040", "T1003", None, None),
        ("TA0040", "T1003", "TA0009", "TA0009"),
    ],
)
def test_former_tactic_is_resolved_or_ambiguous(
    tactic: str, technique: str, stated: str | None, expected: str | None
) -> None:
    """`stated` must win, then the same tactic, Defense Evasion for its replacements, the only tactic."""
    found = TINY.former_tactic(tactic, TINY.former.techniques[technique], stated)
    assert (found and found.id) == expected


def test_tactic_alone_has_a_former_name() -> None:
    """A tactic without technique must get its former name: both replacements were Defense Evasion."""
    names = [REAL.former_tactic_alone(key) for key in ("TA0005", "TA0112", "TA0040")]
    assert names == [
        Tactic("TA0005", "Defense Evasion"),
        Tactic("TA0005", "Defense Evasion"),
        Tactic("TA0040", "Impact"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("T1562", "T1685"),
        ("T1562.001", "T1685"),
        ("T1562.006", "T1685"),
        ("T1562.002", "T1685.001"),
        ("T1562.008", "T1685.002"),
        ("T1562.004", "T1686"),
        ("T1562.007", "T1686.001"),
        ("T1562.010", "T1689"),
    ],
)
def test_impair_defenses_became_what_mitre_says(old: str, new: str) -> None:
    """The pinned catalogue must contain MITRE's revocations of T1562 and its sub-techniques."""
    assert REAL.resolve(old) == new
    assert old in REAL.former_candidates(new)


def test_replacement_of_several_keeps_the_former_id_of_the_same_name() -> None:
    """Of several ids revoked by one technique, the one with its name must be the default equivalent."""
    assert ("T1562", "T1562.001", "T1562.006") == REAL.former_candidates("T1685")
    before = REAL.former_technique("T1685")
    assert before is not None
    assert ("T1562.001", "Disable or Modify Tools") == (before.id, before.name)


def test_pinned_and_former_release_are_19_2_and_18_1() -> None:
    """The releases that docs and settings name must be those of the catalogue."""
    assert REAL.versions == ("19.2", "18.1")
    assert REAL.pinned.tactics["TA0005"].name == "Stealth"
    assert REAL.former.tactics["TA0005"].name == "Defense Evasion"
    assert "TA0112" not in REAL.former.tactics
