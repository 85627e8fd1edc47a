"""Choose what to check or do first, and what makes the finding benign: its response group's texts."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.finding.api_calls import failure_of
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record, Response


def advise(finding: Finding, record: Record | None, mapping: AttackMapping) -> tuple[str, str]:
    """Return check and benign of the record's group, or without a record of its resource's group.

    The texts are fixed: they contain no value of the finding. The check is "" only for a mapping without
    groups, what makes the finding benign also where the group states nothing.
    """
    response = mapping.responses.get(record.response) if record else None
    response = response or _by_resource(finding, mapping)
    if response is None:
        return "", ""
    is_target = finding.text("service.resourceRole") == "TARGET"
    benign = (is_target and response.benign_target) or response.benign
    if response.denied and failure_of(finding):
        return response.denied, benign
    return (is_target and response.target) or response.check, benign


def _by_resource(finding: Finding, mapping: AttackMapping) -> Response | None:
    for kind in _kinds(finding):
        for response in mapping.responses.values():
            if kind in response.kinds:
                return response
    return None


def _kinds(finding: Finding) -> Iterator[str]:
    yield finding.type.partition(":")[2].partition("/")[0]
    yield finding.text("resource.resourceType")
    yield "*"
