"""Test the OCSF Detection Finding against the published schema of each version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema  # type: ignore[import-untyped]

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.formats.base import TooLarge
from enricher.formats.ocsf import attacks_of, render
from enricher.mapping.model import AttackMapping
from enricher.settings import OCSF_VERSIONS
from tests import examples
from tests.formats import malformed_events

LIMIT = 262_144


@cache
def validator(version: str, profiles: tuple[str, ...]) -> Draft202012Validator:
    """Return the JSON Schema validator of a Detection Finding of an OCSF version."""
    versions = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
    return Draft202012Validator(versions.get_class_schema("detection_finding", list(profiles)))


def violations(event: dict[str, Any]) -> list[str]:
    """Return the violations of the schema of the version and profiles that an event declares."""
    metadata = event["metadata"]
    schema = validator(metadata["version"], tuple(metadata["profiles"]))
    return [f"{list(error.absolute_path)}: {error.message}"[:300] for error in schema.iter_errors(event)]


def blocked(event: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an event in which GuardDuty states that each of its actions was blocked."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    for action in copy["detail"]["service"].get("action", {}).values():
        if isinstance(action, dict):
            action["blocked"] = True
    return copy


def enriched(mapping: AttackMapping, name: str, **changes: Any) -> EnrichedFinding:
    """Enrich an example, with `changes` to its detail."""
    return enrich(Finding.from_event(examples.event(name, **changes)), mapping)


def event_of(mapping: AttackMapping, name: str, version: str = "1.8.0", **changes: Any) -> dict[str, Any]:
    """Render an example in an OCSF version, with `changes` to its detail."""
    event: dict[str, Any] = json.loads(render(enriched(mapping, name, **changes), LIMIT, version))
    return event


@pytest.mark.parametrize("version", OCSF_VERSIONS)
def test_example_is_valid(version: str, mapping: AttackMapping) -> None:
    """Every example must be valid against the published schema of each version, blocked or not."""
    for name in examples.names():
        event = examples.event(name)
        for one in (event, blocked(event)):
            rendered = json.loads(render(enrich(Finding.from_event(one), mapping), LIMIT, version))
            assert version == rendered["metadata"]["version"]
            assert [] == violations(rendered), name


@pytest.mark.parametrize("version", OCSF_VERSIONS)
@settings(max_examples=60)
@given(event=malformed_events.events())
def test_any_finding_is_valid(version: str, event: dict[str, Any], mapping: AttackMapping) -> None:
    """The event of any finding must be valid against the published schema of each version."""
    assert [] == violations(json.loads(render(enrich(Finding.from_event(event), mapping), LIMIT, version)))


@pytest.mark.parametrize("version", OCSF_VERSIONS)
@pytest.mark.parametrize("name", ["attack-sequence-compromised-credentials", "malware-ec2-volume-scan"])
@pytest.mark.parametrize("share", [1.0, 0.7, 0.45])
def test_truncated_event_is_valid(version: str, name: str, share: float, mapping: AttackMapping) -> None:
    """A truncated event must be valid and list what was removed; 1.8.0 also has its original size."""
    finding = enriched(mapping, name)
    whole = render(finding, LIMIT, version)
    event = json.loads(render(finding, int(len(whole.encode()) * share) - 1, version))
    assert [] == violations(event)
    assert any(label.startswith("removed:") for label in event["metadata"]["labels"])
    if version == "1.8.0":
        assert event["metadata"]["is_truncated"]
        assert (len(whole.encode()) + 1023) // 1024 == event["metadata"]["untruncated_size"]


def test_validator_reports_violations(mapping: AttackMapping) -> None:
    """The validator must report an invalid number, an unknown attribute and an empty attack."""
    event = event_of(mapping, "ec2-tor-client")
    invalid = {**event, "severity_id": 42, "severty": "High"}
    invalid["finding_info"] = {**event["finding_info"], "attacks": [{"version": "19.2"}]}
    assert len(violations(invalid)) >= 3


@pytest.mark.parametrize("version", OCSF_VERSIONS)
def test_no_attribute_is_deprecated(version: str, mapping: AttackMapping) -> None:
    """No example must have an attribute that the schema of its version marks as deprecated."""
    schema = get_ocsf_schema(version)

    def deprecated(block: Any, attributes: dict[str, Any], place: str) -> Iterator[str]:
        for key, value in block.items() if isinstance(block, dict) else ():
            attribute = attributes.get(key, {})
            if "@deprecated" in attribute:
                yield f"{place}{key}"
            inner = schema["objects"].get(attribute.get("object_type"), {}).get("attributes", {})
            for item in value if isinstance(value, list) else [value]:
                yield from deprecated(item, inner, f"{place}{key}.")

    attributes = schema["classes"]["detection_finding"]["attributes"]
    for name in examples.names():
        assert [] == list(deprecated(event_of(mapping, name, version), attributes, "")), name


def test_is_a_detection_finding(mapping: AttackMapping) -> None:
    """Class, version and profile must be those of an OCSF 1.8.0 Detection Finding."""
    event = event_of(mapping, "ec2-tor-client")
    assert (2, 2004, 200401) == (event["category_uid"], event["class_uid"], event["type_uid"])
    assert ("1.8.0", ["cloud"]) == (event["metadata"]["version"], event["metadata"]["profiles"])


@pytest.mark.parametrize(
    ("name", "activity", "status"),
    [("ec2-tor-client", 1, 1), ("awkward-repeat", 2, 1), ("awkward-archived", 3, 5)],
)
def test_activity_matches_the_finding(name: str, activity: int, status: int, mapping: AttackMapping) -> None:
    """activity_id must be Create for a first finding, Update for a repeat, Close for an archived one."""
    event = event_of(mapping, name)
    expected = (activity, 200400 + activity, status)
    assert expected == (event["activity_id"], event["type_uid"], event["status_id"])


@pytest.mark.parametrize(("severity", "expected"), [(2, 2), (6.95, 3), (7, 4), (9, 5), (None, 0)])
def test_severity_matches_the_label(severity: float | None, expected: int, mapping: AttackMapping) -> None:
    """severity_id must match GuardDuty's label, and be Unknown without a severity."""
    assert expected == event_of(mapping, "ec2-tor-client", severity=severity)["severity_id"]


def test_finding_info_has_the_identifiers(mapping: AttackMapping) -> None:
    """The ARN must be uid, the ID uid_alt and the type types, as in AWS's own OCSF findings."""
    finding = examples.event("ec2-tor-client")["detail"]
    info = event_of(mapping, "ec2-tor-client")["finding_info"]
    assert (finding["arn"], finding["id"], [finding["type"]]) == (info["uid"], info["uid_alt"], info["types"])
    assert info["src_url"].startswith("https://console.aws.amazon.com/")


def test_attacks_contain_tactic_technique_and_sub_technique(mapping: AttackMapping) -> None:
    """A sub-technique must be listed with its parent and tactic, each with the versioned permalink."""
    [attack] = event_of(mapping, "iam-cloudtrail-logging-disabled")["finding_info"]["attacks"]
    base = "https://attack.mitre.org/versions/v19"
    assert {
        "tactic": {"uid": "TA0112", "name": "Defense Impairment", "src_url": f"{base}/tactics/TA0112/"},
        "technique": {
            "uid": "T1685",
            "name": "Disable or Modify Tools",
            "src_url": f"{base}/techniques/T1685/",
        },
        "sub_technique": {
            "uid": "T1685.002",
            "name": "Disable or Modify Cloud Log",
            "src_url": f"{base}/techniques/T1685/002/",
        },
        "version": "19.2",
    } == attack


def test_former_release_is_output(mapping: AttackMapping) -> None:
    """In the former release the attacks must have its version and its archived pages."""
    event = examples.event("iam-cloudtrail-logging-disabled")
    former = mapping.catalogue.former.version
    finding = enrich(Finding.from_event(event), mapping, former)
    [attack] = attacks_of(finding.attack)
    assert former == attack["version"]
    assert attack["sub_technique"]["src_url"] == "https://attack.mitre.org/versions/v18/techniques/T1562/008/"


def test_tactic_alone_is_an_attack(mapping: AttackMapping) -> None:
    """A finding with a tactic only must have an attack with that tactic and no technique."""
    attacks = event_of(mapping, "ec2-portscan", type="Impact:NewThing/Odd")["finding_info"]["attacks"]
    assert [("TA0040", False)] == [(attack["tactic"]["uid"], "technique" in attack) for attack in attacks]


def test_atlas_ids_are_attacks(mapping: AttackMapping) -> None:
    """MITRE ATLAS IDs must be listed after the ATT&CK ones."""
    finding = enriched(mapping, "ai-prompt-injection-direct")
    attacks = event_of(mapping, "ai-prompt-injection-direct")["finding_info"]["attacks"]
    expected = finding.attack["atlas"].split()
    assert expected == [attack["technique"]["uid"] for attack in attacks[-len(expected) :]]


def test_evidence_contains_actor_call_and_address(mapping: AttackMapping) -> None:
    """Actor, API call and source address must be in one evidence."""
    [evidence] = event_of(mapping, "iam-cloudtrail-logging-disabled")["evidences"]
    assert evidence["actor"]["user"]["name"] == "ops-breakglass"
    assert evidence["api"]["operation"] == "DeleteTrail"
    assert evidence["src_endpoint"]["ip"] == "203.0.113.42"


def test_direction_determines_source_and_destination(mapping: AttackMapping) -> None:
    """An outbound connection must have the local endpoint as source."""
    [evidence] = event_of(mapping, "runtime-reverse-shell")["evidences"]
    assert ("192.0.2.171", "198.51.100.77", 2) == (
        evidence["src_endpoint"]["ip"],
        evidence["dst_endpoint"]["ip"],
        evidence["connection_info"]["direction_id"],
    )
    assert evidence["process"]["parent_process"]["name"] == "java"


def test_malware_contains_its_files(mapping: AttackMapping) -> None:
    """Each threat of a scan must be listed with its files."""
    malware = event_of(mapping, "malware-ec2-volume-scan")["malware"]
    expected = [("Gen:Application.Linux.CoinMiner.12", 2), ("Trojan.Linux.Downloader.7", 1)]
    assert expected == [(item["name"], len(item["files"])) for item in malware]


def test_attack_object_is_an_enrichment(mapping: AttackMapping) -> None:
    """The complete `attack` object must be an enrichment, as OCSF has no field for the rationale."""
    finding = enriched(mapping, "iam-cloudtrail-logging-disabled")
    [enrichment] = json.loads(render(finding, LIMIT))["enrichments"]
    assert ("finding_info.types", finding.finding.type) == (enrichment["name"], enrichment["value"])
    assert finding.attack == enrichment["data"]


def test_raw_data_is_the_finding(mapping: AttackMapping) -> None:
    """raw_data must be the unchanged finding as JSON."""
    event = examples.event("awkward-free-text")
    assert event["detail"] == json.loads(event_of(mapping, "awkward-free-text")["raw_data"])


def test_sample_is_labelled(mapping: AttackMapping) -> None:
    """Only a sample finding must have the label "sample"."""
    assert ["sample"] == event_of(mapping, "awkward-sample-finding")["metadata"]["labels"]
    assert "labels" not in event_of(mapping, "ec2-tor-client")["metadata"]


def test_truncates_in_order(mapping: AttackMapping) -> None:
    """raw_data must be truncated, then removed, then other attributes; identifiers must be kept."""
    finding = enriched(mapping, "attack-sequence-compromised-credentials")
    size = len(render(finding, LIMIT).encode())
    first = json.loads(render(finding, size - 1))
    assert ["removed:detail.service.detection.sequence.signals"] == first["metadata"]["labels"]
    last = json.loads(render(finding, 5_000))
    assert {"raw_data", "evidences", "resources"}.isdisjoint(last)
    assert len(last["finding_info"]["attacks"]) == len(finding.attack["techniques"])
    with pytest.raises(TooLarge, match="the limit is 100"):
        render(finding, 100)


def test_account_of_the_principal_is_an_account(mapping: AttackMapping) -> None:
    """user.account must be the AWS account, user.uid the principal's ID; the access key is a credential."""
    user = event_of(mapping, "iam-cloudtrail-logging-disabled")["evidences"][0]["actor"]["user"]
    detail = examples.event("iam-cloudtrail-logging-disabled")["detail"]
    key = detail["resource"]["accessKeyDetails"]
    assert {"uid": detail["accountId"], "type_id": 10, "type": "AWS Account"} == user["account"]
    assert key["principalId"] == user["uid"]
    assert [{"uid": key["accessKeyId"]}] == user["programmatic_credentials"]
    older = event_of(mapping, "iam-cloudtrail-logging-disabled", "1.5.0")["evidences"][0]["actor"]["user"]
    assert key["accessKeyId"] == older["credential_uid"]


def test_principal_outside_the_account_has_no_account(mapping: AttackMapping) -> None:
    """A Kubernetes user must not be given the AWS account as its own."""
    detail = {"kubernetesDetails": {"kubernetesUserDetails": {"username": "dev", "uid": "u-1"}}}
    event = event_of(mapping, "ec2-portscan", resource=detail)
    assert {"name": "dev", "uid": "u-1"} == event["evidences"][0]["actor"]["user"]


def test_observables_name_their_place(mapping: AttackMapping) -> None:
    """Addresses, resources, principals and keys must be observables, each with its place in the event."""
    event = event_of(mapping, "iam-cloudtrail-logging-disabled")
    rows = [(row["name"], row["type_id"], row["value"]) for row in event["observables"]]
    key = event["evidences"][0]["actor"]["user"]["programmatic_credentials"][0]["uid"]
    assert ("evidences[].src_endpoint.ip", 2, "203.0.113.42") in rows
    assert ("resources[].uid", 10, key) in rows
    assert ("evidences[].actor.user.name", 4, "ops-breakglass") in rows
    assert ("evidences[].actor.user.programmatic_credentials[].uid", 19, key) in rows
    assert len(rows) == len(set(rows))


def test_blocked_activity_declares_the_profile(mapping: AttackMapping) -> None:
    """A blocked connection must be Denied and Blocked under the profile security_control, others must not."""
    event = json.loads(
        render(enrich(Finding.from_event(blocked(examples.event("ec2-tor-client"))), mapping), LIMIT)
    )
    assert ["cloud", "security_control"] == event["metadata"]["profiles"]
    assert (2, 2) == (event["action_id"], event["disposition_id"])
    assert {"action_id", "disposition_id"}.isdisjoint(event_of(mapping, "ec2-tor-client"))


def test_malware_in_1_1_0_declares_the_profile(mapping: AttackMapping) -> None:
    """In 1.1.0 malware must come with the profile security_control, an unknown action and a path."""
    event = event_of(mapping, "malware-ec2-volume-scan", "1.1.0")
    assert ["cloud", "security_control"] == event["metadata"]["profiles"]
    assert 0 == event["action_id"]
    newest = event_of(mapping, "malware-ec2-volume-scan")["malware"]
    assert [item["files"][0]["path"] for item in newest] == [item["path"] for item in event["malware"]]


def test_endpoint_of_a_domain_in_1_1_0_has_its_name(mapping: AttackMapping) -> None:
    """In 1.1.0 a domain alone does not identify an endpoint, so the domain must also be its name."""
    name = "attack-sequence-compromised-credentials"
    service = examples.event(name)["detail"]["service"]
    service["detection"]["sequence"]["endpoints"] = [{"id": "e1", "domain": "c2.example.com"}]
    evidences = event_of(mapping, name, "1.1.0", service=service)["evidences"]
    [endpoint] = [row["src_endpoint"] for row in evidences if "src_endpoint" in row]
    assert ("c2.example.com", "c2.example.com") == (endpoint["name"], endpoint["domain"])


def test_archived_in_1_1_0_is_another_status(mapping: AttackMapping) -> None:
    """1.1.0 has no status Archived, so it must be Other with that name."""
    event = event_of(mapping, "awkward-archived", "1.1.0")
    assert (99, "Archived") == (event["status_id"], event["status"])


def test_container_image_is_split(mapping: AttackMapping) -> None:
    """Name, tag and digest of an image must be apart."""
    digest = "ab" * 32
    event = examples.event("runtime-reverse-shell")
    event["detail"]["resource"]["containerDetails"]["image"] = (
        f"registry.example.com:5000/app:1.2@sha256:{digest}"
    )
    made = json.loads(render(enrich(Finding.from_event(event), mapping), LIMIT))
    container = made["evidences"][0]["container"]
    assert {
        "uid": f"sha256:{digest}",
        "name": "registry.example.com:5000/app",
        "labels": ["1.2"],
    } == container["image"]
    assert digest == container["hash"]["value"]


@pytest.mark.parametrize("version", OCSF_VERSIONS)
def test_check_and_account_name_have_their_places(version: str, mapping: AttackMapping) -> None:
    """The first step must be remediation.desc, the account's name cloud.account.name."""
    finding = enriched(mapping, "ec2-tor-client")
    alert: Any = {**finding.alert, "check": "Isolate the instance.", "accountName": "prod"}
    event = json.loads(render(replace(finding, alert=alert), LIMIT, version))
    assert ("Isolate the instance.", "prod") == (
        event["remediation"]["desc"],
        event["cloud"]["account"]["name"],
    )
    assert [] == violations(event)


def test_field_that_decides_is_unmapped(mapping: AttackMapping) -> None:
    """A field that the record names must be in the event, under its path."""
    unmapped = event_of(mapping, "kubernetes-privileged-container-host-root")["unmapped"]
    path = "resource.kubernetesDetails.kubernetesWorkloadDetails.volumes.hostPath.path"
    assert "/" == unmapped[path]
