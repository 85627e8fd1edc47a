"""Test how every output names a technique: the parent and the other release only where they say more."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from enricher.attack.catalog import Pair
from enricher.cli.explain import explain_lines
from enricher.cli.export import table_rows
from enricher.enrichment.attack_block import attack_block
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.formats.asff import attack_fields, to_asff
from enricher.mapping.model import AttackMapping
from enricher.settings import DEFAULT_LIMIT
from tests import examples

UNCHANGED, CHANGED = ("TA0007", "T1046"), ("TA0112", "T1685.002")
#: The formats whose body is prose or a schema of others; `guardduty` is the contract itself.
BODIES = ("text", "chat", "ecs", "ocsf")


def finding_tagged(tactic: str, technique: str, mapping: AttackMapping) -> EnrichedFinding:
    """Return a finding with one entry, which the finding type decided."""
    enriched = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping)
    entries = (Entry(Pair(tactic, technique), "high", "finding-type", "because"),)
    attack = attack_block(entries, None, mapping, finding_type="Recon:EC2/Portscan")
    return replace(enriched, entries=entries, attack=attack, alert={**enriched.alert, "headline": "LOW · x"})


def body_of(name: str, enriched: EnrichedFinding) -> str:
    """Return the body in a format without the original finding and without OCSF's copy of `attack`."""
    body = load_format(name)(enriched, DEFAULT_LIMIT)
    if name == "text":
        return body
    document = json.loads(body)
    document.pop("raw_data", None)
    document.pop("enrichments", None)
    document.get("event", {}).pop("original", None)
    return json.dumps(document, ensure_ascii=False)


@pytest.mark.parametrize("name", BODIES)
def test_technique_that_did_not_change_is_named_once(name: str, mapping: AttackMapping) -> None:
    """T1046 is no sub-technique and the same in both releases: neither may be written."""
    body = body_of(name, finding_tagged(*UNCHANGED, mapping))
    assert "T1046" in body
    assert "Network Service Discovery: Network Service Discovery" not in body
    assert "18.1" not in body
    assert "subtechnique" not in body
    assert "sub_technique" not in body


@pytest.mark.parametrize("name", ["text", "chat", "ecs"])
def test_renamed_technique_has_its_former_name(name: str, mapping: AttackMapping) -> None:
    """T1685.002 must be named with its parent and with what it was in 18.1."""
    body = body_of(name, finding_tagged(*CHANGED, mapping))
    assert "Disable or Modify Tools: Disable or Modify Cloud Log" in " ".join(body.split())
    assert "T1562.008" in body


def test_schemas_have_a_sub_technique_only_for_one(mapping: AttackMapping) -> None:
    """ECS and OCSF must state technique and sub-technique of T1685.002."""
    enriched = finding_tagged(*CHANGED, mapping)
    technique = json.loads(load_format("ecs")(enriched, DEFAULT_LIMIT))["threat"]["technique"]
    assert (["T1685"], ["T1685.002"]) == (technique["id"], technique["subtechnique"]["id"])
    [attack] = json.loads(load_format("ocsf")(enriched, DEFAULT_LIMIT))["finding_info"]["attacks"]
    assert ("T1685", "T1685.002") == (attack["technique"]["uid"], attack["sub_technique"]["uid"])


def test_security_hub_fields_have_former_names_only_where_changed(mapping: AttackMapping) -> None:
    """`attack/formerly` must be "none" for T1046 and the former ID and tactic for T1685.002."""
    unchanged, changed = (finding_tagged(*pair, mapping) for pair in (UNCHANGED, CHANGED))
    assert "none" == attack_fields(unchanged)["attack/formerly"]
    assert "T1562.008, Defense Evasion" == attack_fields(changed)["attack/formerly"]
    assert "none" == to_asff(unchanged)["ProductFields"]["attack/formerly"]
    assert ["T1046", "T1685.002, T1685"] == [
        attack_fields(one)["attack/technique-ids"] for one in (unchanged, changed)
    ]


@pytest.mark.parametrize("name", BODIES)
def test_finding_type_is_not_shown_as_evidence(name: str, mapping: AttackMapping) -> None:
    """Where the type decided, no output may print it as evidence: it prints the type anyway."""
    body = body_of(name, finding_tagged(*UNCHANGED, mapping))
    assert "type = Recon" not in body
    assert "type Recon" not in body
    assert "vidence:" not in body


def test_commands_name_parent_and_former_only_where_they_differ(mapping: AttackMapping) -> None:
    """`explain` and `export` must follow the same rule."""
    for (tactic, technique), named in ((UNCHANGED, False), (CHANGED, True)):
        attack = finding_tagged(tactic, technique, mapping).attack
        text = "\n".join(explain_lines("x", None, attack, mapping))
        assert ("formerly in 18.1" in text, "Modify Tools: Disable" in text) == (named, named)
    rows = {row["technique_id"]: row for row in table_rows(mapping)}
    assert (None, None) == (rows["T1046"]["parent_id"], rows["T1046"]["former_technique_id"])
    assert ("T1685", "T1562.008") == (
        rows["T1685.002"]["parent_id"],
        rows["T1685.002"]["former_technique_id"],
    )
