"""Test the Security Hub section of the demo and the lines for a finding."""

from __future__ import annotations

import json

from demo.security_hub import security_hub_lines
from demo.tour import Paint, finding_lines
from tests import examples

ACCOUNT = "111122223333"


def test_security_hub_section_shows_annotated_findings() -> None:
    """The first run must update each finding that is not archived, the second run none."""
    events = [examples.event(name) for name in ("ec2-portscan", "ec2-tor-client", "awkward-archived")]
    lines = security_hub_lines(events, ACCOUNT)
    skipped = "1 skipped (archived in GuardDuty)"
    regions = len({event["detail"]["region"] for event in events[:2]})
    assert (
        f"  first run: {regions} GetFindings calls, 2 BatchUpdateFindings calls, {skipped}; "
        f"second run: {regions} GetFindings calls, 0 BatchUpdateFindings calls, {skipped}" == lines[1]
    )
    assert "    attack/technique        T1046" in lines
    assert "    owner                   soc-tier-2" in lines


def test_rationale_follows_its_technique() -> None:
    """The primary technique's rationale must follow its own line, not that of another technique."""
    event = examples.event("ec2-portscan")
    rows = [
        {
            "name": name,
            "id": name,
            "parent": {"id": name, "name": name},
            "tactic": {"name": "T"},
            "confidence": "high",
        }
        | {"source": "evidence", "evidence": [], "rationale": f"Why {name}."}
        for name in ("First", "Second")
    ]
    body = {"attack": {"techniques": rows, "tactics": [], "status": "mapped", "atlas": ""}}
    body |= {"alert": {"headline": "h", "severity": "LOW"}}
    message = {"Body": json.dumps(body), "MessageAttributes": {}}
    lines = finding_lines(event, {"siem": message}, Paint(color=False))
    place = lines.index("        T · First First  high, evidence")
    assert ["        Why First.", "        T · Second Second  high, evidence"] == lines[place + 1 : place + 3]
