"""Make what is measured: the baseline commit and this tree, their artifacts, and a folder of libraries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Functions to compare with, each one module that is deployed with the libraries and a look-up table.
PEERS = ("client_only.py", "obvious_handler.py")


@dataclass(frozen=True, slots=True)
class Tree:
    """A commit's sources, its compiled mapping, and the artifact that its own build made of them."""

    source: Path
    bundle: Path
    artifact: Path


def check_out(commit: str, folder: Path) -> Tree:
    """Unpack a commit into a folder, compile its mapping and build its artifact."""
    tree = Tree(folder / "source", folder / "bundle.json", folder / "artifact")
    tree.source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(f"no commit {commit} in this clone: git fetch --unshallow")
    subprocess.run(["tar", "-x", "-C", str(tree.source)], input=archive.stdout, check=True)
    python(tree.source, "-m", "enricher", "compile", "--output", str(tree.bundle))
    python(tree.source, "build_tools/artifact.py", str(tree.artifact))
    return tree


def install_peers(tree: Tree, folder: Path) -> Path:
    """Install the runtime libraries with bytecode, the peers and their look-up table; return the folder."""
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--compile")
    requirements = str(ROOT / "requirements.txt")
    python(ROOT, "-m", "pip", "install", *options, "--target", str(folder), "--requirement", requirements)
    for name in PEERS:
        shutil.copy2(ROOT / "bench" / name, folder)
    with (folder / "lookup.json").open("wb") as table:
        command = [sys.executable, "-m", "enricher", "export", "--format", "json", "--one-row"]
        subprocess.run(command, cwd=tree.source, stdout=table, check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-l", str(folder)], check=True)
    return folder


def python(folder: Path, *arguments: str) -> None:
    """Run Python in a folder, its output discarded; exit with its error if it fails."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"failed in {folder}: {' '.join(arguments)}\n{done.stderr}")
