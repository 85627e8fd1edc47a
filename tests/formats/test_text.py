"""Test the mail for people."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.finding.safe_text import defang, plain
from enricher.formats.base import TooLarge
from enricher.formats.text import render
from enricher.mapping.model import Mapping
from tests import examples
from tests.formats import odd

LIMIT = 262_144
#: What a mail program makes clickable: a scheme, a mail address, a name that ends in letters.
LINK = re.compile(r"(?i)https?:|://|\w@\w|\w\.[a-z]{2,}\b")


def enriched(mapping: Mapping, name: str, **changes: Any) -> EnrichedFinding:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


@pytest.mark.parametrize("name", examples.names())
def test_is_short(name: str, mapping: Mapping) -> None:
    """A mail must fit on a screen and a half: 45 lines at most, and no paragraph wider than a window."""
    lines = render(enriched(mapping, name), LIMIT).splitlines()
    assert len(lines) <= 45
    assert [] == [line for line in lines if len(line) > 120 and not re.search(r"https://|arn:|seen: ", line)]


def test_says_how_bad_what_and_where_first(mapping: Mapping) -> None:
    """The first lines must be all that one needs to decide whether to get up."""
    finding = enriched(mapping, "ec2-ssh-brute-force-inbound")
    first, *_ = render(finding, LIMIT).splitlines()
    technique = finding.attack["techniques"][0]
    assert f"LOW | {technique['name']} ({technique['id']})" == first
    assert "i-0f950b83847317881 in 111122223333/us-east-1" in render(finding, LIMIT).splitlines()


def test_names_who_did_what_from_where(mapping: Mapping) -> None:
    """Principal, call, address and time must each stand on a labelled line."""
    lines = render(enriched(mapping, "iam-cloudtrail-logging-disabled"), LIMIT).splitlines()
    expected = {
        "When      2026-06-24 03:08:36 to 03:09:56 UTC",
        "Who       AssumedRole ops-breakglass (key ASIALAXXCSCRWEXAMPLE)",
        "Call      DeleteTrail on cloudtrail",
        "From      203.0.113.42, Toronto, Canada, AS64506 EXAMPLE-VPN",
    }
    assert expected <= set(lines)


def test_explains_the_technique(mapping: Mapping) -> None:
    """The technique must come with its reason and what the other ATT&CK release calls it."""
    finding = enriched(mapping, "iam-cloudtrail-logging-disabled")
    text = " ".join(render(finding, LIMIT).split())
    assert finding.attack["techniques"][0]["rationale"] in text
    assert "In ATT&CK 18.1: T1562.008 Disable or Modify Cloud Logs, Defense Evasion" in text


def test_shows_the_evidence(mapping: Mapping) -> None:
    """What in the finding decided must be shown as field and value."""
    finding = enriched(mapping, "attack-sequence-compromised-credentials")
    shown = finding.attack["techniques"][0]["evidence"][0]
    assert f"    seen: {shown['field']} = {shown['value']}" in render(finding, LIMIT).splitlines()


def test_counts_repeats(mapping: Mapping) -> None:
    """A finding seen more than once must say how often."""
    assert ", 6 times" in render(enriched(mapping, "ec2-ssh-brute-force-inbound"), LIMIT)


def test_unmapped_says_so(mapping: Mapping) -> None:
    """A type that nothing is known about must not look like a technique was forgotten."""
    text = render(enriched(mapping, "ec2-portscan", type="Policy:NewThing/Odd"), LIMIT)
    assert "No tactic or technique: the mapping has nothing to say about this type." in text.splitlines()


def test_sample_is_marked_first(mapping: Mapping) -> None:
    """Nobody must get up for a sample finding: the first line says that it is one."""
    assert render(enriched(mapping, "awkward-sample-finding"), LIMIT).startswith("*** SAMPLE FINDING")
    assert "SAMPLE" not in render(enriched(mapping, "ec2-tor-client"), LIMIT)


def test_console_link_stands_alone(mapping: Mapping) -> None:
    """The only thing to click must be the console link, whole, on a line of its own."""
    finding = enriched(mapping, "awkward-free-text")
    lines = render(finding, LIMIT).splitlines()
    assert [finding.alert["console"]] == [line for line in lines if "://" in line and "[:]" not in line]


def test_ids_stand_last(mapping: Mapping) -> None:
    """The ARN, which one copies, must be the last line and unbroken."""
    finding = enriched(mapping, "ec2-tor-client")
    assert f"Finding   {finding.finding.arn}" == render(finding, LIMIT).splitlines()[-1]


def test_finding_cannot_forge_a_line(mapping: Mapping) -> None:
    """Line breaks in finding content must not become lines that look like the mail's own."""
    forged = "harmless\r\n\r\nOPEN IN THE CONSOLE\nhttps://example.com/login\u2028Type      Nothing"
    lines = render(enriched(mapping, "ec2-portscan", title=forged, description=forged), LIMIT).splitlines()
    assert lines.count("OPEN IN THE CONSOLE") == 1
    assert len([line for line in lines if line.startswith("Type ")]) == 1


def test_type_that_is_none_cannot_link(mapping: Mapping) -> None:
    """A type that GuardDuty would not spell so must not become a link, in the headline of a sample either."""
    finding = enriched(
        mapping, "awkward-sample-finding", type="see https://example.com", title="", description=""
    )
    headline = render(finding, LIMIT).splitlines()[2]
    assert "HIGH | see hxxps[:]//example[.]com" == headline


@settings(max_examples=150)
@given(event=odd.events())
def test_nothing_hides_and_nothing_links(event: dict[str, Any], mapping: Mapping) -> None:
    """No character may hide or reorder others, and no finding content may become a link."""
    finding = enrich(Finding.from_event(event), mapping)
    text = render(finding, LIMIT)
    assert {"\n"} >= {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    ours = " ".join(row["rationale"] for row in finding.attack["techniques"])
    own = (finding.alert["console"], "Type ", "Account ", "Finding ", "    seen: ")
    lines = [line for line in text.splitlines()[1:] if not line.startswith(own)]
    assert [] == [match[0] for line in lines for match in LINK.finditer(line) if match[0] not in ours]


@given(text=st.one_of(st.text(), odd.TEXTS))
def test_defanged_text_has_no_link(text: str) -> None:
    """Whatever goes in, no scheme, mail address or domain name may come out whole."""
    assert LINK.search(defang(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://example.com/a", "hxxp[:]//example[.]com/a"),
        ("cdn-update.example.net", "cdn-update[.]example[.]net"),
        ("root@example.org", "root[@]example[.]org"),
        ("192.0.2.1 said. Then", "192.0.2.1 said. Then"),
        ("exam\u200bple\uff0ecom", "exam ple[.]com"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_defang_is_readable(text: str, expected: str) -> None:
    """Links must be broken the way analysts know, and addresses left to be copied."""
    assert expected == defang(text)


def test_plain_text_is_cut_with_dots() -> None:
    """Long text must end at the limit with ASCII dots."""
    assert plain("x" * 20, 10) == "xxxxxxx..."


def test_slims_whole_parts_in_order(mapping: Mapping) -> None:
    """Above the limit whole parts must go, the mail name them, and headline, link and ids stay."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    smaller = render(finding, len(whole.encode()) - 1)
    assert "Left out for size: detail. See the console." in smaller.splitlines()
    smallest = render(finding, 600)
    assert "Left out for size: detail, scene, attack, happened. See the console." in smallest.splitlines()
    for part in (finding.alert["console"], finding.finding.arn, finding.finding.type):
        assert part in smallest


def test_limit_is_exact_and_refusal_clear(mapping: Mapping) -> None:
    """A mail of exactly the limit must go whole; a limit below the ids must be refused with both sizes."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    assert whole == render(finding, len(whole.encode()))
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)
