"""Build the Splunk add-on with its lookup, with the standard library: build_addon.py FOLDER."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ADDON = Path(__file__).parent / "guardduty_attack"


def build(folder: Path) -> Path:
    """Build the add-on and its package in a folder; return the path of the package."""
    copy = folder / ADDON.name
    shutil.copytree(ADDON, copy, ignore=shutil.ignore_patterns(".*"))
    export = [sys.executable, "-m", "enricher", "export", "--format", "csv", "--one-row"]
    lookup = copy / "lookups" / "guardduty_attack.csv"
    with lookup.open("wb") as file:
        subprocess.run(export, check=True, stdout=file, cwd=ADDON.parents[2])
    package = folder / f"{ADDON.name}.tgz"
    with tarfile.open(package, "w:gz") as archive:
        archive.add(copy, ADDON.name, filter=_plain)
    return package


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    print(build(Path(sys.argv[1])))
