"""Test who, what and where are read from a finding."""

from __future__ import annotations

from typing import Any

import pytest

from tests.finding.findings import context


def process(**parts: Any) -> dict[str, Any]:
    """Return the service block of a runtime finding whose process has the given parts."""
    return {"runtimeDetails": {"process": {"name": "sh", **parts}}}


@pytest.mark.parametrize(
    ("parts", "parent"),
    [
        ({"parentUuid": "u-2"}, "nginx"),
        ({"parentUuid": "u-1"}, "systemd"),
        ({"parentUuid": "gone"}, "systemd"),
        ({}, "systemd"),
    ],
)
def test_parent_is_the_one_that_parent_uuid_names(parts: dict[str, str], parent: str) -> None:
    """The parent must be the process of `parentUuid`, wherever the lineage lists it."""
    ancestors = [{"name": "systemd", "uuid": "u-1"}, {"name": "nginx", "uuid": "u-2"}]
    found = context(service=process(lineage=ancestors, **parts)).parent
    assert found is not None
    assert parent == found.name


def test_containers_of_a_fargate_task_are_read() -> None:
    """A task without an instance names its containers in the task, which must be read."""
    task = {
        "arn": "arn:aws:ecs:eu-west-1:111122223333:task/web/1",
        "containers": [{"name": "app", "image": "a:1"}],
    }
    found = context(resource={"ecsClusterDetails": {"name": "web", "taskDetails": task}})
    assert [("app", "a:1")] == [(container.name, container.image) for container in found.containers]


def test_containers_of_a_workload_follow_the_affected_one() -> None:
    """The container that the finding is about comes first, the others of its workload after it."""
    workload = {"name": "web", "containers": [{"name": "proxy", "image": "p:1"}, {"image": "q:1"}]}
    found = context(
        resource={
            "containerDetails": {"id": "c1", "name": "app"},
            "kubernetesDetails": {"kubernetesWorkloadDetails": workload},
        }
    )
    assert ["app", "proxy", ""] == [container.name for container in found.containers]
    assert found.container == found.containers[0]


def login(rows: object, **resource: Any) -> str:
    """Return the log-ins of a database finding as text."""
    action = {"rdsLoginAttemptAction": {"LoginAttributes": rows}}
    return str(context(service={"action": action}, resource=resource).logins)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [{"failedLoginAttempts": 3, "successfulLoginAttempts": 0}, {"failedLoginAttempts": 4}],
            "7 failed and 0 successful log-ins",
        ),
        ([{"successfulLoginAttempts": 1}], "1 successful log-in"),
        ([{"user": "app"}], "log-in"),
        ([], "log-in"),
        (None, "log-in"),
    ],
)
def test_log_ins_of_all_rows_count_and_none_is_invented(rows: object, expected: str) -> None:
    """All rows must be added up; a count that no row states must not be shown as 0."""
    assert expected == login(rows)


def test_finding_without_log_ins_has_none() -> None:
    """Only the action of a database log-in has log-ins."""
    assert context(service={"action": {"rdsLoginAttemptAction": None}}).logins is None


def test_malicious_file_of_a_runtime_finding_is_a_threat() -> None:
    """The malicious file that the agent saw must be a threat, with its name and hash."""
    found = context(
        service={
            "evidence": {
                "threatIntelligenceDetails": [{"threatNames": ["Miner.A"], "threatFileSha256": "ab" * 32}]
            },
            "runtimeDetails": {"context": {"threatFilePath": "/tmp/.x"}},
        }
    )
    assert [("Miner.A", "/tmp/.x", "ab" * 32)] == [(it.name, it.path, it.sha256) for it in found.threats]
