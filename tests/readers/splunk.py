"""Check the Splunk add-on with AppInspect, and what AppInspect does not check: the names of its lookup."""

from __future__ import annotations

import configparser
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.readers.outcome import Outcome, named
from tests.readers.sigma_rules import SIEM

ADDON = "guardduty_attack"


def check_addon(folder: Path) -> Iterator[Outcome]:
    """AppInspect must find no failure and no error, and the lookup must have the fields it is asked for."""
    package = folder / f"{ADDON}.tgz"
    subprocess.run(
        [sys.executable, str(SIEM / "splunk" / "build_addon.py"), str(folder)],
        check=True,
        capture_output=True,
    )
    report = folder / "appinspect.json"
    inspect = Path(sys.executable).parent / "splunk-appinspect"
    subprocess.run(
        [str(inspect), "inspect", str(package), "--mode", "precert", "--output-file", str(report)],
        capture_output=True,
        check=True,
    )
    summary = json.loads(report.read_text("utf-8"))["summary"]
    assert (summary["failure"], summary["error"]) == (0, 0), summary
    _check_lookup(folder / ADDON)
    yield Outcome(
        named("Splunk AppInspect", "splunk-appinspect"), "siem/splunk/guardduty_attack", "no failure"
    )


def _check_lookup(addon: Path) -> None:
    """Hold the lookup in props.conf to transforms.conf and to the file, which AppInspect does not do."""
    props, transforms = (_read(addon / "default" / f"{name}.conf") for name in ("props", "transforms"))
    lookup = props["aws:cloudwatch:guardduty"]["LOOKUP-guardduty_attack"]
    parts = re.fullmatch(r"(\S+) (\S+) AS \S+ OUTPUTNEW (.+)", lookup)
    assert parts, lookup
    name, key, outputs = parts.groups()
    path = addon / "lookups" / transforms[name]["filename"]
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = {output.split(" AS ")[0].strip() for output in outputs.split(",")}
    assert {key} | columns <= set(header), sorted(columns - set(header))
    assert len({row[0] for row in rows}) == len(rows), "the key of the lookup is not unique"


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser
