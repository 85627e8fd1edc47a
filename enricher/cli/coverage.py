"""Count the finding types the mapping covers, of every type that AWS documents or has ever documented."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from enricher.authoring.authored_records import read_all_records
from enricher.authoring.call_coverage import coverage_lines, measure, service_lines
from enricher.authoring.known_types import KnownType, read_known_types
from enricher.authoring.loader import ROOT, read_catalogue, read_mapping, shown_path
from enricher.mapping.announced_types import types_in, without_record
from enricher.mapping.model import Record
from enricher.mapping.problems import Problem

COLUMNS = ("mapped", "tactic-only", "unmappable", "missing", "total")
BEGIN, END = "<!-- coverage:begin -->", "<!-- coverage:end -->"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="mapping folder (default: the bundled one)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--calls",
        nargs="?",
        const="",
        metavar="SERVICE",
        help="count the API calls of AWS that have a rule, by service, or list those of one (needs botocore)",
    )
    form.add_argument(
        "--types",
        metavar="FILE",
        help="print the finding types in FILE (any text: an announcement, a page, a list; - for stdin) that "
        "the mapping lacks",
    )
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    form.add_argument("--check", metavar="FILE", type=Path, help="check that the table in FILE is up to date")
    form.add_argument("--write", metavar="FILE", type=Path, help="update the table in FILE")


def run(arguments: argparse.Namespace) -> int:
    """Print, check or write the coverage table.

    Returns 1 if a type has no record, a record is invalid or the checked table is out of date, else 0.
    """
    if arguments.types is not None:
        return print_types(arguments.root, arguments.types)
    if arguments.calls is not None:
        return print_calls(arguments.root, arguments.calls)
    listed = read_known_types(arguments.root)
    known = [row for row in listed if row.status != "alias"]
    problems: list[Problem] = []
    authored = read_all_records(arguments.root, read_catalogue(arguments.root), problems)
    records = {key: item.record for key, item in authored.items()}
    rows = count_coverage(known, records)
    for problem in problems:
        print(f"enricher: {problem.text(shown_path(arguments.root))}", file=sys.stderr)
    code = 1 if problems or any(row.type not in records for row in known) else 0
    if arguments.check or arguments.write:
        return (
            update_block(
                arguments.check or arguments.write, markdown_table(rows), write=bool(arguments.write)
            )
            or code
        )
    if arguments.markdown:
        print(markdown_table(rows))
    else:
        print(text_table(rows))
        print(summary(known, records, len(listed) - len(known)))
    return code


def print_types(root: Path, name: str) -> int:
    """Print the finding types in a text that have no record; return 1 if there are any, 2 without a type.

    The drift watch looks for the same in the announcements of GuardDuty.
    """
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    found = types_in(data.decode("utf-8-sig", "replace"))
    if not found:
        print(f"enricher: {name}: no finding type in it (Purpose:Resource/Family)", file=sys.stderr)
        return 2
    missing = without_record(found, read_mapping(root))
    if missing:
        print("\n".join(missing))
    print(f"{len(found) - len(missing)} of {len(found)} finding types have a record", file=sys.stderr)
    return 1 if missing else 0


def print_calls(root: Path, service: str) -> int:
    """Print which API calls of botocore have a rule; return 2 if there is nothing to compare."""
    try:
        rows = measure(read_mapping(root))
    except ImportError:
        print("enricher: coverage --calls needs botocore: pip install botocore", file=sys.stderr)
        return 2
    if not service:
        print("\n".join(coverage_lines(rows)))
        return 0
    name = service.removesuffix(".amazonaws.com")
    row = next((row for row in rows if row.service == name), None)
    if row is None:
        print(f"enricher: {service}: no such event source in botocore, such as iam or ec2", file=sys.stderr)
        return 2
    print("\n".join(service_lines(row)))
    return 0


def count_coverage(known: list[KnownType], records: Mapping[str, Record]) -> dict[str, Counter[str]]:
    """Count the known types by mapping status: one row per family (TOML file), and "all" for the total.

    Each row counts the columns in COLUMNS.
    """
    rows: dict[str, Counter[str]] = {}
    overall: Counter[str] = Counter()
    for row in known:
        tally = (_mapping_status(records.get(row.type)), "total")
        rows.setdefault(row.file, Counter()).update(tally)
        overall.update(tally)
    return {**rows, "all": overall}


def _mapping_status(record: Record | None) -> str:
    if record is None:
        return "missing"
    if not record.pairs:
        return "unmappable"
    return "mapped" if any(pair.technique for pair in record.pairs) else "tactic-only"


def summary(known: list[KnownType], records: Mapping[str, Record], aliases: int) -> str:
    """Return the totals in one line, followed by the missing types, one per line."""
    status = Counter(row.status for row in known)
    missing = [row.type for row in known if row.type not in records]
    line = (
        f"{len(known) - len(missing)} of {len(known)} known finding types "
        f"({status['active']} active, {status['retired']} retired; plus {aliases} aliases), "
    )
    return line + ("none missing" if not missing else "\n".join([f"{len(missing)} missing:", *missing]))


def text_table(rows: Mapping[str, Counter[str]]) -> str:
    """Return the counts as an aligned text table."""
    width = max(map(len, rows))
    lines = ["  ".join([" " * width, *COLUMNS])]
    lines += [
        "  ".join([name.ljust(width), *(str(row[key]).rjust(len(key)) for key in COLUMNS)])
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def markdown_table(rows: Mapping[str, Counter[str]]) -> str:
    """Return the counts as a Markdown table."""
    lines = [f"| Family | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    lines += [
        f"| {f'**{name}**' if name == 'all' else name} | {' | '.join(str(row[key]) for key in COLUMNS)} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def update_block(path: Path, table: str, *, write: bool) -> int:
    """Check or update the table between the BEGIN and END markers of a file.

    Returns 0 if the table is up to date or was updated, 1 if it is out of date or a marker is missing.
    """
    text = path.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        print(
            f"enricher: {path}: markers not found: put the table between {BEGIN} and {END}", file=sys.stderr
        )
        return 1
    current = f"{head}{BEGIN}\n{table}\n{END}{tail}"
    if current == text:
        return 0
    if write:
        path.write_text(current, encoding="utf-8")
        return 0
    print(
        f"enricher: {path}: the coverage table is out of date: run enricher coverage --write {path}",
        file=sys.stderr,
    )
    return 1
