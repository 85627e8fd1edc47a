"""Choose what to check or do first: the text of the finding's response group."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.finding.api_calls import failure_of
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping, Record, Response


def check_of(finding: Finding, record: Record | None, mapping: AttackMapping) -> str:
    """Return the text of the group that the record names; a type without a record has that of its resource.

    The text is fixed: it contains no value of the finding. It is "" only for a mapping without groups.
    """
    response = mapping.responses.get(record.response) if record else None
    response = response or _by_resource(finding, mapping)
    if response is None:
        return ""
    if response.denied and failure_of(finding):
        return response.denied
    if response.target and finding.text("service.resourceRole") == "TARGET":
        return response.target
    return response.check


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
