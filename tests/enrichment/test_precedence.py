"""Test which entry of a finding leads, and what follows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enricher.attack.catalog import Pair
from enricher.authoring.rule_examples import finding_of
from enricher.enrichment.precedence import decide_entries
from enricher.enrichment.ranking import DENIED_CALL
from enricher.enrichment.tag import Entry
from enricher.mapping.model import AttackMapping, Confidence, Record

CALL = "service.action.awsApiCallAction"
CLUSTER = "service.action.kubernetesApiCallAction"
SEQUENCE = "service.detection.sequence.sequenceIndicators"
#: Additional Cloud Credentials, high: Persistence and Privilege Escalation.
NEW_KEY = {f"{CALL}.api": "CreateAccessKey", f"{CALL}.serviceName": "iam.amazonaws.com"}

Row = tuple[str, str | None, str, str]


def record(finding_type: str, *entries: tuple[str, str, Confidence]) -> Record:
    """Return a record of the mapping with the given (tactic, technique, confidence) entries."""
    pairs = tuple(Pair(tactic, technique) for tactic, technique, _ in entries)
    rated = tuple(confidence for *_, confidence in entries)
    return Record(
        finding_type, pairs, rated[0], "The record's reason.", "project", "iam", entry_confidences=rated
    )


def decide(
    mapping: AttackMapping, own: Record | None, fields: dict[str, Any], kind: str = ""
) -> tuple[Entry, ...]:
    """Return the entries of a finding with these fields, of the record's type or else of type `kind`."""
    if own:
        mapping = replace(mapping, records={own.type: own})
    finding = finding_of(own.type if own else kind, fields)
    return decide_entries(finding, own, mapping)


def rows(entries: tuple[Entry, ...]) -> list[Row]:
    """Return (tactic, technique, confidence, source) of each entry."""
    return [(e.pair.tactic, e.pair.technique, e.confidence, e.source) for e in entries]


def test_evidence_for_the_purpose_leads(mapping: AttackMapping) -> None:
    """Evidence with the purpose's tactic must precede the record, even where it is less sure."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1136.003", "high"))
    fields = NEW_KEY | {f"{CALL}.callerType": "Domain"}
    assert [
        ("TA0003", "T1098.001", "medium", "evidence"),
        ("TA0003", "T1136.003", "high", "finding-type"),
    ] == rows(decide(mapping, own, fields))


def test_evidence_for_the_first_entry_s_tactic_leads(mapping: AttackMapping) -> None:
    """Where the purpose names no tactic, evidence with that of the record's first entry must lead."""
    own = record("UnauthorizedAccess:IAMUser/Other", ("TA0003", "T1136.003", "high"))
    assert "T1098.001" == decide(mapping, own, NEW_KEY)[0].pair.technique


@pytest.mark.parametrize(("confidence", "leads"), [("low", True), ("medium", False), ("high", False)])
def test_other_evidence_leads_only_if_it_is_surer(
    confidence: Confidence, leads: bool, mapping: AttackMapping
) -> None:
    """Evidence with another tactic must precede the record only if it is surer than its first entry."""
    own = record("Discovery:IAMUser/AnomalousBehavior", ("TA0007", "T1580", confidence))
    found = rows(decide(mapping, own, NEW_KEY))
    assert {("T1098.001", "medium"), ("T1580", confidence)} == {(row[1], row[2]) for row in found}
    assert leads == (found[0][1] == "T1098.001")


def test_evidence_for_a_later_entry_only_raises_it(mapping: AttackMapping) -> None:
    """Other evidence for a later entry of the record must raise it in its place, with the fields."""
    own = record(
        "Discovery:IAMUser/AnomalousBehavior", ("TA0007", "T1580", "low"), ("TA0003", "T1098.001", "low")
    )
    first, second = decide(mapping, own, NEW_KEY)
    assert ("T1580", "finding-type") == (first.pair.technique, first.source)
    assert ("T1098.001", "high", "evidence") == (second.pair.technique, second.confidence, second.source)
    assert "CreateAccessKey" in {shown.value for shown in second.evidence}


def test_less_sure_sub_technique_follows_its_parent(mapping: AttackMapping) -> None:
    """Less sure evidence for a sub-technique of the first entry must follow it, and both be listed."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1098", "high"))
    fields = NEW_KEY | {f"{CALL}.callerType": "Domain"}
    assert [("T1098", "high"), ("T1098.001", "medium")] == [
        row[1:3] for row in rows(decide(mapping, own, fields))
    ]


def test_equally_sure_sub_technique_replaces_its_parent(mapping: AttackMapping) -> None:
    """Evidence for a sub-technique of the first entry that is as sure must replace the parent."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1098", "high"))
    assert [("TA0003", "T1098.001", "high", "evidence")] == rows(decide(mapping, own, NEW_KEY))


def test_reason_of_the_record_travels_with_the_evidence(mapping: AttackMapping) -> None:
    """Where evidence replaces the record's entries, its rationale must be followed by the record's, once."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1098", "high"))
    (entry,) = decide(mapping, own, NEW_KEY)
    assert entry.rationale.endswith(" The record's reason.")
    both = record(
        "Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1098", "high"), ("TA0003", "T1136.003", "low")
    )
    assert 1 == sum("The record's reason." in entry.rationale for entry in decide(mapping, both, NEW_KEY))


def test_reason_of_a_tactic_alone_travels_too(mapping: AttackMapping) -> None:
    """The rationale of a sub-technique that replaces a tactic alone must be followed by the record's."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1098", "low"))
    own = own._replace(pairs=(Pair("TA0003", None),))
    (entry,) = decide(mapping, own, NEW_KEY)
    assert "T1098.001" == entry.pair.technique
    assert entry.rationale.endswith(" The record's reason.")


def test_refused_call_lowers_the_record_too(mapping: AttackMapping) -> None:
    """Where every call was refused, no entry of the record may be high, and each is an attempt."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1136.003", "high"))
    entries = decide(mapping, own, NEW_KEY | {f"{CALL}.errorCode": "AccessDenied"})
    assert ["medium", "medium"] == [entry.confidence for entry in entries]
    assert all(entry.rationale.startswith(DENIED_CALL) for entry in entries)


def test_record_stays_where_one_call_succeeded(mapping: AttackMapping) -> None:
    """Where one of several calls succeeded, the record must keep its confidence."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0003", "T1136.003", "high"))
    listed = "iam.amazonaws.com:[CreateAccessKey:AccessDenied , ListUsers:success]"
    entries = decide(mapping, own, {"service.additionalInfo.anomalies.anomalousAPIs": listed})
    assert ("TA0003", "T1136.003", "high", "finding-type") in rows(entries)


@pytest.mark.parametrize("call", ["secretsmanager:GetSecretValue", "iam:CreateAccessKey", "s3:GetObject"])
@pytest.mark.parametrize("family", ["InstanceCredentialExfiltration", "ResourceCredentialExfiltration"])
@pytest.mark.parametrize("side", ["InsideAWS", "OutsideAWS"])
@pytest.mark.parametrize("affiliated", [None, True, False])
def test_stolen_workload_credentials_lead_whatever_they_called(
    call: str, family: str, side: str, affiliated: bool | None, mapping: AttackMapping
) -> None:
    """Unsecured Credentials must lead a finding on a workload's credentials, whatever call they made."""
    service, _, api = call.partition(":")
    fields = {f"{CALL}.api": api, f"{CALL}.serviceName": f"{service}.amazonaws.com"}
    if affiliated is not None:
        fields[f"{CALL}.remoteAccountDetails.affiliated"] = affiliated  # type: ignore[assignment]
    kind = f"UnauthorizedAccess:IAMUser/{family}.{side}"
    entries = decide(mapping, mapping.record_for(kind), fields, kind)
    assert str(entries[0].pair.technique).startswith("T1552")
    assert any(entry.of_call for entry in entries)


@pytest.mark.parametrize(
    ("server", "purpose"),
    [("nginx", "Persistence"), ("php-fpm8.2", "Discovery"), ("mongod", "DefenseEvasion")],
)
def test_ancestor_is_no_more_than_a_guess(server: str, purpose: str, mapping: AttackMapping) -> None:
    """A command below a server must be headed by its purpose, with the exploited application as a guess."""
    kind = f"{purpose}:Runtime/SuspiciousCommand"
    fields = {"service.runtimeDetails.process.lineage[0].name": server}
    entries = decide(mapping, mapping.record_for(kind), fields, kind)
    assert "T1190" != entries[0].pair.technique
    assert ("TA0001", "T1190", "low", "evidence") in rows(entries)


@pytest.mark.parametrize(
    ("port", "technique"), [(22, "T1133"), (3389, "T1133"), (443, "T1190"), (5432, "T1190")]
)
def test_listed_address_that_came_in_is_no_command_and_control(
    port: int, technique: str, mapping: AttackMapping
) -> None:
    """A connection from a listed address must be Initial Access, without the record's outward reading."""
    action = "service.action.networkConnectionAction"
    fields = {f"{action}.connectionDirection": "INBOUND", f"{action}.localPortDetails.port": port}
    kind = "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom"
    entries = decide(mapping, own := mapping.record_for(kind), fields, kind)
    assert own is not None
    assert [("TA0001", technique, "low", "evidence")] == rows(entries)
    assert own.rationale not in entries[0].rationale


@pytest.mark.parametrize("field", ["username", "groups[0]"])
def test_anonymous_caller_used_no_valid_account(field: str, mapping: AttackMapping) -> None:
    """Where the caller did not log in, Valid Accounts must not be among the techniques."""
    name = "system:anonymous" if field == "username" else "system:unauthenticated"
    for purpose in ("Discovery", "CredentialAccess", "Impact", "Persistence", "DefenseEvasion"):
        kind = f"{purpose}:Kubernetes/MaliciousIPCaller"
        fields = {f"resource.kubernetesDetails.kubernetesUserDetails.{field}": name}
        entries = decide(mapping, mapping.record_for(kind), fields, kind)
        assert "T1133" in {entry.pair.technique for entry in entries}
        assert "T1078" not in {entry.pair.technique for entry in entries}


@pytest.mark.parametrize(
    ("permission", "confidence", "second"),
    [("PUBLIC", "high", "T1530"), ("UNKNOWN", "medium", "T1530"), ("NOT_PUBLIC", "low", None)],
)
def test_effective_permission_decides_on_an_open_bucket(
    permission: str, confidence: str, second: str | None, mapping: AttackMapping
) -> None:
    """A bucket that is public, perhaps public and not public must be three different alerts."""
    kind = "Policy:S3/BucketAnonymousAccessGranted"
    access = "resource.s3BucketDetails[0].publicAccess"
    policy = f"{access}.permissionConfiguration.bucketLevelPermissions.bucketPolicy.allowsPublicReadAccess"
    fields = {f"{access}.effectivePermission": permission, policy: True}
    found = rows(decide(mapping, mapping.record_for(kind), fields, kind))
    assert ("TA0112", "T1685", confidence) == found[0][:3]
    assert [second] * bool(second) == [row[1] for row in found[1:]]
    assert all(row[2] == "low" for row in found[1:])


def test_one_public_bucket_outweighs_a_closed_one(mapping: AttackMapping) -> None:
    """Of several buckets the public one must decide, whatever their order."""
    kind = "Policy:S3/BucketPublicAccessGranted"
    for order in (("PUBLIC", "NOT_PUBLIC"), ("NOT_PUBLIC", "PUBLIC")):
        fields = {
            f"resource.s3BucketDetails[{n}].publicAccess.effectivePermission": permission
            for n, permission in enumerate(order)
        }
        found = rows(decide(mapping, mapping.record_for(kind), fields, kind))
        assert [("T1685", "high"), ("T1530", "low")] == [row[1:3] for row in found]


def test_override_leads_whatever_the_evidence(mapping: AttackMapping) -> None:
    """A team's override must lead with its own confidence, also where the call was refused."""
    own = record("Persistence:IAMUser/AnomalousBehavior", ("TA0040", "T1485", "high"))
    own = own._replace(provenance="override")
    found = rows(decide(mapping, own, NEW_KEY | {f"{CALL}.errorCode": "AccessDenied"}))
    assert ("TA0040", "T1485", "high", "finding-type") == found[0]


@pytest.mark.parametrize(
    ("technique", "leads"), [("T1485", "T1485"), ("T1496.001", "T1496.001"), ("T1526", "T1619")]
)
def test_sequence_is_led_by_what_the_record_is_about(
    technique: str, leads: str, mapping: AttackMapping
) -> None:
    """Of GuardDuty's techniques the first of the record's must lead, whatever their order."""
    own = record("AttackSequence:S3/Other", ("TA0040", "T1496", "low"), ("TA0040", "T1485", "low"))
    indicators = {
        f"{SEQUENCE}[0].key": "ATTACK_TECHNIQUE",
        f"{SEQUENCE}[0].values[0]": "T1619 - Cloud Storage Object Discovery",
        f"{SEQUENCE}[0].values[1]": technique,
    }
    entries = decide(mapping, own, indicators)
    assert (leads, "guardduty") == (entries[0].pair.technique, entries[0].source)


def test_stated_technique_has_the_tactic_of_the_record(mapping: AttackMapping) -> None:
    """Of several tactics that GuardDuty states for a technique, it must get the one of the record."""
    own = record("AttackSequence:IAM/Other", ("TA0001", "T1078.004", "high"))
    indicators = {
        f"{SEQUENCE}[0].key": "ATTACK_TACTIC",
        **{
            f"{SEQUENCE}[0].values[{n}]": name for n, name in enumerate(["Defense Evasion", "Initial Access"])
        },
        f"{SEQUENCE}[1].key": "ATTACK_TECHNIQUE",
        f"{SEQUENCE}[1].values[0]": "T1078.004",
    }
    assert ("TA0001", "T1078.004", "high", "guardduty") == rows(decide(mapping, own, indicators))[0]


def test_resource_of_a_request_path_is_evidence(mapping: AttackMapping) -> None:
    """Where a Kubernetes finding has only verb and path, the path must be read and shown as evidence."""
    path = "/apis/batch/v1/namespaces/shop/cronjobs"
    fields = {f"{CLUSTER}.verb": "create", f"{CLUSTER}.requestUri": path}
    entry = decide(mapping, mapping.record_for(kind := "Persistence:Kubernetes/TorIPCaller"), fields, kind)[0]
    assert ("T1053.007", "evidence") == (entry.pair.technique, entry.source)
    assert (f"{CLUSTER}.requestUri", path) in {(shown.field, shown.value) for shown in entry.evidence}


@pytest.mark.parametrize("resource", ["pods", "deployments", "daemonsets", "cronjobs"])
@pytest.mark.parametrize(
    "family", ["PrivilegedContainer", "AnomalousBehavior.WorkloadDeployed!PrivilegedContainer"]
)
def test_privileged_container_is_an_escape_whatever_started_it(
    family: str, resource: str, mapping: AttackMapping
) -> None:
    """A privileged container must be read as Escape to Host first; the workload's kind comes after."""
    kind = f"PrivilegeEscalation:Kubernetes/{family}"
    fields = {f"{CLUSTER}.verb": "create", f"{CLUSTER}.resource": resource}
    assert decide(mapping, mapping.record_for(kind), fields, kind)[0].pair == Pair("TA0004", "T1611")


@pytest.mark.parametrize(
    ("command", "technique"),
    [
        ("cp /tmp/u /etc/systemd/system/u.service", "T1543.002"),
        ("sh -c 'echo /opt/u >> /etc/rc.local'", "T1037.004"),
        ("echo /opt/u >> /home/app/.bashrc", "T1546.004"),
        ("echo /opt/u | at now + 1 hour", "T1053.002"),
        ("cat /etc/profile", "T1543.002"),
    ],
)
def test_command_that_persists_names_how(command: str, technique: str, mapping: AttackMapping) -> None:
    """A command that writes what is started again must lead with it; reading the same file proves nothing."""
    kind = "Persistence:Runtime/SuspiciousCommand"
    fields = {"service.runtimeDetails.context.commandLineExample": command}
    first = decide(mapping, mapping.record_for(kind), fields, kind)[0]
    assert ("TA0003", technique) == (first.pair.tactic, first.pair.technique)
    assert (first.source == "finding-type") == command.startswith("cat ")


def test_option_of_a_scanner_is_no_command(mapping: AttackMapping) -> None:
    """The option -sS of a port scanner must not be read as the command ss."""
    kind = "Discovery:Runtime/SuspiciousCommand"
    fields = {"service.runtimeDetails.context.commandLineExample": "nmap -sS 192.0.2.0/24"}
    found = [entry.pair.technique for entry in decide(mapping, mapping.record_for(kind), fields, kind)]
    assert "T1046" == found[0]
    assert "T1049" not in found


def test_stated_resource_takes_precedence_over_the_path(mapping: AttackMapping) -> None:
    """Where the finding states another resource than its path, the path must not be read."""
    fields = {
        f"{CLUSTER}.verb": "create",
        f"{CLUSTER}.resource": "cronjobs",
        f"{CLUSTER}.requestUri": "/api/v1/namespaces/shop/pods/web/exec",
    }
    entries = decide(mapping, mapping.record_for(kind := "Persistence:Kubernetes/TorIPCaller"), fields, kind)
    assert {"T1053.007"} == {entry.pair.technique for entry in entries if entry.source == "evidence"}
