"""Test reading whether the activity of a finding was blocked."""

from __future__ import annotations

from typing import Any

import pytest

from enricher.finding.blocked import is_blocked
from enricher.finding.event import Finding

ATTACK = {"type": "PROMPT_ATTACK", "action": "BLOCKED"}


@pytest.mark.parametrize(
    ("action", "blocked"),
    [
        ({"networkConnectionAction": {"blocked": True}}, True),
        ({"dnsRequestAction": {"blocked": True}}, True),
        ({"portProbeAction": {"blocked": True}}, True),
        ({"portProbeAction": {"blocked": False}}, False),
        ({"networkConnectionAction": {}}, False),
        ({"networkConnectionAction": 5}, False),
        ({"awsApiCallAction": {"blocked": True}}, False),
        ({}, False),
    ],
)
def test_action_is_blocked_where_it_says_so(action: dict[str, Any], blocked: bool) -> None:
    """Only the actions for which GuardDuty documents it must be read, of whatever shape they are."""
    assert blocked == is_blocked(Finding.from_detail({"type": "x", "service": {"action": action}}))


@pytest.mark.parametrize(
    ("guardrail", "blocked"),
    [
        ({"guardrailAction": "GUARDRAIL_INTERVENED", "contentPolicyFilters": [ATTACK]}, True),
        ({"contentPolicyFilters": [ATTACK]}, True),
        ({"guardrailAction": "NONE", "contentPolicyFilters": [ATTACK]}, False),
        ({"contentPolicyFilters": [ATTACK, {**ATTACK, "action": "NONE"}]}, False),
        ({"contentPolicyFilters": [{**ATTACK, "type": "INSULTS"}]}, False),
        ({"guardrailAction": "GUARDRAIL_INTERVENED"}, False),
        ({"contentPolicyFilters": [5, None]}, False),
        ({"contentPolicyFilters": "BLOCKED"}, False),
        ("BLOCKED", False),
    ],
)
def test_prompt_is_blocked_if_every_filter_of_attacks_says_so(guardrail: object, blocked: bool) -> None:
    """A guardrail that masked something, or let one attack through, must not count as having blocked."""
    resource = {"bedrockGuardrailDetails": guardrail}
    assert blocked == is_blocked(Finding.from_detail({"type": "x", "resource": resource}))
