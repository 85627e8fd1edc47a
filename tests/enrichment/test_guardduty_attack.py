"""Test reading the ATT&CK data that GuardDuty includes in a finding."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.attack.catalog import Catalogue, Pair
from enricher.attack.lookup import Lookup, choose
from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.enrich import enrich
from enricher.enrichment.guardduty_attack import SEQUENCE, find_native
from enricher.finding.event import Finding
from enricher.finding.paths import Shown
from enricher.mapping.model import AttackMapping
from tests import examples


def indicators(tactics: list[Any], techniques: list[Any]) -> list[dict[str, Any]]:
    """Return the indicators of a sequence or a signal."""
    return [
        {"key": "ATTACK_TACTIC", "title": "MITRE ATT&CK tactics", "values": tactics},
        {"key": "TOR_IP", "title": "Tor", "values": ["203.0.113.42"]},
        {"key": "ATTACK_TECHNIQUE", "title": "MITRE ATT&CK techniques", "values": techniques},
    ]


def whole(tactics: list[Any], techniques: list[Any]) -> Finding:
    """Return an attack sequence that has indicators for the whole sequence only."""
    fields = {f"{SEQUENCE}.sequenceIndicators": indicators(tactics, techniques)}
    return finding_of("AttackSequence:IAM/CompromisedCredentials", fields)


def pairs(finding: Finding, mapping: AttackMapping) -> list[Pair]:
    """Return the pairs that GuardDuty states."""
    return [entry.pair for entry in find_native(finding, mapping)]


def test_sequence_keeps_its_order_and_pairs(mapping: AttackMapping) -> None:
    """An attack sequence must yield its techniques in order, each under the tactic of its signal."""
    finding = Finding.from_event(examples.event("attack-sequence-compromised-credentials"))
    assert [
        Pair("TA0001", "T1078.004"),
        Pair("TA0007", "T1087.004"),
        Pair("TA0003", "T1098.001"),
        Pair("TA0004", "T1098.003"),
        Pair("TA0112", "T1685.002", "T1562.008"),
    ] == pairs(finding, mapping)


def test_evidence_names_the_signals(mapping: AttackMapping) -> None:
    """The evidence of an entry must be the value that states it and the signals that have it."""
    finding = Finding.from_event(examples.event("attack-sequence-compromised-credentials"))
    assert (
        Shown(f"{SEQUENCE}.sequenceIndicators[1].values[1]", "T1087.004 - Account Discovery: Cloud Account"),
        Shown(f"{SEQUENCE}.signals[1].name", "iam:ListUsers"),
    ) == find_native(finding, mapping)[1].evidence


def test_guardduty_entries_are_primary(mapping: AttackMapping) -> None:
    """Techniques that GuardDuty states must come before all others, with source "guardduty"."""
    finding = Finding.from_event(examples.event("attack-sequence-compromised-s3-data"))
    rows = enrich(finding, mapping).attack["techniques"]
    assert ["T1530", "T1619", "T1485"] == [row["id"] for row in rows]
    assert {"guardduty"} == {row["source"] for row in rows}


def test_custom_detection_rule_is_read_from_its_signals(mapping: AttackMapping) -> None:
    """The data of a custom detection rule, which only its signals contain, must be read."""
    finding = Finding.from_event(examples.event("custom-detection-rule-login-profile"))
    assert [Pair("TA0003", "T1098.001")] == pairs(finding, mapping)


@pytest.mark.parametrize(
    ("tactic", "technique", "pair"),
    [
        (
            "Persistence",
            "T1098.001 - Account Manipulation: Additional Cloud Credentials",
            ("TA0003", "T1098.001"),
        ),
        ("Persistence", "t1098.001", ("TA0003", "T1098.001")),
        ("Persistence", "Account Manipulation: Additional Cloud Credentials", ("TA0003", "T1098.001")),
        ("Persistence", "Additional Cloud Credentials", ("TA0003", "T1098.001")),
        ("TA0003", "additional cloud credentials", ("TA0003", "T1098.001")),
        ("TA0003 - Persistence", "AdditionalCloudCredentials", ("TA0003", "T1098.001")),
        ("COMMAND_AND_CONTROL", "T1071.004 - Application Layer Protocol: DNS", ("TA0011", "T1071.004")),
        ("Command and Control", "DNS", ("TA0011", "T1071.004")),
        ("Impact", "Data Destruction", ("TA0040", "T1485")),
        ("Discovery", "Cloud Account", ("TA0007", "T1087.004")),
        ("Persistence", "Cloud Account", ("TA0003", "T1136.003")),
        ("Defense Impairment", "Disable or Modify Cloud Log", ("TA0112", "T1685.002")),
        ("Stealth", "T1078.004 - Valid Accounts: Cloud Accounts", ("TA0005", "T1078.004")),
    ],
)
def test_techniques_are_found_by_id_or_name(
    tactic: str, technique: str, pair: tuple[str, str], mapping: AttackMapping
) -> None:
    """IDs and names, with or without the parent, in any case and spacing, must find the same technique."""
    assert [pair] == [
        (found.tactic, found.technique) for found in pairs(whole([tactic], [technique]), mapping)
    ]


@pytest.mark.parametrize(
    ("technique", "pair"),
    [
        (
            "T1562.008 - Impair Defenses: Disable or Modify Cloud Logs",
            Pair("TA0112", "T1685.002", "T1562.008"),
        ),
        ("Disable or Modify Cloud Logs", Pair("TA0112", "T1685.002", "T1562.008")),
        ("T1562.001", Pair("TA0112", "T1685", "T1562.001")),
        ("T1562", Pair("TA0112", "T1685", "T1562")),
        ("Impair Defenses", Pair("TA0112", "T1685", "T1562")),
        ("T1078.004 - Valid Accounts: Cloud Accounts", Pair("TA0005", "T1078.004")),
        ("T1070 - Indicator Removal", Pair("TA0005", "T1070")),
    ],
)
def test_revoked_techniques_are_resolved(technique: str, pair: Pair, mapping: AttackMapping) -> None:
    """Defense Evasion and revoked techniques must become their replacements, with the old ID kept."""
    assert [pair] == pairs(whole(["Defense Evasion"], [technique]), mapping)


def test_all_stated_tactics_are_covered(mapping: AttackMapping) -> None:
    """A tactic that no listed technique belongs to must become an entry of its own."""
    found = pairs(whole(["Persistence", "Collection"], ["T1098.001"]), mapping)
    assert [Pair("TA0003", "T1098.001"), Pair("TA0009", None)] == found


def test_tactics_are_distributed_over_the_techniques(mapping: AttackMapping) -> None:
    """Each stated tactic must be covered by a technique if the techniques allow it."""
    tactics = ["Persistence", "Privilege Escalation", "Initial Access"]
    techniques = ["T1098.003", "T1078.004", "T1098"]
    assert [Pair("TA0003", "T1098.003"), Pair("TA0001", "T1078.004"), Pair("TA0004", "T1098")] == pairs(
        whole(tactics, techniques), mapping
    )


@pytest.mark.parametrize(
    "tactics", [("Persistence", "Privilege Escalation"), ("Privilege Escalation", "Persistence")]
)
def test_technique_of_two_signals_has_the_tactics_of_both(
    tactics: tuple[str, str], mapping: AttackMapping
) -> None:
    """A technique that two signals state under different tactics must first have that of the first signal."""
    fields = {
        f"{SEQUENCE}.signals": [
            {"name": tactic, "signalIndicators": indicators([tactic], ["T1098"])} for tactic in tactics
        ]
    }
    found = pairs(finding_of("AttackSequence:IAM/CompromisedCredentials", fields), mapping)
    ids = {"Persistence": "TA0003", "Privilege Escalation": "TA0004"}
    assert [Pair(ids[tactic], "T1098") for tactic in tactics] == found


def test_defense_evasion_is_covered_once(mapping: AttackMapping) -> None:
    """Defense Evasion must be covered by one of its two replacements, not by both."""
    found = pairs(whole(["Defense Evasion", "Initial Access"], ["T1562.008", "T1078.004"]), mapping)
    assert [Pair("TA0112", "T1685.002", "T1562.008"), Pair("TA0001", "T1078.004")] == found


def test_technique_without_a_stated_tactic_has_its_own(mapping: AttackMapping) -> None:
    """A technique whose tactics GuardDuty does not state must be paired with one of its own."""
    (entry,) = find_native(whole([], ["T1110.001"]), mapping)
    assert Pair("TA0006", "T1110.001") == entry.pair


@pytest.mark.parametrize(
    "techniques",
    [["T9999"], ["No Such Technique"], [""], [None, 3, {}, ["T1110"]], ["Account"], ["T1110x", "XT1110"]],
)
def test_value_that_is_not_a_technique_is_ignored(techniques: list[Any], mapping: AttackMapping) -> None:
    """A value that does not name a technique must not produce an entry."""
    assert [] == pairs(whole([], techniques), mapping)


@pytest.mark.parametrize(
    "sequence",
    [None, [], "x", {"signals": {}}, {"signals": [1, {"signalIndicators": 3}]}, {"sequenceIndicators": [{}]}],
)
def test_malformed_sequence_produces_no_entry(sequence: object, mapping: AttackMapping) -> None:
    """A sequence of another shape must produce neither an entry nor an error."""
    assert [] == pairs(finding_of("AttackSequence:IAM/CompromisedCredentials", {SEQUENCE: sequence}), mapping)


@pytest.mark.parametrize("in_signal", [False, True])
def test_repeated_statements_are_merged_in_linear_time(
    in_signal: bool, mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each technique must be compared with the distinct tactics of its list, however often one is stated."""
    compared: list[int] = []

    def choosing(spellings: Any, catalogue: Catalogue, tactics: Any) -> Any:
        compared.append(len(list(tactics)))
        return choose(spellings, catalogue, tactics)

    def belonging(lookup: Lookup, technique: str, tactics: Any) -> list[str]:
        compared.append(len(list(tactics)))
        return real_belonging(lookup, technique, tactics)

    real_belonging = Lookup.belonging
    monkeypatch.setattr("enricher.enrichment.guardduty_attack.choose", choosing)
    monkeypatch.setattr(Lookup, "belonging", belonging)
    repeated = indicators(["Persistence", "Impact"] * 200, ["T1485", "T1098"] * 200) * 20
    key = "signals" if in_signal else "sequenceIndicators"
    value = [{"name": "a", "signalIndicators": repeated}] if in_signal else repeated
    finding = finding_of("AttackSequence:IAM/CompromisedCredentials", {f"{SEQUENCE}.{key}": value})
    assert [Pair("TA0040", "T1485"), Pair("TA0003", "T1098")] == pairs(finding, mapping)
    assert len(compared) > 8_000
    assert 2 == max(compared)


def test_description_is_read_if_the_sequence_is_missing(mapping: AttackMapping) -> None:
    """Without the sequence, as in some exports, the lists in the description must be read."""
    description = (
        "A sequence of actions was observed:\n"
        "  - 3 MITRE ATT&CK tactics observed: Persistence, Defense Evasion, Discovery\n"
        "  - 3 MITRE ATT&CK techniques observed: T1562.008 - Impair Defenses: Disable or Modify Cloud Logs, "
        "T1098.003 - Account Manipulation: Additional Cloud Roles, T1087.004 - Account Discovery\n"
        "  - 2 sensitive APIs called: iam:T1530, iam:ListUsers\n"
    )
    finding = finding_of("AttackSequence:IAM/CompromisedCredentials", {"description": description})
    assert [
        Pair("TA0112", "T1685.002", "T1562.008"),
        Pair("TA0003", "T1098.003"),
        Pair("TA0007", "T1087.004"),
    ] == pairs(finding, mapping)
    assert (Shown("description", description[:256]),) == find_native(finding, mapping)[0].evidence


def test_tactics_of_a_description_are_read(mapping: AttackMapping) -> None:
    """The tactics in a description must choose a technique's tactic, and stand alone if no technique fits."""
    description = (
        "  - 2 MITRE ATT&CK tactics observed: Persistence, Exfiltration\n"
        "  - 1 MITRE ATT&CK techniques observed: T1078.004 - Valid Accounts: Cloud Accounts\n"
    )
    finding = finding_of("AttackSequence:IAM/CompromisedCredentials", {"description": description})
    assert [Pair("TA0003", "T1078.004"), Pair("TA0010", None)] == pairs(finding, mapping)
    assert "for the sequence" in find_native(finding, mapping)[0].rationale


def test_description_of_another_type_is_not_read(mapping: AttackMapping) -> None:
    """Other descriptions contain attacker-controlled names and must not be read."""
    text = "MITRE ATT&CK techniques observed: T1485"
    assert [] == pairs(finding_of("Recon:EC2/Portscan", {"description": text}), mapping)


def test_every_technique_of_both_releases_is_found(mapping: AttackMapping) -> None:
    """Each technique of either release, by ID and full name, must resolve to an active one of that tactic."""
    catalogue: Catalogue = mapping.catalogue
    for release in (catalogue.pinned, catalogue.former):
        for technique in release.techniques.values():
            active = catalogue.resolve(technique.id)
            parent = release.techniques.get(technique.parent_id or "")
            name = f"{parent.name}: {technique.name}" if parent else technique.name
            named = [entry.pair for entry in find_native(whole([], [f"{technique.id} - {name}"]), mapping)]
            assert [active] * bool(active) == [pair.technique for pair in named]
            assert all(catalogue.belongs(pair.tactic, pair.technique or "") for pair in named)
