"""Choose what to check or do first, and what makes the finding benign: by rule, record or response group."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.finding.api_calls import failure_of
from enricher.finding.blocked import is_blocked
from enricher.finding.event import Finding
from enricher.finding.fields import rows_at, text_at
from enricher.mapping.model import AttackMapping, Record, Response, RuleAdvice

#: The group of sample findings, whatever their type: nothing happened.
SAMPLE = "sample"


def advise(finding: Finding, record: Record | None, mapping: AttackMapping) -> tuple[str, str]:
    """Return check and benign: of the record and its group, or without a record of its resource's group.

    A sample finding has the check of the group SAMPLE and no benign cause.

    The texts are fixed: they contain no value of the finding. The check is "" only for a mapping without
    groups, what makes the finding benign also where nothing states it.
    """
    if SAMPLE in mapping.responses and finding.flag("service.additionalInfo.sample"):
        return mapping.responses[SAMPLE].check, ""
    rule = _rule_of(finding, record)
    group = (rule.response if rule else "") or (record.response if record else "")
    response = mapping.responses.get(group) or _by_resource(finding, mapping)
    if response is None:
        return "", ""
    is_target = finding.text("service.resourceRole") == "TARGET"
    benign = benign_of(record, response, rule, is_target=is_target)
    if response.denied and failure_of(finding):
        return response.denied, benign
    if response.blocked and is_blocked(finding):
        return response.blocked, benign
    return (is_target and response.target) or response.check, benign


def _rule_of(finding: Finding, record: Record | None) -> RuleAdvice | None:
    """Return what the record says of the custom detection rule that raised the finding, or of its signals."""
    if record is None or not record.rules:
        return None
    signals = rows_at(finding.view, "service.detection.sequence.signals")
    names = (finding.text("customDetectionRuleName"), *(text_at(row, "name") for row in signals))
    return next((rule for name in names for rule in record.rules if rule.name == name), None)


def benign_of(
    record: Record | None, response: Response, rule: RuleAdvice | None = None, *, is_target: bool = False
) -> str:
    """Return the rule's text, else that for the direction, the record's before the group's, else for both.

    response: the rule's group if it names one; then the record's text is about another step.
    """
    if rule and rule.benign:
        return rule.benign
    stated = (record, response) if record and not (rule and rule.response) else (response,)
    texts = [it.benign for it in stated]
    if is_target:
        texts = [*(it.benign_target for it in stated), *texts]
    return next(filter(None, texts), "")


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
