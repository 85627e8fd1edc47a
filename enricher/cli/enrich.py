"""Tag findings from files."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from enricher.cli.progress import counting
from enricher.cli.saved_findings import Rejected
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.cli.tagging import Printed, Result, Tagger
from enricher.formats import load_format
from enricher.settings import FORMATS, OCSF_VERSIONS

#: Characters written at once.
_AT_ONCE = 1 << 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="EventBridge events, findings, GetFindings responses, SNS notifications or SQS messages: "
        "JSON, NDJSON or without a delimiter, gzip of these; - for stdin",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="guardduty", help="output format (default: guardduty)"
    )
    parser.add_argument(
        "--ocsf-version",
        choices=OCSF_VERSIONS,
        default=OCSF_VERSIONS[0],
        help=f"OCSF version of the format ocsf (default: {OCSF_VERSIONS[0]})",
    )
    parser.add_argument(
        "--why", action="store_true", help="print on stderr the source, confidence and evidence of each entry"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=_number_of_jobs,
        default=1,
        help="processes to use (default: 1); the output keeps the order of the input",
    )
    add_mapping_arguments(parser)


def _number_of_jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes: expected 1 to 256")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Print each finding enriched as soon as it is read; report each rejected input on stderr and continue.

    Returns 1 if an input or an override was rejected, 2 if a file could not be read, else 0.
    """
    mapping, code = load_mapping(arguments)
    render = load_format(arguments.format, arguments.ocsf_version)
    tagger = Tagger(mapping, chosen_release(arguments, mapping), render, arguments.why)
    with counting("findings") as count, _printing(arguments.files) as print_finding:
        for result in _results(tagger, arguments.files, arguments.jobs):
            if isinstance(result, str):
                print_finding(result)
                count(1)
            elif isinstance(result, Printed):
                sys.stdout.buffer.write(result.data)
                count(result.findings)
            elif isinstance(result, Rejected):
                code = max(code, report(result))
            else:
                print(result.text, file=sys.stderr)
    return code


@contextmanager
def _printing(files: list[str]) -> Iterator[Callable[[str], None]]:
    """Yield a function that prints a finding: at once where input arrives bit by bit or a person looks on.

    From whole files many are written at once, which spares the reader of a pipe to wake up for each.
    """
    if sys.stdout.isatty() or not all(map(_is_regular, files)):
        yield lambda text: print(text, flush=True)
        return
    held: list[str] = []
    size = 0

    def write() -> None:
        nonlocal size
        sys.stdout.write("\n".join((*held, "")))
        held.clear()
        size = 0

    def add(text: str) -> None:
        nonlocal size
        held.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            write()

    try:
        yield add
    finally:
        if held:
            write()


def _results(tagger: Tagger, files: list[str], jobs: int) -> Iterator[Result | Printed]:
    if jobs > 1:
        from enricher.cli.processes import results_of  # imports multiprocessing

        yield from results_of(tagger, files, jobs)
        return
    for name in files:
        yield from tagger.file_results(name)


def _is_regular(name: str) -> bool:
    """Return whether a file is there as a whole: from a pipe or terminal, each line is written at once."""
    try:
        return stat.S_ISREG(os.stat(sys.stdin.fileno() if name == "-" else name).st_mode)  # noqa: PTH116
    except (OSError, ValueError, AttributeError):
        return name != "-"
