"""Run every reader and print the table of consumers: `python -m tests.readers [--write | --check FILE]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.readers import bodies, elastic, node, sigma_rules, snippets, splunk, tables
from tests.readers.outcome import Outcome

BEGIN, END = "<!-- table of make readers: begin -->\n", "<!-- table of make readers: end -->\n"


def outcomes(folder: Path, paths: dict[str, Path]) -> Iterator[Outcome]:
    """Yield what every reader did; raise AssertionError where it is not what the project promises."""
    large = {name: bodies.write_large_file(folder, name) for name in ("guardduty", "finding")}
    yield from tables.read_examples(paths)
    yield from tables.read_large_file(large)
    yield from tables.read_explicitly(paths, folder)
    yield from tables.validate_contract(paths)
    yield from elastic.check_documents(paths["ecs"])
    yield from sigma_rules.check_fields()
    yield from node.check_kusto()
    yield from splunk.check_addon(folder)
    yield from snippets.check_snippets()


def main() -> int:
    """Run the readers; with --write write the generated files, with --check report those out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the document that contains the table")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true", help="report each generated file that is out of date")
    choice.add_argument("--write", action="store_true", help="write the generated files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = bodies.write_examples(folder)
        expected = dict(sigma_rules.convert()) | dict(elastic.templates())
        rows = []
        for outcome in outcomes(folder, paths):
            rows.append(f"| {' | '.join(outcome)} |\n")
            print(f"{outcome.reader}: {outcome.content}: {outcome.result}", flush=True)
    document = arguments.file.read_text(encoding="utf-8")
    before, _, rest = document.partition(BEGIN)
    table = "| reader | content | result |\n|---|---|---|\n" + "".join(rows)
    expected[arguments.file] = f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}"
    stale = [path for path, text in expected.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if arguments.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
        else:
            print(f"{path}: out of date: run make readers-write and review the diff", file=sys.stderr)
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
