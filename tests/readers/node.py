"""Run what needs Node.js: Microsoft's parser of KQL, and the field list of ECS."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.readers.outcome import Outcome
from tests.readers.sigma_rules import SIEM, convert

FOLDER = Path(__file__).parent
#: What the queries expect in the workspace: our table, Sentinel's table of GuardDuty, and a watchlist.
TABLES = {
    "GuardDutyAttack_CL": (
        "datatable(TimeGenerated:datetime, detail:dynamic, attack:dynamic, alert:dynamic)[]"
    ),
    "AWSGuardDuty": (
        "datatable(TimeGenerated:datetime, AccountId:string, Region:string, ActivityType:string, "
        "Severity:int, Title:string, Arn:string)[]"
    ),
    "_GetWatchlist": (
        "(name:string) { datatable(SearchKey:string, tactic_ids:string, technique_ids:string, "
        "confidence:string)[] }"
    ),
}


def run(script: str, given: str = "") -> Any:
    """Return the JSON that a script prints."""
    node = shutil.which("node")
    assert node, "node not found: make readers needs Node.js 20 or later"
    done = subprocess.run([node, script], cwd=FOLDER, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def kusto_errors(queries: dict[str, str]) -> dict[str, list[str]]:
    """Return the errors of each query, given the tables of the workspace and our function."""
    function = (SIEM / "sentinel" / "GuardDutyTechniques.kql").read_text("utf-8")
    given = "".join(f"let {name} = {value};\n" for name, value in TABLES.items())
    given += f"let GuardDutyTechniques = {function};\n"
    errors: dict[str, list[str]] = run(
        "kusto.js", json.dumps({name: given + q for name, q in queries.items()})
    )
    return errors


def check_kusto() -> Iterator[Outcome]:
    """Every KQL query must pass Microsoft's parser; one with a wrong column must not."""
    queries = {path.name: path.read_text("utf-8") for path in (SIEM / "sentinel").glob("*.kql")}
    queries |= {f"sigma {path.stem}": query for path, query in convert() if path.suffix == ".kql"}
    errors = {name: found for name, found in kusto_errors(queries).items() if found}
    assert {} == errors, errors
    wrong = {
        "column": "GuardDutyTechniques | where Sampel == 'true'",
        "word": "GuardDutyAttack_CL | where tostring(alert.sample) == 'true'",
    }
    assert all(kusto_errors(wrong).values())
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    release = lock["packages"]["node_modules/@kusto/language-service-next"]["version"]
    yield Outcome(f"Microsoft's KQL parser {release}", "siem/sentinel and the converted rules", "no error")
