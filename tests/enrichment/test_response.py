"""Test what an alert tells the analyst to check or do first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enricher.authoring.responses import check_text
from enricher.enrichment.enrich import enrich
from enricher.finding.api_calls import failure_of, is_denied
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Response, RuleAdvice

PERSISTENCE, SCAN = "Persistence:IAMUser/AnomalousBehavior", "UnauthorizedAccess:EC2/SSHBruteForce"


def check_for(mapping: AttackMapping, finding_type: str, **detail: Any) -> str:
    """Return `alert.check` of a finding."""
    return enrich(Finding.from_detail({"type": finding_type, **detail}), mapping).alert["check"]


def test_every_type_has_a_first_step(mapping: AttackMapping) -> None:
    """Every recorded type and alias must have a valid text in each of its variants."""
    called = {"action": {"awsApiCallAction": {"api": "x", "errorCode": "AccessDenied"}}}
    for finding_type in (*mapping.records, *mapping.aliases):
        for service in ({}, {"resourceRole": "TARGET"}, called):
            text = check_for(mapping, finding_type, service=service)
            assert [] == list(check_text(text)), (finding_type, text)


def test_sample_finding_asks_for_nothing(mapping: AttackMapping) -> None:
    """The check of a sample must not have a host isolated, whatever its type; it needs no benign cause."""
    for finding_type in (PERSISTENCE, SCAN, "New:Quantum/Thing"):
        service = {"additionalInfo": {"sample": True}, "resourceRole": "ACTOR"}
        alert = enrich(Finding.from_detail({"type": finding_type, "service": service}), mapping).alert
        assert (mapping.responses["sample"].check, "") == (alert["check"], alert["benign"])


def test_blocked_probe_has_a_step_of_its_own(mapping: AttackMapping) -> None:
    """A probe that was blocked must not have a port closed that is closed."""
    action = {"portProbeAction": {"blocked": True}}
    text = check_for(mapping, "Recon:EC2/PortProbeUnprotectedPort", service={"action": action})
    assert text == mapping.responses["host-port-probe"].blocked != ""


def test_role_of_the_resource_chooses_the_text(mapping: AttackMapping) -> None:
    """An instance that attacks must be isolated, an attacked one checked for a login."""
    actor, target = (check_for(mapping, SCAN, service={"resourceRole": role}) for role in ("ACTOR", "TARGET"))
    assert actor.startswith("Isolate the host")
    assert "successful login" in target


def benign_for(mapping: AttackMapping, finding_type: str, **detail: Any) -> str:
    """Return `alert.benign` of a finding."""
    return enrich(Finding.from_detail({"type": finding_type, **detail}), mapping).alert["benign"]


def test_record_says_what_is_benign_before_its_group(mapping: AttackMapping) -> None:
    """The text of the record must win over its group's, and the group's serve a record without one."""
    portscan, tor = "Recon:EC2/Portscan", "Exfiltration:S3/MaliciousIPCaller"
    assert mapping.records[portscan].benign == benign_for(mapping, portscan) != ""
    assert mapping.records[tor].benign == ""
    assert mapping.responses[mapping.records[tor].response].benign == benign_for(mapping, tor) != ""


@pytest.mark.parametrize(
    ("record", "group", "actor", "target"),
    [
        (("", ""), ("", ""), "", ""),
        (("", ""), ("group", "group-target"), "group", "group-target"),
        (("record", ""), ("group", "group-target"), "record", "group-target"),
        (("record", ""), ("group", ""), "record", "record"),
        (("record", "record-target"), ("group", "group-target"), "record", "record-target"),
        (("", "record-target"), ("group", ""), "group", "record-target"),
    ],
)
def test_benign_fits_the_direction(
    record: tuple[str, str], group: tuple[str, str], actor: str, target: str, mapping: AttackMapping
) -> None:
    """A text for targets must be used for targets only, and before any text for both directions."""
    bundled = mapping.records[SCAN]
    changed = replace(
        mapping,
        records={SCAN: bundled._replace(benign=record[0], benign_target=record[1])},
        responses={"g": Response("g", "Check it.", benign=group[0], benign_target=group[1])},
    )
    changed = replace(changed, records={SCAN: changed.records[SCAN]._replace(response="g")})
    assert actor == benign_for(changed, SCAN, service={"resourceRole": "ACTOR"})
    assert target == benign_for(changed, SCAN, service={"resourceRole": "TARGET"})


def test_custom_detection_rule_has_its_own_step(mapping: AttackMapping) -> None:
    """Where several rules share a type, check and benign must be those of the finding's rule."""
    shared = [record for record in mapping.records.values() if record.rules]
    assert shared
    for record in shared:
        for rule in record.rules:
            detail = {"customDetectionRuleName": rule.name}
            group = mapping.responses[rule.response or record.response]
            assert group.check == check_for(mapping, record.type, **detail)
            assert (rule.benign or group.benign) == benign_for(mapping, record.type, **detail)
        group = mapping.responses[record.response]
        assert group.check == check_for(mapping, record.type, customDetectionRuleName="Unknown")


def test_group_of_a_rule_is_not_explained_by_the_record(mapping: AttackMapping) -> None:
    """What the record calls benign must not stand beside the step of a rule's own group."""
    key = "Persistence:IAM/AccountManipulation"
    record = mapping.records[key]._replace(
        benign="the record's own",
        rules=(RuleAdvice("R", "g"), RuleAdvice("S", "", "s")),
    )
    groups = {**mapping.responses, "g": Response("g", "Check it.", benign="the group's")}
    changed = replace(mapping, records={key: record}, responses=groups)
    said = [benign_for(changed, key, customDetectionRuleName=name) for name in ("R", "S", "other")]
    assert ["the group's", "s", "the record's own"] == said


def test_rule_is_known_by_the_name_of_its_signal(mapping: AttackMapping) -> None:
    """A finding without the rule's name must have the step of the rule that its signal names."""
    record = mapping.records["Persistence:IAM/AccountManipulation"]
    signals = [{"name": 5}, {"name": "IAMRoleTrustPolicyModified"}]
    service = {"detection": {"sequence": {"signals": signals}}}
    group = next(rule.response for rule in record.rules if rule.name == "IAMRoleTrustPolicyModified")
    assert mapping.responses[group].check == check_for(mapping, record.type, service=service)


@pytest.mark.parametrize(
    ("error", "others", "denied"),
    [
        ("AccessDenied", "", True),
        ("", "", False),
        ("AccessDenied", "iam.amazonaws.com:[CreateUser:AccessDenied , DeleteUser:AccessDenied]", True),
        ("AccessDenied", "iam.amazonaws.com:[CreateUser:success , DeleteUser:AccessDenied]", False),
        ("NoSuchEntityException", "", True),
    ],
)
def test_denied_text_only_if_every_call_failed(
    error: str, others: str, denied: bool, mapping: AttackMapping
) -> None:
    """Where nothing was changed, nothing may have to be undone; one successful call is enough to undo."""
    call = {"api": "CreateUser", "serviceName": "iam.amazonaws.com", "errorCode": error}
    extra = {"anomalies": {"anomalousAPIs": others}} if others else {}
    service = {"action": {"awsApiCallAction": call}, "additionalInfo": extra}
    text = check_for(mapping, PERSISTENCE, service=service)
    assert denied == text.endswith("No access was granted.")


@pytest.mark.parametrize(("status", "failure"), [(403, "HTTP 403"), (200, ""), (None, ""), ("x", "")])
def test_kubernetes_status_is_a_failure_from_400(status: object, failure: str) -> None:
    """A Kubernetes call must count as failed by its HTTP status."""
    action = {"kubernetesApiCallAction": {"verb": "get", "statusCode": status}}
    assert failure == failure_of(Finding.from_detail({"type": "x", "service": {"action": action}}))


@pytest.mark.parametrize(
    ("error", "denied"),
    [
        ("AccessDenied", True),
        ("Client.UnauthorizedOperation", True),
        ("HTTP 403", True),
        ("NoSuchBucket", False),
    ],
)
def test_refusals_are_told_from_other_failures(error: str, denied: bool) -> None:
    """Only a refusal may be called denied."""
    assert denied == is_denied(error)


@pytest.mark.parametrize(
    ("finding_type", "resource", "group"),
    [
        ("New:EC2/Thing", "", "unknown-host"),
        ("New:Thing/Other", "S3Bucket", "unknown-bucket"),
        ("New:Kubernetes/Thing", "EKSCluster", "unknown-cluster"),
        ("New:Quantum/Thing", "Qubit", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_unknown_type_has_the_text_of_its_resource(
    finding_type: str, resource: str, group: str, mapping: AttackMapping
) -> None:
    """A type without a record must have the text of its resource kind, or else the general one."""
    text = check_for(mapping, finding_type, resource={"resourceType": resource})
    assert mapping.responses[group].check == text
