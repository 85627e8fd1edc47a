"""Change the product in a sample of places, one at a time, and see whether a test fails: `make mutation`.

The mutants are mutmut's, of the packages in `[tool.mutmut]` of pyproject.toml, without those in log calls
(mutmut itself leaves docstrings alone). A seed determines the sample. Survivors are printed as a diff, except
those that build_tools/equivalent_mutants.toml names: nothing a test can see tells them from the original.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import subprocess
import sys
import tomllib
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from mutmut.__main__ import create_mutants
from mutmut.mutation.diff_apply import read_functions_from_index
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

MUTANTS = Path("mutants")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
KILLED = ("killed", "timeout", "segfault")


class Mutant(NamedTuple):
    """One mutant: its name in mutmut, its file, and the lines that it removes and adds."""

    name: str
    path: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as a short diff."""
        lines = [*(f"-{line}" for line in self.removed), *(f"+{line}" for line in self.added)]
        return "\n".join([f"{self.path} {self.name.rpartition('.')[2]}", *lines])

    @property
    def content(self) -> tuple[str, str, str]:
        """Return what it is recognized by in another version of the file: path, and text before and after."""
        return self.path, " ".join(map(str.strip, self.removed)), " ".join(map(str.strip, self.added))


def generate() -> dict[str, str]:
    """Write the mutated copy of the product; return the path of each mutant's file by its name."""
    set_mutant_under_test("mutant_generation")
    MUTANTS.mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    create_mutants(os.cpu_count() or 2)
    return {
        name: meta.relative_to(MUTANTS).as_posix().removesuffix(".meta")
        for meta in sorted(MUTANTS.rglob("*.meta"))
        for name in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    }


def read_mutant(name: str, path: str) -> Mutant | None:
    """Return a mutant; None for one in a log call."""
    functions = read_functions_from_index(name, path)
    if functions is None:
        raise SystemExit(f"{name}: not in {MUTANTS / path}: remove {MUTANTS} and run it again")
    before, after = (cst.Module([function]).code.strip("\n").splitlines() for function in functions)
    if meaning_of(before) == meaning_of(after):
        return None
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    (_, start, end, new_start, new_end), *_ = (change for change in changes if change[0] != "equal")
    return Mutant(name, path, tuple(before[start:end]), tuple(after[new_start:new_end]))


class _WithoutLogs(ast.NodeTransformer):
    """Takes out what no test need hold: log calls, and the type in `cast`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = ast.unparse(node.func)
        if ".logger." in f".{function}" or function.startswith("self._log"):
            return ast.Constant(None)
        if function == "cast" and len(node.args) == 2:
            node = node.args[1]  # type: ignore[assignment]
        self.generic_visit(node)
        return node


def meaning_of(lines: list[str]) -> str:
    """Return the code of a function without its log calls."""
    return ast.unparse(_WithoutLogs().visit(ast.parse("\n".join(lines))))


def sample(paths: dict[str, str], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants in random order."""
    names = sorted(paths)
    random.Random(seed).shuffle(names)  # noqa: S311 - a sample, not a secret
    chosen: list[Mutant] = []
    for name in names:
        if len(chosen) < count and (mutant := read_mutant(name, paths[name])):
            chosen.append(mutant)
    return chosen


def results() -> dict[str, str]:
    """Return mutmut's status of each mutant."""
    return {
        name: status_by_exit_code[code]
        for meta in MUTANTS.rglob("*.meta")
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items()
    }


def equivalents() -> set[tuple[str, str, str]]:
    """Return the content of the mutants that are named equivalent."""
    rows = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(row["path"], row["before"], row["after"]) for row in rows}


def main() -> int:
    """Run the sample; return 1 if fewer than 90 % of the mutants are killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="number of mutants (default: 400)")
    parser.add_argument("--seed", type=int, default=2026, help="chooses the sample (default: 2026)")
    arguments = parser.parse_args()
    chosen = sample(generate(), arguments.count, arguments.seed)
    known = equivalents()
    tried = [mutant for mutant in chosen if mutant.content not in known]
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(os.cpu_count())]
    if code := subprocess.run([*command, *(mutant.name for mutant in tried)], check=False).returncode:
        sys.exit(f"mutmut ended with {code}, see above: do its tests pass in {MUTANTS}, without a mutant?")
    status = results()
    survivors = [mutant for mutant in tried if status[mutant.name] not in KILLED]
    for mutant in survivors:
        print(f"\n{status[mutant.name]}: {mutant}")
    print(f"\n{len(chosen)} mutants: {dict(Counter(status[mutant.name] for mutant in tried))}", end="")
    killed = len(tried) - len(survivors)
    print(f", {len(chosen) - len(tried)} named equivalent; {killed / len(tried):.1%} of the others killed")
    return 0 if killed >= 0.9 * len(tried) else 1


if __name__ == "__main__":
    sys.exit(main())
