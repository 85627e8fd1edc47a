"""Write what the readers read: the body of every example in each format, and one large file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from enricher.authoring.loader import read_mapping
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.settings import MOST_LIMIT
from tests import examples

FORMATS = ("guardduty", "finding", "ecs", "ocsf")
#: More lines than DuckDB (20,480) and ClickHouse (25,000) read to infer the types.
PLAIN_LINES = 26_000
FILLED = {
    "changes": "severity LOW to HIGH",
    "related": "0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d",
    "atlas": "AML.T0051 AML.T0040",
    "severity": 8.9,
    "technique": "T1685.002",
    "evidence": "DeleteTrail",
    "principal": "111122223333/role/ops-breakglass",
}


def write_examples(folder: Path) -> dict[str, Path]:
    """Write one file a format, one body a line; return the paths by format."""
    mapping = read_mapping()
    findings = [enrich(Finding.from_event(examples.event(name)), mapping) for name in examples.names()]
    paths = {}
    for name in FORMATS:
        render = load_format(name)
        paths[name] = folder / f"{name}.json"
        paths[name].write_text("".join(f"{render(one, MOST_LIMIT)}\n" for one in findings), encoding="utf-8")
    return paths


def write_large_file(folder: Path, name: str) -> Path:
    """Write PLAIN_LINES plain findings, then two whose `changes`, `related` and `atlas` are filled.

    The severity of the plain ones is a whole number, that of the last ones a fraction: as GuardDuty sends it.
    """
    mapping, render = read_mapping(), load_format(name)
    plain = enrich(Finding.from_event(_plain_event()), mapping)
    filled = enrich(
        Finding.from_event(examples.event("iam-cloudtrail-logging-disabled", severity=FILLED["severity"])),
        mapping,
    )
    last = json.loads(render(filled, MOST_LIMIT))
    last["attack"]["atlas"] = FILLED["atlas"]
    last["alert"] |= {"changes": FILLED["changes"], "related": FILLED["related"]}
    path = folder / f"large-{name}.json"
    line = f"{render(plain, MOST_LIMIT)}\n"
    text = json.dumps(last)
    path.write_text(line * PLAIN_LINES + f"{text}\n{text}\n", encoding="utf-8")
    return path


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file, as readers of JSON lines split it: at line feeds only."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _plain_event() -> dict[str, Any]:
    event = examples.event("ec2-portscan")
    keys = (
        "schemaVersion",
        "accountId",
        "region",
        "partition",
        "id",
        "arn",
        "type",
        "createdAt",
        "updatedAt",
    )
    event["detail"] = {key: event["detail"][key] for key in keys if key in event["detail"]} | {"severity": 2}
    return event
