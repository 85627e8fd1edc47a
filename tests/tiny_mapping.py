"""Write a small mapping folder for tests of invalid mappings."""

from __future__ import annotations

from pathlib import Path

from enricher.authoring.loader import ROOT

RECORD = """
[[finding]]
type = "{type}"
attack = [{{ tactic = "TA0007", technique = "T1046" }}]
confidence = "high"
rationale = "Ports were scanned. {type} reports a direct observation of such a scan, hence this technique."
response = "host-scan"
provenance = "project"
reviewed = 2026-11-24
"""


#: The group of sample findings, which every mapping has.
SAMPLE = """
[[response]]
group = "sample"
check = "Confirm that the alert arrived; it is a sample finding, so nothing happened."
"""

#: The response groups of a small mapping.
RESPONSES = f"""{SAMPLE}
[[response]]
group = "host-scan"
kinds = ["*"]
check = "Ask the owner whether the scan is sanctioned; if not, isolate the host and keep its disk."
"""

#: The lists of what the records must keep, without a row.
LISTS = {
    "choices-2020.csv": "finding_type,tactic,technique\n",
    "aws-custom-detection-rules.csv": "rule,finding_type,tactic,technique\n",
}

#: Severity, data source, plan and date of every type in finding-types.csv.
FACTS = "Medium,VPC flow logs,Foundational,2026-01-02"


def record(finding_type: str, **changes: str) -> str:
    """Return the TOML of a valid record; `changes` replace the line of a key, "" removes it."""
    lines = RECORD.format(type=finding_type).splitlines()
    for key, value in changes.items():
        line = f"{key} = {value}" if value else ""
        kept = [old for old in lines if not old.startswith(f"{key} = ")]
        lines = [*kept, line]
    return "\n".join(lines) + "\n"


def write_mapping(root: Path, files: dict[str, str], types: dict[str, str], catalogue: str = "") -> Path:
    """Write a mapping folder and return it; files: name -> TOML; types: finding type -> file stem."""
    root.mkdir(exist_ok=True)
    attack = catalogue or (ROOT / "attack.json").read_text(encoding="utf-8")
    (root / "attack.json").write_text(attack, encoding="utf-8")
    (root / "VERSION").write_text("2026.01.0\n", encoding="ascii")
    rows = [
        f"{key},{'retired' if stem == 'retired' else 'active'},{stem},,{FACTS}" for key, stem in types.items()
    ]
    (root / "finding-types.csv").write_text(
        "\n".join(["type,status,file,replaced_by,severity,data_source,plan,read", *rows, ""]),
        encoding="utf-8",
    )
    for name, text in {**LISTS, "responses.toml": RESPONSES, **files}.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root
