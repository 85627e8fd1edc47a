"""Test the plain-text e-mail format."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.enrichment.headline import subject_line
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.chat import render as render_chat
from enricher.formats.technique_text import attack_rows
from enricher.formats.text import MAX_SEQUENCE_WORDS, MAX_WORDS, render
from enricher.formats.text_lines import fact_lines
from enricher.mapping.model import AttackMapping, Record
from tests import examples
from tests.finding.test_safe_text import links_in
from tests.formats import full_finding, malformed_events

LIMIT = 262_144


def enriched(mapping: AttackMapping, name: str, **changes: Any) -> EnrichedFinding:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


def body_words(text: str) -> int:
    """Return the number of words before the link."""
    return len(text.partition("\nOPEN  ")[0].split())


@pytest.mark.parametrize("name", examples.names())
def test_is_read_in_twenty_seconds(name: str, mapping: AttackMapping) -> None:
    """An e-mail must be short, and no line but the link's and the IDs' may be wider than 120 characters."""
    finding = enriched(mapping, name)
    text = render(finding, LIMIT)
    is_sequence = len(finding.finding.at("service.detection.sequence.signals") or ()) > 1
    assert body_words(text) <= (MAX_SEQUENCE_WORDS if is_sequence else MAX_WORDS)
    wide = [line for line in text.splitlines() if len(line) > 120]
    assert [] == [line for line in wide if not re.search(r"https://|arn:|^\[", line)]


def _wordiest_types(mapping: AttackMapping, count: int) -> list[str]:
    """Return the finding types whose check and benign cause have most words together."""

    def words(record: Record) -> int:
        group = mapping.responses[record.response]
        steps, causes = (
            (group.check, group.target, group.denied, group.blocked),
            (record.benign, group.benign),
        )
        return sum(max(len(text.split()) for text in texts) for texts in (steps, causes))

    return [record.type for record in sorted(mapping.records.values(), key=words)[-count:]]


@pytest.mark.parametrize("is_sequence", [False, True])
@pytest.mark.parametrize("text", full_finding.TEXTS.values(), ids=full_finding.TEXTS.keys())
def test_full_and_hostile_finding_is_no_longer(
    text: str | None, mapping: AttackMapping, *, is_sequence: bool
) -> None:
    """With the longest texts, all blocks, an update and long names, a mail must fit, with time and step."""
    limit = MAX_SEQUENCE_WORDS if is_sequence else MAX_WORDS
    changes = "severity LOW to HIGH; new remote address 203.0.113.77; " * 6
    for number, finding_type in enumerate(_wordiest_types(mapping, 12)):
        detail = full_finding.full_detail(finding_type, text, is_sequence=is_sequence)
        detail["service"]["resourceRole"] = ("ACTOR", "TARGET")[number % 2]
        finding = enrich(Finding.from_detail(detail), mapping)
        finding = finding.with_alert(changes=changes, account_name="a b c d e f g h")
        mail = render(finding, LIMIT)
        assert body_words(mail) <= limit, finding_type
        assert re.search(r"^Account .* \| 20\d\d-\d\d-\d\d ", mail, re.MULTILINE)
        assert f"CHECK {finding.alert['check']}" in " ".join(mail.split())
        assert f"BENIGN IF {finding.alert['benign']}".strip() in f"{' '.join(mail.split())} BENIGN IF"
        subject = subject_line(finding.finding, finding.context, finding.alert)
        assert subject.isascii()
        assert len(subject) <= 99


@pytest.mark.parametrize("name", examples.names())
def test_first_step_is_in_every_e_mail(name: str, mapping: AttackMapping) -> None:
    """The check must be in every e-mail, in full."""
    finding = enriched(mapping, name)
    assert f"CHECK {finding.alert['check']}" in " ".join(render(finding, LIMIT).split())


def test_what_happened_comes_first(mapping: AttackMapping) -> None:
    """The first lines must be severity, statement, account, Region and time, enough for triage."""
    first, second, *_ = render(enriched(mapping, "ec2-ssh-brute-force-inbound"), LIMIT).splitlines()
    assert "[LOW] 198.51.100[.]23 tried SSH passwords on i-0f950b83847317881 (bastion) port 22" == first
    assert second.startswith("Account 111122223333 us-east-1 | 20")
    assert second.endswith(" UTC, finding seen 6 times")


def test_context_is_on_labelled_lines(mapping: AttackMapping) -> None:
    """Principal, address and technique must each be on a labelled line."""
    lines = render(enriched(mapping, "iam-cloudtrail-logging-disabled"), LIMIT).splitlines()
    expected = {
        "WHO      AssumedRole ops-breakglass, key ASIALAXXCSCRWEXAMPLE",
        "ATT&CK   Defense Impairment: T1685.002 (was T1562.008) Disable or Modify",
        "         Tools: Disable or Modify Cloud Log, confidence high",
    }
    assert expected <= set(lines)


def test_former_name_stands_beside_what_it_renames(mapping: AttackMapping) -> None:
    """A former ID must follow the ID, a former tactic the tactic; neither stands elsewhere."""
    mail = " ".join(render(enriched(mapping, "runtime-fileless-execution"), LIMIT).split())
    assert "Stealth (was Defense Evasion): T1620 Reflective Code Loading, confidence high" in mail
    assert mail.count("was Defense Evasion") == 1
    archived = " ".join(render(enriched(mapping, "awkward-archived"), LIMIT).split())
    assert "Defense Impairment: T1685 (was T1562.001) Disable or Modify Tools" in archived


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("commandLineExample", "/opt/agent --collect --every 5"),
        ("moduleName", "netwatch"),
        ("releaseAgentPath", "/srv/agent"),
    ],
)
def test_long_title_does_not_displace_the_runtime_context(
    key: str, value: str, mapping: AttackMapping
) -> None:
    """What was run or loaded must be in the e-mail even if GuardDuty's title alone would fill it."""
    event = examples.event(
        "runtime-suspicious-command-history-cleared", title="A suspicious command ran. " * 12
    )
    event["detail"]["service"]["runtimeDetails"]["context"] = {key: value}
    assert value in render(enrich(Finding.from_event(event), mapping), LIMIT)


def test_denied_call_reads_as_denied(mapping: AttackMapping) -> None:
    """Where every call was denied, the mail must say that nothing changed and list what was tried."""
    text = " ".join(render(enriched(mapping, "iam-anomalous-impact-denied"), LIMIT).split())
    assert "WHAT Denied (AccessDenied): nothing changed. " in text
    assert 1 == text.count("AccessDenied")
    assert "WHY What it means when it succeeds: A database is deleted." in text
    assert "TRIED rds:DeleteDBInstance, rds:DeleteDBSnapshot FROM" in text
    assert "Nothing was deleted or changed." in text


def test_sequence_tells_its_signals_in_order(mapping: AttackMapping) -> None:
    """Each signal must be a line with time, tactic, actor, call or type, address and count."""
    text = render(enriched(mapping, "attack-sequence-compromised-credentials"), LIMIT)
    lines = [line for line in text.splitlines() if re.match(r"\d\d:\d\d ", line)]
    assert ["01:12", "01:15", "01:48", "02:40"] == [line[:5] for line in lines]
    assert "01:12    Initial Access: legacy-deploy UnauthorizedAccess:IAMUser/TorIPCaller" == lines[0]
    assert "01:15    Discovery: legacy-deploy iam:ListUsers from 203.0.113[.]42, 4 times" == lines[1]
    assert "WHO      IAMUser legacy-deploy, key AKIAWLNWBFD5JEXAMPLE, MFA disabled" in text.splitlines()


def test_signals_are_left_out_before_techniques(mapping: AttackMapping) -> None:
    """In a long sequence signals must be left out and counted while all its techniques stay."""
    event = examples.event("attack-sequence-compromised-credentials")
    sequence = event["detail"]["service"]["detection"]["sequence"]
    sequence["signals"] = [
        {**signal, "uid": f"{signal['uid']}-{place}"} for place in range(2) for signal in sequence["signals"]
    ]
    finding = enrich(Finding.from_event(event), mapping)
    text = " ".join(render(finding, LIMIT).split())
    assert " ... 1 more lines " in text
    for label, value in attack_rows(finding):
        assert f"{label} {value}".strip() in text


def test_sequence_says_what_it_was_on(mapping: AttackMapping) -> None:
    """The only resource of a sequence must be named once; MFA must be printed only where it is stated."""
    event = examples.event("attack-sequence-compromised-s3-data")
    del event["detail"]["service"]["detection"]["sequence"]["actors"][0]["session"]["mfaStatus"]
    text = render(enrich(Finding.from_event(event), mapping), LIMIT)
    assert "\nON       S3 Bucket claims-archive\n22:04 " in text
    assert "(claims-archive)" not in text
    assert "MFA" not in text
    assert "\n23:10    Impact: analytics s3:DeleteObject from 203.0.113[.]9, 640 times\n" in text


def test_type_of_a_signal_is_not_told_by_its_tactic_again(mapping: AttackMapping) -> None:
    """A signal's finding type begins with the purpose: the tactic of the same name must be left out."""
    text = render(enriched(mapping, "awkward-severity-9-0"), LIMIT)
    assert "\n04:01    Impact:Runtime/CryptoMinerExecuted" in text


def test_sequence_without_actors_and_resources_is_written(mapping: AttackMapping) -> None:
    """A sequence that names neither actors nor resources must be sent, with its signals."""
    event = examples.event("attack-sequence-compromised-credentials")
    sequence = event["detail"]["service"]["detection"]["sequence"]
    event["detail"]["resource"] = {"resourceType": "AttackSequence"}
    sequence |= {"actors": [], "resources": []}
    lines = render(enrich(Finding.from_event(event), mapping), LIMIT).splitlines()
    assert not [line for line in lines if line.startswith(("WHO", "ON"))]
    assert [line for line in lines if line.startswith("01:12 ")]


def test_evidence_that_no_other_line_shows_is_seen(mapping: AttackMapping) -> None:
    """What decided must be printed with its field, if no other line shows it."""
    detail = {"type": "Persistence:IAM/AccountManipulation", "customDetectionRuleName": "IAMAccessKeyCreated"}
    lines = render(enrich(Finding.from_detail(detail), mapping), LIMIT).splitlines()
    assert "SEEN     customDetectionRuleName = IAMAccessKeyCreated" in lines


def test_containers_that_are_not_shown_are_counted(mapping: AttackMapping) -> None:
    """Of several containers one must be shown, and the number of the others be named."""
    resource = examples.event("runtime-reverse-shell")["detail"]["resource"]
    del resource["containerDetails"], resource["ecsClusterDetails"]
    containers = [{"id": f"c{number}", "name": f"name{number}"} for number in range(3)]
    resource["kubernetesDetails"] = {"kubernetesWorkloadDetails": {"containers": containers}}
    finding = enriched(mapping, "runtime-reverse-shell", resource=resource)
    assert "MORE     2 more containers" in render(finding, LIMIT).splitlines()


def test_addresses_that_are_not_shown_are_counted(mapping: AttackMapping) -> None:
    """Of many addresses the first three must be shown, and the number of the others be named."""
    service = examples.event("attack-sequence-compromised-credentials")["detail"]["service"]
    probes = [{"remoteIpDetails": {"ipAddressV4": f"198.51.100.{number}"}} for number in range(1, 6)]
    service |= {"action": {"portProbeAction": {"portProbeDetails": probes}}}
    del service["detection"]
    finding = enriched(mapping, "ec2-port-probe", service=service)
    assert "MORE     2 more addresses" in render(finding, LIMIT).splitlines()


def test_techniques_that_are_not_named_are_counted(mapping: AttackMapping) -> None:
    """Beyond `most` the other techniques must be counted, whether or not some of them are named."""
    finding = enriched(mapping, "attack-sequence-compromised-credentials")
    others = len(finding.attack["techniques"]) - 1
    assert others > 2
    assert ("", f"and {others - 2} more") in attack_rows(finding, 2)
    assert ("also", f"{others} more") in attack_rows(finding, 0)


def test_value_is_printed_once(mapping: AttackMapping) -> None:
    """Evidence that another line shows already must not be printed again."""
    for name in ("ec2-command-and-control-dns", "iam-cloudtrail-logging-disabled"):
        finding = enriched(mapping, name)
        seen = [line for line in render(finding, LIMIT).splitlines() if line.startswith("SEEN ")]
        statement = finding.alert["headline"]
        assert [] == [line for line in seen if line.rpartition(" = ")[2] in statement]


@pytest.mark.parametrize("name", examples.names())
def test_row_is_printed_once(name: str, mapping: AttackMapping) -> None:
    """No principal may be listed twice, under a name in front of it, and no field only names itself."""
    lines = render(enriched(mapping, name), LIMIT).splitlines()
    who = [line.removeprefix("WHO").split() for line in lines if line.startswith("WHO ")]
    assert [] == [
        row for row in who if len(row) == 1 and any(row != other and row[0] in other for other in who)
    ]
    assert "also" not in map(str.strip, lines), "an empty list of further techniques"
    hidden = ("api =", "serviceName =", "resourceRole =", "values[0] =", "anomalousAPIs =")
    assert [] == [line for line in lines if line.startswith("SEEN ") and line[9:].startswith(hidden)]


def test_calls_are_listed_once(mapping: AttackMapping) -> None:
    """A call must have its own service or none, and be printed once; the credentials are stated."""
    text = " ".join(render(enriched(mapping, "iam-instance-credentials-used-outside-aws"), LIMIT).split())
    assert "CALLED s3:ListBuckets, GetCallerIdentity FROM" in text
    assert "outside AWS, with an instance's credentials Account" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("kubernetes-privileged-container-host-root", "Host path: /"),
        ("kubernetes-role-binding-cluster-admin", "roleRefName cluster-admin"),
        ("ai-prompt-injection-direct", "Filter action: BLOCKED"),
        (
            "custom-detection-rule-login-profile",
            "Created: A login profile was created for svc-metrics",
        ),
        ("s3-bucket-anonymous-access-granted", "Bucket access: PUBLIC"),
    ],
)
@pytest.mark.parametrize("title", ["", "GuardDuty has a long title for this kind of finding. " * 9])
def test_field_that_decides_is_shown(name: str, shown: str, title: str, mapping: AttackMapping) -> None:
    """The fields that the record names must be in the e-mail, however long GuardDuty's title is."""
    text = " ".join(render(enriched(mapping, name, title=title), LIMIT).split())
    assert shown in text
    assert shown.partition(": ")[2] in render_chat(enriched(mapping, name, title=title), LIMIT)


def test_signal_in_the_headline_is_not_repeated(mapping: AttackMapping) -> None:
    """What a rule's only signal says is in the first line, so no other row may say it again."""
    text = " ".join(render(enriched(mapping, "custom-detection-rule-login-profile"), LIMIT).split())
    assert text.count("A login profile was created") == 1


def test_rule_without_signals_has_the_description(mapping: AttackMapping) -> None:
    """What was changed must be in the e-mail by the description, if the rule's signals do not say it."""
    event = examples.event("custom-detection-rule-login-profile")
    for signal in event["detail"]["service"]["detection"]["sequence"]["signals"]:
        del signal["description"]
    text = " ".join(render(enrich(Finding.from_event(event), mapping), LIMIT).split())
    assert f"DETAIL Description: {event['detail']['description']}" in text


@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("Recon:IAMUser/TorIPCaller", "from Tor exit node 203.0.113[.]214"),
        ("Impact:Kubernetes/MaliciousIPCaller", "from threat-listed address 203.0.113[.]214"),
        ("PenTest:S3/ParrotLinux", "from Parrot Linux at 203.0.113[.]214"),
        (
            "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.OutsideAWS",
            "from 203.0.113[.]214 outside AWS, with a workload's credentials",
        ),
        ("Persistence:IAMUser/AnomalousBehavior", "from 203.0.113[.]214"),
    ],
)
def test_headline_says_what_the_address_is(family: str, said: str, mapping: AttackMapping) -> None:
    """What the type says of the caller must be in the headline: GuardDuty's title may have no room."""
    line = render(enriched(mapping, "awkward-archived", type=family), LIMIT).splitlines()[1]
    assert line.endswith(said)


@pytest.mark.parametrize("words", range(1, 30))
def test_title_is_shown_where_the_statement_says_nothing(words: int, mapping: AttackMapping) -> None:
    """Where the finding shows no activity, GuardDuty's title must come before facts of any length."""
    tags = [{"key": "Owner", "value": "x " * words}]
    resource = {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0a1", "tags": tags}}
    text = render(enriched(mapping, "awkward-no-action", resource=resource), LIMIT)
    assert "\nWHAT     An EC2 instance probes one port" in text


def test_resource_is_not_told_again_by_tag_or_call(mapping: AttackMapping) -> None:
    """A name tag and an affected resource that the line of the resource shows must not be repeated."""
    instance = render(enriched(mapping, "ec2-command-and-control-dns"), LIMIT)
    assert "ON       i-075379686c9516e8a (shop-web)" in instance
    assert "Name=" not in instance
    bucket = render(enriched(mapping, "s3-bucket-anonymous-access-granted"), LIMIT)
    assert "ON       S3 Bucket press-kit" in bucket
    assert "Affected" not in bucket


def test_what_decides_comes_before_raw_types(mapping: AttackMapping) -> None:
    """What is unusual and what data a bucket holds must be printed, and no address family."""
    text = " ".join(render(enriched(mapping, "s3-anomalous-delete"), LIMIT).split())
    assert "Unusual for user: this call, AS64505 Tags: data=customer" in text
    denied = " ".join(render(enriched(mapping, "iam-anomalous-impact-denied"), LIMIT).split())
    assert "DETAIL Unusual for user: these 2 calls, AS64503 ATT&CK" in denied
    assert "Address family" not in render(enriched(mapping, "runtime-reverse-shell"), LIMIT)


def test_what_is_left_out_is_named(mapping: AttackMapping) -> None:
    """The facts without room must be named by kind, those that rarely decide not at all."""
    text = render(enriched(mapping, "kubernetes-privileged-container-host-root"), LIMIT)
    assert "\n         not shown: unusual, tags\n" in text
    assert ["DETAIL   not shown: tags"] == fact_lines([("Tags", "a " * 40), ("Session", "b " * 40)], 20)
    assert ["DETAIL   not shown: bucket access, 2 more"] == fact_lines([("Bucket access", "a " * 40)] * 3, 20)
    assert [] == fact_lines([("Session", "b " * 40)], 20)
    # Where all facts fit exactly, no words are kept for those left out.
    facts = [("Unusual", "this call"), ("Tags", "data=customer")]
    assert ["DETAIL   Unusual: this call", "         Tags: data=customer"] == fact_lines(facts, 6)


def test_affected_resource_that_is_the_caller_is_kept(mapping: AttackMapping) -> None:
    """A user that changed itself must be printed as affected, though the row of the caller names it."""
    text = render(enriched(mapping, "iam-anomalous-privilege-escalation-attach-user-policy"), LIMIT)
    assert "Affected: arn:aws:iam::111122223333:user/support-sync," in text


@pytest.mark.parametrize("name", examples.names())
def test_rationale_ends_with_a_full_stop(name: str, mapping: AttackMapping) -> None:
    """The rationale, also where only its first sentence has room, must end as a sentence."""
    text = render(enriched(mapping, name), LIMIT)
    if why := re.search(r"^WHY (?:.*(?:\n )?)*", text, re.MULTILINE):
        assert why[0].rstrip().endswith(".")


def test_related_finding_is_printed_once(mapping: AttackMapping) -> None:
    """The finding that started a malware scan must stand below the link only, with what it is."""
    text = render(enriched(mapping, "malware-ec2-volume-scan"), LIMIT)
    assert 1 == text.count("892695ebafcd77655b7cb809eee6e024")
    assert "\nScan for finding 892695ebafcd77655b7cb809eee6e024\n" in text
    sequence = render(enriched(mapping, "attack-sequence-compromised-s3-data"), LIMIT)
    assert "\nFindings in sequence arn:aws:guardduty:eu-west-1:111122223333:detector/" in sequence


def test_workload_and_container_are_named_apart(mapping: AttackMapping) -> None:
    """A Kubernetes workload must be printed with its kind and namespace, and a container as one."""
    text = render(enriched(mapping, "runtime-fileless-execution"), LIMIT)
    assert "\nWITH     Deployment shop/api\nPROCESS " in text
    assert "\nIN       container api, registry[.]example[.]com/shop/api:1.4.2\n" in text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [({"type": "widgets"}, "Kubernetes workload api"), ({"namespace": None}, "Deployment api")],
)
def test_workload_of_another_type_or_without_namespace(
    changes: dict[str, Any], shown: str, mapping: AttackMapping
) -> None:
    """A type that is not known must not be printed as a kind, and no namespace may be made up."""
    event = examples.event("runtime-fileless-execution")
    event["detail"]["resource"]["kubernetesDetails"]["kubernetesWorkloadDetails"] |= changes
    assert f"\nWITH     {shown}\n" in render(enrich(Finding.from_event(event), mapping), LIMIT)


def test_kind_of_the_resource_is_stated(mapping: AttackMapping) -> None:
    """A resource whose name does not say its kind must be printed with it."""
    assert "\nON       ECS Cluster web\n" in render(enriched(mapping, "runtime-reverse-shell"), LIMIT)
    assert "\nON       Lambda Function thumbnailer\n" in render(
        enriched(mapping, "lambda-command-and-control"), LIMIT
    )
    assert "\nWITH     EC2 Volume vol-" in render(enriched(mapping, "malware-ec2-volume-scan"), LIMIT)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1", "aws-cli/2.31.4"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.9.0 (+x)", "APN/1.0 HashiCorp/1.0 Terraform/1.9.0"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:1)", "Mozilla/5.0"),
    ],
)
def test_user_agent_names_the_product(agent: str, shown: str, mapping: AttackMapping) -> None:
    """Of a user agent the product and its version must be printed, not the machine's libraries."""
    event = examples.event("iam-root-credential-usage")
    event["detail"]["service"]["action"]["awsApiCallAction"]["userAgent"] = agent
    text = " ".join(render(enrich(Finding.from_event(event), mapping), LIMIT).split())
    assert f", {shown} ATT&CK " in text


@pytest.mark.parametrize("name", examples.names())
def test_title_is_not_cut(name: str, mapping: AttackMapping) -> None:
    """A title must be printed whole or not at all: its point is at its end."""
    assert not re.search(r"^WHAT(?:.|\n )*\.\.\.$", render(enriched(mapping, name), LIMIT), re.MULTILINE)


def test_unmapped_type_is_stated(mapping: AttackMapping) -> None:
    """A finding of an unmapped type must state that it is not in the mapping."""
    text = render(enriched(mapping, "ec2-portscan", type="Policy:NewThing/Odd"), LIMIT)
    assert f"ATT&CK   type not in mapping {mapping.version}" in text.splitlines()


def test_update_comes_first(mapping: AttackMapping) -> None:
    """What an update changed must be the first line."""
    finding = enriched(mapping, "ec2-tor-client")
    update = replace(finding, alert={**finding.alert, "changes": "severity LOW to HIGH"})
    assert "UPDATE: severity LOW to HIGH" == render(update, LIMIT).splitlines()[0]


def test_long_change_is_cut(mapping: AttackMapping) -> None:
    """What an update changed must be cut at 300 characters, with dots that say so."""
    update = enriched(mapping, "ec2-tor-client").with_alert(changes="x" * 400)
    assert f"UPDATE: {'x' * 297}..." == render(update, LIMIT).splitlines()[0]


def test_sample_is_marked_first(mapping: AttackMapping) -> None:
    """A sample finding must be marked in the first line, any other not at all."""
    assert render(enriched(mapping, "awkward-sample-finding"), LIMIT).startswith("*** SAMPLE FINDING")
    assert "SAMPLE" not in render(enriched(mapping, "ec2-tor-client"), LIMIT)


def test_console_link_is_the_only_link(mapping: AttackMapping) -> None:
    """The console link must be the only link, complete and on a line of its own."""
    finding = enriched(mapping, "awkward-free-text")
    lines = render(finding, LIMIT).splitlines()
    assert [f"OPEN     {finding.alert['console']}"] == [line for line in lines if links_in(line)]


def test_ids_come_last(mapping: AttackMapping) -> None:
    """The ARN must be in the last line, on one line so that it can be copied."""
    finding = enriched(mapping, "ec2-tor-client")
    assert f"Finding  {finding.finding.arn}" == render(finding, LIMIT).splitlines()[-1]


def test_finding_cannot_forge_a_line(mapping: AttackMapping) -> None:
    """Line breaks in finding content must not produce lines that imitate the e-mail's own."""
    forged = "harmless\r\n\r\nOPEN     https://example.com/login\u2028Type     Nothing"
    lines = render(enriched(mapping, "ec2-portscan", title=forged, description=forged), LIMIT).splitlines()
    assert len([line for line in lines if line.startswith("OPEN ")]) == 1
    assert len([line for line in lines if line.startswith("Type ")]) == 1


def test_invalid_type_is_defanged(mapping: AttackMapping) -> None:
    """A type that is not a valid GuardDuty type must be de-fanged."""
    finding = enriched(
        mapping, "awkward-sample-finding", type="see https://example.com", title="", description=""
    )
    lines = render(finding, LIMIT).splitlines()
    assert not [line for line in lines if links_in(line) and not line.startswith("OPEN ")]


@settings(max_examples=150)
@given(event=malformed_events.events())
def test_any_finding_is_free_of_control_characters_and_links(
    event: dict[str, Any], mapping: AttackMapping
) -> None:
    """No character may hide or reorder others, and no finding content may become a link."""
    finding = enrich(Finding.from_event(event), mapping)
    text = render(finding, LIMIT)
    assert {"\n"} >= {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    lines = [line for line in text.splitlines() if line != f"OPEN     {finding.alert['console']}"]
    assert [] == [link for line in lines for link in links_in(line)]


def test_sections_are_removed_in_order(mapping: AttackMapping) -> None:
    """Above the limit whole sections must be removed and listed; headline, link and IDs must be kept."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    smaller = render(finding, len(whole.encode()) - 1)
    assert smaller.splitlines()[-1].startswith("Removed to fit the size limit: why")
    smallest = render(finding, 780)
    assert "Removed to fit the size limit: why, facts, who, attack. See the console." in smallest.splitlines()
    for part in (finding.alert["console"], finding.finding.arn, finding.finding.type):
        assert part in smallest


def test_limit_is_exact(mapping: AttackMapping) -> None:
    """An e-mail of exactly the limit must be complete; below the required size TooLarge must be raised."""
    finding = enriched(mapping, "awkward-free-text")
    whole = render(finding, LIMIT)
    assert whole == render(finding, len(whole.encode()))
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)


def test_each_threat_is_shown_before_its_further_files(mapping: AttackMapping) -> None:
    """Of three malicious files the two with different threats must be printed: one may decide."""
    text = render(enriched(mapping, "malware-ec2-volume-scan"), LIMIT)
    malware = [line for line in text.splitlines() if line.startswith("MALWARE ")]
    assert "\nMORE     1 more file\n" in text
    assert ["CoinMiner.12,", "Downloader.7,"] == [line.split()[1].partition("inux.")[2] for line in malware]


def test_reason_of_a_custom_rule_is_a_sentence(mapping: AttackMapping) -> None:
    """Where only the beginning of a rationale fits, the name of AWS's rule alone must not stand for it."""
    finding_type = "Exfiltration:RDS/TransferDataToCloudAccount"
    event = examples.event("custom-detection-rule-login-profile", type=finding_type, description="")
    del event["detail"]["service"]["detection"]
    text = " ".join(render(enrich(Finding.from_event(event), mapping), LIMIT).split())
    assert "WHY Rule RDSSnapshotPubliclyShared: a database snapshot is opened to all" in text


def test_denied_call_of_a_custom_rule_reads_as_denied(mapping: AttackMapping) -> None:
    """The rule's signal says that a profile was created: it must not be printed where the call was denied."""
    event = examples.event("custom-detection-rule-login-profile")
    call = {"api": "CreateLoginProfile", "serviceName": "iam.amazonaws.com", "errorCode": "AccessDenied"}
    event["detail"]["service"]["action"] = {"awsApiCallAction": call}
    for signal in event["detail"]["service"]["detection"]["sequence"]["signals"]:
        signal.pop("activities")
    finding = enrich(Finding.from_event(event), mapping)
    text = render(finding, LIMIT)
    assert "] hr-sync was denied CreateLoginProfile from " in text
    assert " was created" not in text
    assert " DENIED by hr-sync from 198.51.100.140" in subject_line(
        finding.finding, finding.context, finding.alert
    )


def test_description_of_an_unknown_type_is_printed(mapping: AttackMapping) -> None:
    """GuardDuty's description may be all that says who did what; a type that is known has better fields."""
    told = "The assumed role data-share called ShareCollection"
    assert told in " ".join(render(enriched(mapping, "awkward-unknown-type"), LIMIT).split())
    event = examples.event("awkward-unknown-type", type="Exfiltration:IAMUser/AnomalousBehavior")
    assert told not in " ".join(render(enrich(Finding.from_event(event), mapping), LIMIT).split())
