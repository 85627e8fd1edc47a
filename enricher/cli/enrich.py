"""Tag findings from files."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator

from enricher.cli.progress import counting
from enricher.cli.saved_findings import Rejected
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.cli.tagging import Printed, Result, Tagger
from enricher.formats import load_format
from enricher.settings import FORMATS, OCSF_VERSIONS


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
        help="processes to use (default: 1); input is then read in blocks, and the output keeps its order",
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
    flushes = _flushes(arguments.files)
    with counting("findings") as count:
        for result in _results(tagger, arguments.files, arguments.jobs):
            if isinstance(result, str):
                sys.stdout.write(f"{result}\n")
                count(1)
            elif isinstance(result, Printed):
                sys.stdout.buffer.write(result.data)
                count(result.findings)
            elif isinstance(result, Rejected):
                code = max(code, report(result))
            else:
                print(result.text, file=sys.stderr)
            if flushes:
                sys.stdout.flush()
    return code


def _results(tagger: Tagger, files: list[str], jobs: int) -> Iterator[Result | Printed]:
    if jobs > 1:
        from enricher.cli.processes import results_of  # imports multiprocessing

        yield from results_of(tagger, files, jobs)
        return
    for name in files:
        yield from tagger.file_results(name)


def _flushes(files: list[str]) -> bool:
    """Return whether each finding is written at once: unless all of input and output are regular files."""
    try:
        streams = [sys.stdin.fileno() if name == "-" else name for name in files]
        modes = [os.stat(stream).st_mode for stream in (*streams, sys.stdout.fileno())]  # noqa: PTH116
    except (OSError, ValueError, AttributeError):
        return True
    return not all(map(stat.S_ISREG, modes))
