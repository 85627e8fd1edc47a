"""The sections of the demo that show more than one finding on its way."""

from __future__ import annotations

import json

from demo.security_hub import hub_lines
from demo.tour import Paint, finding_lines
from tests import examples

ACCOUNT = "111122223333"


def test_security_hub_section_shows_annotated_findings() -> None:
    """The first run must write the fields of each finding that is not archived, the second nothing."""
    events = [examples.event(name) for name in ("ec2-portscan", "ec2-tor-client", "awkward-archived")]
    lines = hub_lines(events, ACCOUNT)
    held = "1 held back (archived in GuardDuty)"
    looks = len({event["detail"]["region"] for event in events[:2]})
    assert (
        f"  first run: {looks} look-ups, 2 updates, {held}; second run: {looks} look-ups, 0 updates, {held}"
        == lines[1]
    )
    assert "    attack/technique        T1046" in lines
    assert "    owner                   soc-tier-2" in lines


def test_reason_stands_under_the_technique_it_is_for() -> None:
    """The primary technique's reason must follow its own line, not that of another technique."""
    event = examples.event("ec2-portscan")
    rows = [
        {"name": name, "id": name, "parent": None, "tactic": {"name": "T"}, "confidence": "high"}
        | {"source": "evidence", "evidence": [], "rationale": f"Why {name}."}
        for name in ("First", "Second")
    ]
    body = {"attack": {"techniques": rows, "tactics": [], "status": "mapped"}}
    body |= {"alert": {"headline": "h", "severity": "LOW"}}
    message = {"Body": json.dumps(body), "MessageAttributes": {}}
    lines = finding_lines(event, {"siem": message}, Paint(color=False))
    place = lines.index("        T · First First  high, evidence")
    assert ["        Why First.", "        T · Second Second  high, evidence"] == lines[place + 1 : place + 3]
