"""Tag findings from files."""

from __future__ import annotations

import argparse
import os
import stat
import sys
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

from enricher.cli.progress import counting
from enricher.cli.saved_findings import Rejected, label_of, read_value, read_values
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.event import Finding
from enricher.finding.json_values import JsonValue
from enricher.finding.safe_text import single_line
from enricher.formats import load_format
from enricher.settings import FORMATS, OCSF_VERSIONS

#: A file has no limit of size, unlike an SNS message.
NO_LIMIT = sys.maxsize
#: Values that a process takes at once, and such batches under way for each process.
_BATCH, _BATCHES_AHEAD = 64, 4

#: One value of a file, and the file's name.
_Task = tuple[JsonValue, str]


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
    job, code = _job(arguments)
    flushes = _flushes(arguments.files)
    values = (item for name in arguments.files for item in _tasks(name))
    alone = (result for item in values for result in _apply(job, item))
    results = alone if arguments.jobs == 1 else _in_processes(arguments, values)
    with counting("findings") as count:
        for result in results:
            if isinstance(result, Rejected):
                code = max(code, report(result))
                continue
            body, why = result
            print(body, flush=flushes)
            if why:
                print(why, file=sys.stderr)
            count(1)
    return code


_Result = tuple[str, str] | Rejected
_Job = Callable[[Finding], tuple[str, str]]


def _tasks(name: str) -> Iterator[_Task | Rejected]:
    for value in read_values(name):
        yield value if isinstance(value, Rejected) else (value, label_of(name))


def _job(arguments: argparse.Namespace) -> tuple[_Job, int]:
    """Return what is done with one finding, and the exit code so far."""
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    render = load_format(arguments.format, arguments.ocsf_version)

    def job(finding: Finding) -> tuple[str, str]:
        enriched = enrich(finding, mapping, release)
        return render(enriched, NO_LIMIT), "\n".join(why_lines(enriched)) if arguments.why else ""

    return job, code


def _apply(job: _Job, task: _Task | Rejected) -> Iterator[_Result]:
    if isinstance(task, Rejected):
        yield task
        return
    value, label = task
    for item in read_value(value, label):
        if isinstance(item, Rejected):
            yield item
            continue
        try:
            yield job(item)
        except Exception as error:
            # One finding that cannot be written must not keep the next one from coming out.
            reason = str(error) if isinstance(error, ValueError) else type(error).__name__
            yield Rejected(label, value.place, f"cannot be written: {reason}")


def _flushes(files: list[str]) -> bool:
    """Tell whether each line is to be written at once: where input or output is a pipe or a terminal."""
    try:
        return "-" in files or not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return True


def _in_processes(arguments: argparse.Namespace, tasks: Iterator[_Task | Rejected]) -> Iterator[_Result]:
    """Yield the results in the order of the tasks; only a few batches are read ahead."""
    with ProcessPoolExecutor(arguments.jobs, initializer=_start, initargs=(arguments,)) as pool:
        pending: deque[Future[list[_Result]]] = deque()
        try:
            while batch := list(islice(tasks, _BATCH)):
                pending.append(pool.submit(_apply_batch, batch))
                if len(pending) > _BATCHES_AHEAD * arguments.jobs:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            # Waited for: a pool that is left while its thread runs reports a closed pipe at exit.
            pool.shutdown(wait=True, cancel_futures=True)


def _start(arguments: argparse.Namespace) -> None:
    """Load the mapping once for each process; what is wrong with the overrides the first one has reported."""
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stands until the process ends
    _process.append(_job(arguments)[0])


#: The job of this process, if it is one of several.
_process: list[_Job] = []


def _apply_batch(batch: Iterable[_Task | Rejected]) -> list[_Result]:
    return [result for task in batch for result in _apply(_process[0], task)]


def why_lines(enriched: EnrichedFinding) -> list[str]:
    """Describe each ATT&CK entry of a finding: its source, confidence, evidence fields and rationale."""
    finding = enriched.finding
    lines = [f"{single_line(finding.type)} {single_line(finding.text('id'))}: {enriched.attack['status']}"]
    for entry in enriched.entries:
        pair = entry.pair
        label = " ".join(filter(None, (pair.tactic, pair.technique)))
        lines.append(f"  {label}: {entry.confidence}, from {entry.source}")
        lines += [
            f"    {single_line(shown.field, 200)} = {single_line(str(shown.value))}"
            for shown in entry.evidence
        ]
        lines += textwrap.wrap(entry.rationale, 100, initial_indent="    ", subsequent_indent="    ")
    return lines
