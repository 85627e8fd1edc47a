"""Test what an alert says happened: the statement, the headline and the subject."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from enricher.enrichment.enrich import enrich
from enricher.enrichment.headline import subject_line
from enricher.enrichment.statement import statement_of
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.finding.test_safe_text import links_in
from tests.formats.full_finding import full_detail
from tests.formats.malformed_events import events


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        (
            "iam-anomalous-persistence-create-access-key",
            "deploy-bot called CreateAccessKey on finance-admin from 203.0.113.9",
        ),
        (
            "iam-anomalous-impact-denied",
            "report-reader was denied DeleteDBInstance on orders-prod and 1 other call from 198.51.100.140",
        ),
        ("s3-anomalous-delete", "etl-loader called DeleteObjects on shop-invoices from 203.0.113.9"),
        ("ec2-tor-client", "i-09f522a1e7aeb968b (dev-box) connected to Tor address 203.0.113.42 port 9001"),
        ("ec2-port-probe", "203.0.113.9 probed port 9200 of i-0388f91ea04d6eaeb (search-node)"),
        (
            "ec2-command-and-control-dns",
            "i-075379686c9516e8a (shop-web) looked up C&C domain cdn-update.example.net",
        ),
        (
            "kubernetes-exec-in-kube-system",
            "oncall opened a session in pod aws-node-7xk2p in namespace kube-system on cluster shop "
            "from 203.0.113.214",
        ),
        (
            "rds-failed-login-malicious-ip",
            "threat-listed address 203.0.113.88 failed to log in to orders-prod as postgres, 37 times",
        ),
        ("runtime-reverse-shell", "checkout on web opened a reverse shell (/usr/bin/bash)"),
        (
            "runtime-suspicious-command-history-cleared",
            "/usr/bin/bash ran a suspicious command on i-0a1d366256fac4373 (app-02)",
        ),
        (
            "iam-cloudtrail-logging-disabled",
            "ops-breakglass called DeleteTrail on audit-main from 203.0.113.42",
        ),
        (
            "custom-detection-rule-login-profile",
            "hr-sync called CreateLoginProfile from 198.51.100.140 "
            "(rule IAMUserLoginProfileCreated: A login profile was created for svc-metrics)",
        ),
        (
            "ai-prompt-injection-direct",
            "suspected prompt injection with Converse through support-chatbot from 198.51.100.201, blocked",
        ),
        ("awkward-no-action", "GuardDuty reported Impact:EC2/PortSweep on Instance"),
        (
            "iam-console-login-success-b",
            "a.lindqvist logged in to the console from places far apart, last from 198.51.100.140",
        ),
        (
            "attack-sequence-compromised-s3-data",
            "attack sequence by analytics from 203.0.113.9: 3 signals, the last s3:DeleteObject",
        ),
    ],
)  # fmt: skip
def test_statement_has_a_verb_and_the_point(name: str, statement: str) -> None:
    """Each kind of finding must be told as who did what, where."""
    finding = Finding.from_event(examples.event(name))
    assert statement == statement_of(finding, Context(finding))


@pytest.mark.parametrize(
    ("name", "statement", "brief"),
    [
        (
            "ec2-tor-client",
            "i-09f522a1e7aeb968b (dev-box) tried to connect to Tor address 203.0.113.42 port 9001, blocked",
            "dev-box tried to connect to Tor address 203.0.113.42 BLOCKED",
        ),
        (
            "ec2-port-probe",
            "203.0.113.9 probed port 9200 of i-0388f91ea04d6eaeb (search-node), blocked",
            "203.0.113.9 probed port 9200 of search-node BLOCKED",
        ),
        (
            "ec2-command-and-control-dns",
            "i-075379686c9516e8a (shop-web) looked up C&C domain cdn-update.example.net, blocked",
            "shop-web looked up C&C domain cdn-update.example.net BLOCKED",
        ),
        (
            "ai-prompt-injection-direct",
            "suspected prompt injection with Converse through support-chatbot from 198.51.100.201, blocked",
            "prompt injection BLOCKED through support-chatbot from 198.51.100.201",
        ),
    ],
)
def test_blocked_activity_is_told_as_blocked(name: str, statement: str, brief: str) -> None:
    """What GuardDuty states as blocked must not be told as done, in the sentence and in the subject."""
    event = examples.event(name)
    for action in event["detail"]["service"]["action"].values():
        if isinstance(action, dict):
            action["blocked"] = True
    finding = Finding.from_event(event)
    context = Context(finding)
    assert [statement, brief] == [statement_of(finding, context), statement_of(finding, context, short=48)]


@pytest.mark.parametrize(
    ("action", "filters", "blocked"),
    [
        ("GUARDRAIL_INTERVENED", [("PROMPT_ATTACK", "BLOCKED")], True),
        ("NONE", [("PROMPT_ATTACK", "BLOCKED")], False),
        ("GUARDRAIL_INTERVENED", [("PROMPT_ATTACK", "NONE"), ("INSULTS", "BLOCKED")], False),
        ("GUARDRAIL_INTERVENED", [("PROMPT_ATTACK", "BLOCKED"), ("PROMPT_ATTACK", "NONE")], False),
        ("GUARDRAIL_INTERVENED", [], False),
    ],
)
def test_prompt_is_blocked_only_if_its_filter_says_so(
    action: str, filters: list[tuple[str, str]], blocked: bool, mapping: AttackMapping
) -> None:
    """A guardrail that intervened for another reason must not make the injection a blocked one."""
    event = examples.event("ai-prompt-injection-direct")
    event["detail"]["resource"]["bedrockGuardrailDetails"] |= {
        "guardrailAction": action,
        "contentPolicyFilters": [{"type": kind, "action": it} for kind, it in filters],
    }
    alert = enrich(Finding.from_event(event), mapping).alert
    group = mapping.responses["prompt-injection"]
    assert blocked == (", blocked ·" in alert["headline"])
    assert alert["check"] == (group.blocked if blocked else group.check)


def test_name_in_a_statement_is_never_a_placeholder() -> None:
    """A process named like a placeholder must be printed as it is."""
    event = examples.event("runtime-reverse-shell")
    event["detail"]["service"]["runtimeDetails"]["process"]["executablePath"] = "/tmp/{w}{p}"
    finding = Finding.from_event(event)
    assert "checkout on web opened a reverse shell (/tmp/{w}{p})" == statement_of(finding, Context(finding))


def test_several_affected_resources_are_not_told_as_one() -> None:
    """A call that affected several resources must not be told as if it had affected the first one only."""
    event = examples.event("iam-cloudtrail-logging-disabled")
    affected = event["detail"]["service"]["action"]["awsApiCallAction"]["affectedResources"]
    affected["AWS::S3::Bucket"] = "arn:aws:s3:::press-kit"
    finding = Finding.from_event(event)
    assert " called DeleteTrail from " in statement_of(finding, Context(finding))


def headline_of(mapping: AttackMapping, **detail: Any) -> str:
    """Return the headline of a finding."""
    return enrich(Finding.from_detail({"type": "x", **detail}), mapping).alert["headline"]


def test_headline_is_severity_statement_technique_and_account(mapping: AttackMapping) -> None:
    """The headline must have these four parts in order, the parent's name beside a sub-technique's."""
    event = examples.event("iam-anomalous-persistence-create-access-key")
    assert [
        "MEDIUM",
        "deploy-bot called CreateAccessKey on finance-admin from 203.0.113.9",
        "Account Manipulation: Additional Cloud Credentials (T1098.001)",
        "111122223333/us-east-1",
    ] == enrich(Finding.from_event(event), mapping).alert["headline"].split(" · ")


def test_confidence_is_stated_unless_high(mapping: AttackMapping) -> None:
    """At medium confidence the headline must say so; at low it must say "possibly"."""
    assert "Application Layer Protocol (T1071, medium)" in headline_of(
        mapping, type="Trojan:EC2/BlackholeTraffic"
    )
    assert "possibly Phishing (T1566)" in headline_of(mapping, type="Trojan:EC2/PhishingDomainRequest!DNS")


def test_unknown_type_is_stated(mapping: AttackMapping) -> None:
    """A type without a record must be told apart from one that was reviewed."""
    note = f"type not in mapping {mapping.version}"
    assert note in headline_of(mapping, type="Policy:New/Thing")
    assert f"{note}; tactic Stealth taken from its name" in headline_of(mapping, type="Stealth:New/Thing")


def test_long_name_does_not_displace_the_account(mapping: AttackMapping) -> None:
    """However long a name, the headline must end with account and Region."""
    key = {"userName": "u" * 300}
    action = {"awsApiCallAction": {"api": "C" * 300}}
    line = headline_of(
        mapping, accountId="111122223333", region="eu-west-1", service={"action": action},
        resource={"resourceType": "AccessKey", "accessKeyDetails": key},
    )  # fmt: skip
    assert line.endswith(" · 111122223333/eu-west-1")
    assert len(line) < 400


@pytest.mark.parametrize("count", [1, 2, 6, 60])
def test_remote_addresses_left_out_are_counted(count: int) -> None:
    """One address is named; the headline must say how many others there are."""
    rows = [{"remoteIpDetails": {"ipAddressV4": f"203.0.113.{number}"}} for number in range(count)]
    action = {"portProbeAction": {"portProbeDetails": rows}}
    finding = Finding.from_detail(
        {"type": "Recon:EC2/PortProbeUnprotectedPort", "service": {"action": action}}
    )
    more = f" and {count - 1} more" if count > 1 else ""
    assert statement_of(finding, Context(finding)).startswith(f"203.0.113.0{more} probed a port")


def test_database_users_left_out_are_counted() -> None:
    """Of several users whose log-in failed one is named; the headline must say how many others there are."""
    rows = [{"user": f"app{number}", "failedLoginAttempts": 2} for number in range(30)]
    finding = Finding.from_detail(
        {
            "type": "CredentialAccess:RDS/AnomalousBehavior.FailedLogin",
            "resource": {"rdsDbInstanceDetails": {"dbInstanceIdentifier": "orders"}},
            "service": {"action": {"rdsLoginAttemptAction": {"LoginAttributes": rows}}},
        }
    )
    assert statement_of(finding, Context(finding)).endswith(" orders as app0 and 29 more, 60 times")


def subject_of(mapping: AttackMapping, name: str, changes: str = "") -> str:
    """Return the subject of an example, with changes that an update made."""
    enriched = enrich(Finding.from_event(examples.event(name)), mapping)
    changed = enriched.with_alert(changes=changes)
    return subject_line(enriched.finding, enriched.context, changed.alert)


def test_subject_has_account_call_outcome_and_caller(mapping: AttackMapping) -> None:
    """The subject must say where, what, its outcome, who and from where."""
    expected = "[HIGH] 111122223333 eu-central-1: DeleteDBInstance DENIED, report-reader from 198.51.100.140"
    assert expected == subject_of(mapping, "iam-anomalous-impact-denied")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("awkward-china-partition", "DescribeInstances, zhang.wei from Tor 203.0.113.42"),
        ("iam-malicious-ip-caller-run-instances", "RunInstances, terraform from listed 203.0.113.88"),
        (
            "iam-instance-credentials-used-outside-aws",
            "ListBuckets, cms-front from 203.0.113.9 outside AWS",
        ),
    ],
)
def test_subject_says_what_the_address_is(name: str, end: str, mapping: AttackMapping) -> None:
    """What the type says of the address, or that credentials are used outside AWS, must be in the subject."""
    assert subject_of(mapping, name).endswith(end)


def test_subject_has_flags_in_front(mapping: AttackMapping) -> None:
    """SAMPLE, UPDATE and ARCHIVED must come first, UPDATE only where something is known to have changed."""
    assert subject_of(mapping, "awkward-sample-finding").startswith("SAMPLE [HIGH] ")
    assert subject_of(mapping, "awkward-archived").startswith("ARCHIVED [LOW] ")
    assert subject_of(mapping, "ec2-tor-client", changes="severity LOW to HIGH").startswith("UPDATE [HIGH] ")
    assert subject_of(mapping, "ec2-tor-client").startswith("[HIGH] ")


@pytest.mark.parametrize("name", examples.names())
def test_subject_of_an_example_is_not_cut(name: str, mapping: AttackMapping) -> None:
    """An ordinary finding's subject must fit, with account and Region, without being cut at its end."""
    event = examples.event(name)
    line = subject_of(mapping, name)
    assert f"{event['detail']['accountId']} {event['detail']['region']}: " in line
    assert not line.endswith("...")


@given(events())
def test_subject_of_any_finding_fits(mapping: AttackMapping, event: dict[str, Any]) -> None:
    """A subject must be one printable ASCII line within SNS's limit, and nothing in it a link."""
    enriched = enrich(Finding.from_event(event), mapping)
    line = subject_line(enriched.finding, enriched.context, enriched.alert)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 99
    assert [] == links_in(line)


def test_subject_that_does_not_fit_is_cut_to_the_limit(mapping: AttackMapping) -> None:
    """A subject with every block and long names must use its 99 characters and say that it is cut."""
    lines = set()
    for finding_type in ("Impact:IAMUser/AnomalousBehavior", "Impact:S3/AnomalousBehavior.Delete"):
        detail = full_detail(finding_type, "x" * 400, is_sequence=False)
        enriched = enrich(Finding.from_detail(detail), mapping).with_alert(changes="severity LOW to HIGH")
        lines.add(subject_line(enriched.finding, enriched.context, enriched.alert))
    cut = [line for line in lines if line.endswith("...")]
    assert cut
    assert {99} == {len(line) for line in cut}


def rule_statement(*signals: dict[str, Any], **resource: Any) -> str:
    """Return the statement of a finding of a custom detection rule."""
    sequence = {"signals": list(signals), "actors": [{"user": {"name": "dev"}}], **resource}
    detail = {
        "type": "Exfiltration:S3/TransferDataToCloudAccount",
        "customDetectionRuleName": "S3BucketPolicyExternalAccess",
        "service": {"detection": {"sequence": sequence}},
        "resource": {"resourceType": "AccessKey"},
    }
    finding = Finding.from_detail(detail)
    return statement_of(finding, Context(finding))


def signal(*calls: str) -> dict[str, Any]:
    """Return a signal of a custom detection rule with its calls."""
    api = [{"operation": call, "service": "s3.amazonaws.com"} for call in calls]
    return {"name": "S3BucketPolicyExternalAccess", "activities": [{"api": it} for it in api]}


BUCKET = {"resources": [{"resourceType": "S3_BUCKET", "uid": "arn:aws:s3:::claims", "name": "claims"}]}


@pytest.mark.parametrize(
    ("signals", "resource", "statement"),
    [
        ([signal()], {}, "rule S3BucketPolicyExternalAccess matched activity by dev"),
        ([signal()], BUCKET, "rule S3BucketPolicyExternalAccess matched activity by dev on claims"),
        ([signal("PutBucketPolicy")], BUCKET,
         "dev called PutBucketPolicy on claims (rule S3BucketPolicyExternalAccess)"),
        ([signal("PutBucketPolicy"), signal("PutBucketAcl")], {},
         "dev called PutBucketPolicy and 1 other API (rule S3BucketPolicyExternalAccess)"),
    ],
)  # fmt: skip
def test_custom_detection_rule_says_what_was_called(
    signals: list[dict[str, Any]], resource: dict[str, Any], statement: str
) -> None:
    """A rule's finding must say who called what on which resource, and not read as an attack sequence."""
    assert statement == rule_statement(*signals, **resource)


@pytest.mark.parametrize(
    ("resource", "affected", "target"),
    [
        ({"resourceType": "NewThing"}, {}, " on NewThing"),
        ({"resourceType": "NewThing"}, {"AWS::New::Thing": "arn:aws:new:::thing/ledger"}, " on ledger"),
        ({"resourceType": "NewThing", "newThingDetails": {"newThingArn": "arn:aws:new:::thing/t1"}}, {},
         " on NewThing thing/t1"),
        ({"resourceType": "NewThing", "newThingDetails": {"thingName": "t2", "arn": "arn:x"}}, {},
         " on NewThing t2"),
        ({"resourceType": "AccessKey"}, {}, ""),
    ],
)  # fmt: skip
def test_resource_of_an_unknown_kind_is_named(
    resource: dict[str, Any], affected: dict[str, str], target: str
) -> None:
    """A kind that the table lacks must be named by its ID or name, else by its type."""
    call = {"awsApiCallAction": {"api": "ShareThing", "affectedResources": affected}}
    finding = Finding.from_detail({"type": "New:Thing/X", "service": {"action": call}, "resource": resource})
    said = statement_of(finding, Context(finding))
    assert f"ShareThing was called{target}" == said


@pytest.mark.parametrize(
    ("count", "statement", "brief"),
    [
        (1, "malware EICAR0 found in /tmp/0 on i-0abc", "malware EICAR0 found on i-0abc"),
        (2, "malware EICAR0 found in /tmp/0 and 1 more file on i-0abc",
         "malware EICAR0 found in 2 files on i-0abc"),
        (3, "malware EICAR0 found in /tmp/0 and 2 more files on i-0abc",
         "malware EICAR0 found in 3 files on i-0abc"),
    ],
)  # fmt: skip
def test_files_with_malware_are_counted(count: int, statement: str, brief: str) -> None:
    """The first file with malware must be named, and the others counted if there are any."""
    names = [
        {"name": f"EICAR{number}", "filePaths": [{"filePath": f"/tmp/{number}"}]} for number in range(count)
    ]
    scan = {"ebsVolumeScanDetails": {"scanDetections": {"threatDetectedByName": {"threatNames": names}}}}
    resource = {"instanceDetails": {"instanceId": "i-0abc"}}
    detail = {"type": "Execution:EC2/MaliciousFile", "resource": resource, "service": scan}
    finding = Finding.from_detail(detail)
    context = Context(finding)
    assert [statement, brief] == [statement_of(finding, context), statement_of(finding, context, short=48)]


@pytest.mark.parametrize(
    ("blocked", "statement"),
    [
        (False, "i-0abc sent data in DNS queries for x.example.net"),
        (True, "i-0abc tried to send data in DNS queries for x.example.net, blocked"),
    ],
)
def test_data_in_dns_queries_is_told_as_sent(blocked: bool, statement: str) -> None:
    """A DNS query that carries data must not be told as a look-up, and a blocked one as an attempt."""
    action = {"dnsRequestAction": {"domain": "x.example.net", "blocked": blocked}}
    resource = {"instanceDetails": {"instanceId": "i-0abc"}}
    detail = {"type": "Trojan:EC2/DNSDataExfiltration", "resource": resource, "service": {"action": action}}
    finding = Finding.from_detail(detail)
    assert statement == statement_of(finding, Context(finding))


@pytest.mark.parametrize(
    ("error", "statement", "brief"),
    [
        ("", "ShareThing was called on ledger", "ShareThing"),
        ("AccessDenied", "ShareThing was denied on ledger", "ShareThing DENIED"),
        ("NoSuchThing", "ShareThing failed on ledger", "ShareThing FAILED"),
    ],
)
def test_call_without_a_caller_names_none(error: str, statement: str, brief: str) -> None:
    """Where the finding has no caller, the sentence must have none, with the outcome as it is."""
    affected = {"AWS::New::Thing": "arn:aws:new:::thing/ledger"}
    call = {"awsApiCallAction": {"api": "ShareThing", "errorCode": error, "affectedResources": affected}}
    finding = Finding.from_detail({"type": "New:Thing/X", "service": {"action": call}})
    context = Context(finding)
    assert [statement, brief] == [statement_of(finding, context), statement_of(finding, context, short=48)]


def test_several_calls_without_a_caller_are_told_in_the_plural() -> None:
    """Further calls must be part of the subject: they were not made on the first one's resource."""
    anomalies = {"anomalousAPIs": "new.amazonaws.com:[ShareThing:success , ListThings:success]"}
    service = {
        "action": {"awsApiCallAction": {"api": "ShareThing", "serviceName": "new.amazonaws.com"}},
        "additionalInfo": {"anomalies": anomalies},
    }
    finding = Finding.from_detail({"type": "New:Thing/X", "service": service})
    assert statement_of(finding, Context(finding)) == "ShareThing and 1 other API were called"


def test_denied_rule_says_nothing_of_a_change() -> None:
    """The signal's sentence tells the change as made: under a denied call it must not stand."""
    event = examples.event("custom-detection-rule-login-profile")
    call = {"api": "CreateLoginProfile", "serviceName": "iam.amazonaws.com", "errorCode": "AccessDenied"}
    event["detail"]["service"]["action"] = {"awsApiCallAction": call}
    finding = Finding.from_event(event)
    said = statement_of(finding, Context(finding))
    assert "hr-sync was denied CreateLoginProfile" in said
    assert "was created" not in said


def test_memory_file_is_named_without_the_kernels_note() -> None:
    """The kernel's "(deleted)" must not read as part of the program's name."""
    finding = Finding.from_event(examples.event("runtime-fileless-execution"))
    assert statement_of(finding, Context(finding)) == "memfd:kthread ran from memory in api on shop"


@pytest.mark.parametrize("signals", [["a", "b"], [{}, None], [{"name": 5}, {}]])
def test_sequence_without_readable_signals_has_a_statement(signals: list[object]) -> None:
    """Signals of an unexpected shape must not keep the finding from being told."""
    service = {"detection": {"sequence": {"signals": signals}}}
    finding = Finding.from_detail({"type": "AttackSequence:EKS/CompromisedCluster", "service": service})
    assert "attack sequence on unnamed resource: 2 signals" == statement_of(finding, Context(finding))


@pytest.mark.parametrize("signals", [[], {}, "ab", {"name": "a"}, 7])
def test_finding_without_a_list_of_signals_is_told_by_its_title(signals: object) -> None:
    """Without signals, nothing may be told of a sequence: its title says more."""
    service = {"detection": {"sequence": {"signals": signals}}}
    finding = Finding.from_detail({"type": "AttackSequence:X/Y", "title": "A title.", "service": service})
    assert "signals" not in statement_of(finding, Context(finding))


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ("s3:DeleteObject", ": DeleteObject"),
        ("DeleteObject", ": DeleteObject"),
        ("a:b:Run", ": Run"),
        ("", ""),
    ],
)
def test_subject_of_a_sequence_ends_with_its_last_call(last: str, end: str) -> None:
    """The subject must name the last signal without its service, whether its name has one or not."""
    sequence = {"signals": [{"name": name, "type": "FINDING"} for name in ("", last)]}
    detail = {"type": "AttackSequence:X/Y", "service": {"detection": {"sequence": sequence}}}
    finding = Finding.from_detail(detail)
    said = statement_of(finding, Context(finding), short=48)
    assert f"attack sequence on unnamed resource{end}" == said


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("kubernetes-secrets-accessed", "list secrets in payments, ci:runner from listed 198.51.100.201"),
        ("rds-failed-login-malicious-ip", "listed 203.0.113.88 failed to log in to orders-prod, 37 times"),
    ],
)
def test_address_in_a_subject_is_whole(name: str, end: str, mapping: AttackMapping) -> None:
    """An address must never be cut in a subject; a service account is named without its prefix."""
    resource = name.partition("-")[0].replace("kubernetes", "Kubernetes").replace("rds", "RDS")
    event = examples.event(name, type=f"CredentialAccess:{resource}/MaliciousIPCaller")
    enriched = enrich(Finding.from_event(event), mapping)
    assert subject_line(enriched.finding, enriched.context, enriched.alert).endswith(end)


@pytest.mark.parametrize(
    ("finding_type", "kind"),
    [("Execution:EC2/MaliciousFile", "malware"), ("Execution:EC2/SuspiciousFile", "suspicious file")],
)
def test_scan_says_how_bad_the_file_is(finding_type: str, kind: str, mapping: AttackMapping) -> None:
    """A file that is only suspicious must not be called malware."""
    enriched = enrich(
        Finding.from_event(examples.event("malware-ec2-volume-scan", type=finding_type)), mapping
    )
    assert statement_of(enriched.finding, enriched.context).startswith(f"{kind} Gen:Application")
    subject = subject_line(enriched.finding, enriched.context, enriched.alert)
    assert f": {kind} " in subject
    assert subject.endswith(" found in 3 files on ci-runner-03")
