"""Build small findings for the tests of what is read from one."""

from __future__ import annotations

from typing import Any

from enricher.finding.context import Context
from enricher.finding.event import Finding


def finding(kind: str = "Recon:EC2/Portscan", **detail: Any) -> Finding:
    """Return a finding of a type with the given parts of its detail."""
    return Finding.from_event({"detail-type": "GuardDuty Finding", "detail": {"type": kind, **detail}})


def context(**detail: Any) -> Context:
    """Return the context of a finding with the given parts of its detail."""
    return Context(finding(**detail))


def facts(**detail: Any) -> dict[str, tuple[str, ...]]:
    """Return the facts of a finding by label."""
    return {fact.label: fact.values for fact in context(**detail).facts}
