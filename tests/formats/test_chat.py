"""Test the chat notification format."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings

from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.chat import DESCRIPTION_LIMIT, TITLE_LIMIT, render, unmarked
from enricher.formats.summary import without_repeats
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.finding.test_safe_text import links_in
from tests.formats import malformed_events

LIMIT = 262_144
LEFT, RIGHT = (
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
)
AT = "\N{FULLWIDTH COMMERCIAL AT}"
#: What Slack or Teams interpret: mentions and links in angle brackets, code, styles, links, entities.
MARKUP = re.compile(r"[<>`*~|@\[\]]|&(?:#|\w+;)")
#: Defanged links and an escaped ampersand, which the format writes itself.
OWN_MARKUP = re.compile(r"\[(?:\.|@|:?/+)\]|&amp;")


def notification(mapping: AttackMapping, name: str, **changes: Any) -> dict[str, Any]:
    """Render an example, with `changes` to its detail."""
    finding = enrich(Finding.from_event(examples.event(name, **changes)), mapping)
    body: dict[str, Any] = json.loads(render(finding, LIMIT))
    return body


def test_notification_has_the_documented_schema(mapping: AttackMapping) -> None:
    """Only parameters of the documented schema may be present, with their fixed values."""
    body = notification(mapping, "iam-cloudtrail-logging-disabled")
    assert {"version", "source", "id", "content", "metadata"} == body.keys()
    assert ("1.0", "custom", "client-markdown") == (
        body["version"],
        body["source"],
        body["content"]["textType"],
    )
    assert {"textType", "title", "description", "nextSteps", "keywords"} == body["content"].keys()
    allowed = {"threadId", "summary", "eventType", "relatedResources", "additionalContext"}
    assert body["metadata"].keys() <= allowed
    assert all(isinstance(value, str) for value in body["metadata"]["additionalContext"].values())


def test_updates_share_a_thread(mapping: AttackMapping) -> None:
    """Updates of one finding must share the thread and differ in ID; another finding has another thread."""
    first = notification(mapping, "ec2-tor-client")
    update = notification(mapping, "ec2-tor-client", updatedAt="2027-01-01T00:00:00.000Z")
    other = notification(mapping, "ec2-portscan")
    assert first["metadata"]["threadId"] == update["metadata"]["threadId"]
    assert first["id"] != update["id"]
    assert first["metadata"]["threadId"] != other["metadata"]["threadId"]


def test_description_has_the_context(mapping: AttackMapping) -> None:
    """Principal, call, address and technique must each be a line of the description."""
    lines = notification(mapping, "iam-cloudtrail-logging-disabled")["content"]["description"].splitlines()
    expected = {
        "*Who* AssumedRole ops-breakglass, key ASIALAXXCSCRWEXAMPLE",
        "*From* 203.0.113[.]42, Toronto, Canada, AS64506 EXAMPLE-VPN, aws-cli/2.31.4",
    }
    assert expected <= {line.partition(" md/")[0] for line in lines}
    [attack] = [line for line in lines if "T1685.002" in line and line.startswith("*ATT&CK*")]
    assert "(was T1562.008)" in attack


def test_title_states_what_happened_and_where(mapping: AttackMapping) -> None:
    """The title must be severity, statement, account and Region: enough on a phone."""
    title = notification(mapping, "iam-anomalous-persistence-create-access-key")["content"]["title"]
    assert (
        "MEDIUM deploy-bot called CreateAccessKey on finance-admin from 203.0.113[.]9, 111122223333 us-east-1"
        in title
    )


@pytest.mark.parametrize(
    ("account", "region", "ending"),
    [("111122223333", "", ", 111122223333"), ("", "us-east-1", ", us-east-1"), ("", "", "port 22")],
)
def test_title_ends_with_what_is_known_of_the_place(
    account: str, region: str, ending: str, mapping: AttackMapping
) -> None:
    """Without an account and a Region the title must end with the statement, not with an empty place."""
    detail = examples.event("ec2-ssh-brute-force-inbound")["detail"]
    detail |= {"accountId": account, "region": region, "arn": ""}
    finding = enrich(Finding.from_detail(detail), mapping)
    assert json.loads(render(finding, LIMIT))["content"]["title"].endswith(ending)


def test_long_type_is_cut(mapping: AttackMapping) -> None:
    """A type of any length must be cut at 100 characters, with dots that say so."""
    event_type = notification(mapping, "ec2-portscan", type="x" * 150)["metadata"]["eventType"]
    assert "x" * 97 + "..." == event_type


def test_rationale_and_benign_cause_are_lines(mapping: AttackMapping) -> None:
    """The rationale of the primary technique and what makes the finding benign must be shown."""
    finding = enrich(Finding.from_event(examples.event("runtime-reverse-shell")), mapping)
    lines = notification(mapping, "runtime-reverse-shell")["content"]["description"].splitlines()
    assert f"*Why* {unmarked(finding.attack['techniques'][0]['rationale'], 700)}" in lines
    assert f"*Benign if* {finding.alert['benign']}" in lines


def test_next_steps_are_check_console_and_technique(mapping: AttackMapping) -> None:
    """The first step must be what to check, then come the links to the finding and to the technique."""
    finding = enrich(Finding.from_event(examples.event("ec2-tor-client")), mapping)
    first, *links = json.loads(render(finding, LIMIT))["content"]["nextSteps"]
    assert finding.alert["check"] == first
    expected = [finding.alert["console"], finding.attack["techniques"][0]["url"]]
    assert expected == [step.rpartition(": ")[2] for step in links]


def test_finding_without_a_console_has_no_step_for_it(mapping: AttackMapping) -> None:
    """Where the console's address is not known, no step may lead to it."""
    steps = notification(mapping, "ec2-portscan", partition="aws-unknown")["content"]["nextSteps"]
    assert steps
    assert not [step for step in steps if "Open the finding" in step]


def test_sample_is_marked(mapping: AttackMapping) -> None:
    """A sample finding must be marked in the title and in the first line of the description."""
    content = notification(mapping, "awkward-sample-finding")["content"]
    assert "SAMPLE HIGH" in content["title"]
    assert content["description"].startswith("*Sample finding:*")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel>", f"{LEFT}!channel{RIGHT}"),
        ("<@U012AB3CD>", f"{LEFT}{AT}U012AB3CD{RIGHT}"),
        ("@here", f"{AT}here"),
        ("`rm -rf`", "'rm -rf'"),
        ("[click](https://example.com)", "⟦click⟧(hxxps[://]example[.]com)"),
        ("&lt;!here&gt;", "& lt;!here& gt;"),
        ("C&CActivity", "C&CActivity"),
        (
            "*b* ~s~ _i_ s_c",
            "\N{ASTERISK OPERATOR}b\N{ASTERISK OPERATOR} \N{TILDE OPERATOR}s\N{TILDE OPERATOR} -i- s_c",
        ),
        ("one\ntwo\u2028three", "one two three"),
    ],
)
def test_markup_is_shown_as_text(text: str, expected: str) -> None:
    """Mentions, links, code and styles in finding content must be rendered as text."""
    assert expected == unmarked(text)


@settings(max_examples=150)
@given(event=malformed_events.events())
def test_no_finding_content_is_markup(event: dict[str, Any], mapping: AttackMapping) -> None:
    """For any finding title and description must be bounded, with no markup except the bold labels."""
    body = json.loads(render(enrich(Finding.from_event(event), mapping), LIMIT))
    content = body["content"]
    assert len(content["title"]) <= TITLE_LIMIT + len("🔴 SAMPLE ARCHIVED CRITICAL ")
    assert len(content.get("description", "")) <= DESCRIPTION_LIMIT
    shown = [content["title"], body["metadata"]["summary"], *body["metadata"].get("relatedResources", [])]
    shown += [re.sub(r"^\*[A-Z][\w&: ]+\*", "", line) for line in content["description"].splitlines()]
    assert [] == [match for line in shown for match in MARKUP.findall(OWN_MARKUP.sub("", line))]
    assert [] == [link for line in shown for link in links_in(line)]


def test_truncates_in_order_and_lists_removed_fields(mapping: AttackMapping) -> None:
    """Above the limit the context must be removed first, and additionalContext must list it."""
    finding = enrich(Finding.from_event(examples.event("awkward-free-text")), mapping)
    size = len(render(finding, LIMIT).encode())
    body = json.loads(render(finding, size - 1))
    assert {"removed": "metadata.additionalContext"} == body["metadata"]["additionalContext"]
    smallest = json.loads(render(finding, 1_200))
    assert {"textType", "title", "nextSteps"} == smallest["content"].keys()
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)


@pytest.mark.parametrize(
    ("name", "said", "again"),
    [
        ("awkward-archived", "policy is replaced or deleted, which", "policy is deleted or weakened"),
        ("runtime-kernel-module-loaded", "was loaded into the kernel:", "loaded into the instance's kernel"),
    ],
)
def test_reason_does_not_say_the_deed_twice(name: str, said: str, again: str, mapping: AttackMapping) -> None:
    """Of the reasons of a rule and of a record only one may begin with what happened."""
    finding = enrich(Finding.from_event(examples.event(name)), mapping)
    assert again in finding.attack["techniques"][0]["rationale"]
    description = json.loads(render(finding, 262_144))["content"]["description"]
    assert said in description
    assert again not in description


def test_sentence_that_denies_another_is_kept() -> None:
    """A sentence that says the opposite of one before it, or says more, must be kept."""
    text = "The function opens the bucket completely. The function does not open the bucket completely."
    longer = (
        "Users signed in often. Users signed in often from places far apart within minutes of one another."
    )
    assert (text, longer) == (without_repeats(text), without_repeats(longer))
