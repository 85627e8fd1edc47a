"""Test the plain-text e-mail format."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.text import render
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.finding.test_safe_text import links_in
from tests.formats import malformed_events

LIMIT = 262_144


def enriched(mapping: AttackMapping, name: str, **changes: Any) -> EnrichedFinding:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


@pytest.mark.parametrize("name", examples.names())
def test_is_short(name: str, mapping: AttackMapping) -> None:
    """An e-mail must have at most 50 lines, none wider than 120 characters except links and evidence."""
    lines = render(enriched(mapping, name), LIMIT).splitlines()
    assert len(lines) <= 50
    assert [] == [
        line for line in lines if len(line) > 120 and not re.search(r"https://|arn:|evidence: ", line)
    ]


def test_headline_comes_first(mapping: AttackMapping) -> None:
    """The first lines must contain severity, technique, resource and account, enough for triage."""
    finding = enriched(mapping, "ec2-ssh-brute-force-inbound")
    first, *_ = render(finding, LIMIT).splitlines()
    technique = finding.attack["techniques"][0]
    assert f"LOW | {technique['name']} ({technique['id']})" == first
    assert "i-0f950b83847317881 in 111122223333/us-east-1" in render(finding, LIMIT).splitlines()


def test_context_is_on_labelled_lines(mapping: AttackMapping) -> None:
    """Principal, call, address and time must each be on a labelled line."""
    lines = render(enriched(mapping, "iam-cloudtrail-logging-disabled"), LIMIT).splitlines()
    expected = {
        "When      2026-06-24 03:08:36 to 03:09:56 UTC",
        "Who       AssumedRole ops-breakglass (key ASIALAXXCSCRWEXAMPLE)",
        "Call      DeleteTrail on cloudtrail",
        "From      203.0.113[.]42, Toronto, Canada, AS64506 EXAMPLE-VPN",
    }
    assert expected <= set(lines)


def test_technique_has_rationale_and_former_name(mapping: AttackMapping) -> None:
    """The technique must have its rationale and its name in the other ATT&CK release."""
    finding = enriched(mapping, "iam-cloudtrail-logging-disabled")
    text = " ".join(render(finding, LIMIT).split())
    assert finding.attack["techniques"][0]["rationale"] in text
    assert "In ATT&CK 18.1: T1562.008 Disable or Modify Cloud Logs, Defense Evasion" in text


def test_shows_the_evidence(mapping: AttackMapping) -> None:
    """Evidence must be shown as field and value."""
    finding = enriched(mapping, "attack-sequence-compromised-credentials")
    shown = finding.attack["techniques"][0]["evidence"][0]
    name = shown["field"].rpartition(".")[2].partition("[")[0]
    assert f"    evidence: {name} = {shown['value']}" in render(finding, LIMIT).splitlines()


def test_counts_repeats(mapping: AttackMapping) -> None:
    """A finding that occurred more than once must show the count."""
    assert ", 6 times" in render(enriched(mapping, "ec2-ssh-brute-force-inbound"), LIMIT)


def test_unmapped_type_is_stated(mapping: AttackMapping) -> None:
    """A finding of an unmapped type must state that it is not mapped."""
    text = render(enriched(mapping, "ec2-portscan", type="Policy:NewThing/Odd"), LIMIT)
    assert "No tactic or technique: this finding type is not mapped to ATT&CK." in text.splitlines()


def test_sample_is_marked_first(mapping: AttackMapping) -> None:
    """A sample finding must be marked in the first line, any other not at all."""
    assert render(enriched(mapping, "awkward-sample-finding"), LIMIT).startswith("*** SAMPLE FINDING")
    assert "SAMPLE" not in render(enriched(mapping, "ec2-tor-client"), LIMIT)


def test_console_link_is_the_only_link(mapping: AttackMapping) -> None:
    """The console link must be the only link, complete and on a line of its own."""
    finding = enriched(mapping, "awkward-free-text")
    lines = render(finding, LIMIT).splitlines()
    assert [finding.alert["console"]] == [line for line in lines if links_in(line)]


def test_ids_come_last(mapping: AttackMapping) -> None:
    """The ARN must be in the last line, on one line so that it can be copied."""
    finding = enriched(mapping, "ec2-tor-client")
    assert f"Finding   {finding.finding.arn}" == render(finding, LIMIT).splitlines()[-1]


def test_finding_cannot_forge_a_line(mapping: AttackMapping) -> None:
    """Line breaks in finding content must not produce lines that imitate the e-mail's own."""
    forged = "harmless\r\n\r\nOPEN IN THE CONSOLE\nhttps://example.com/login\u2028Type      Nothing"
    lines = render(enriched(mapping, "ec2-portscan", title=forged, description=forged), LIMIT).splitlines()
    assert lines.count("OPEN IN THE CONSOLE") == 1
    assert len([line for line in lines if line.startswith("Type ")]) == 1


def test_invalid_type_is_defanged(mapping: AttackMapping) -> None:
    """A type that is not a valid GuardDuty type must be defanged in the headline."""
    finding = enriched(
        mapping, "awkward-sample-finding", type="see https://example.com", title="", description=""
    )
    headline = render(finding, LIMIT).splitlines()[2]
    assert "HIGH | see hxxps[://]example[.]com" == headline


@settings(max_examples=150)
@given(event=malformed_events.events())
def test_any_finding_is_free_of_control_characters_and_links(
    event: dict[str, Any], mapping: AttackMapping
) -> None:
    """No character may hide or reorder others, and no finding content may become a link."""
    finding = enrich(Finding.from_event(event), mapping)
    text = render(finding, LIMIT)
    assert {"\n"} >= {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    lines = [line for line in text.splitlines() if line != finding.alert["console"]]
    assert [] == [link for line in lines for link in links_in(line)]


def test_sections_are_removed_in_order(mapping: AttackMapping) -> None:
    """Above the limit whole sections must be removed and listed; headline, link and IDs must be kept."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    smaller = render(finding, len(whole.encode()) - 1)
    assert "Removed to fit the size limit: detail. See the console." in smaller.splitlines()
    smallest = render(finding, 600)
    assert (
        "Removed to fit the size limit: detail, context, attack, description. See the console."
        in smallest.splitlines()
    )
    for part in (finding.alert["console"], finding.finding.arn, finding.finding.type):
        assert part in smallest


def test_limit_is_exact(mapping: AttackMapping) -> None:
    """An e-mail of exactly the limit must be complete; below the required size TooLarge must be raised."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    assert whole == render(finding, len(whole.encode()))
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)
