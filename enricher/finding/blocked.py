"""Read whether the activity of a finding was blocked, where GuardDuty states it."""

from __future__ import annotations

from enricher.finding.event import Finding
from enricher.finding.fields import rows_at, text_at

#: Actions that GuardDuty states as blocked or not.
_ACTIONS = ("networkConnectionAction", "dnsRequestAction", "portProbeAction")


def is_blocked(finding: Finding) -> bool:
    """Return whether the activity was blocked; False where the finding does not state it."""
    return _is_prompt_blocked(finding) or any(
        finding.flag(f"service.action.{name}.blocked") for name in _ACTIONS if name in finding.action
    )


def _is_prompt_blocked(finding: Finding) -> bool:
    """Return whether a Bedrock guardrail blocked the prompt, that is, every attack that its filter found.

    A guardrail also intervenes when it masks personal data, so its own action alone does not say it.
    """
    guardrail = finding.resource.get("bedrockGuardrailDetails")
    if not guardrail or text_at(guardrail, "guardrailAction") == "NONE":
        return False
    filters = rows_at(guardrail, "contentPolicyFilters")
    actions = [text_at(row, "action") for row in filters if text_at(row, "type") == "PROMPT_ATTACK"]
    return set(actions) == {"BLOCKED"}
