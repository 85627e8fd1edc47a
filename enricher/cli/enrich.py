"""Tag findings from files."""

from __future__ import annotations

import argparse
import sys
import textwrap

from enricher.cli.saved_findings import Rejected, read_file
from enricher.cli.source import add_mapping_arguments, chosen_release, load_mapping, report
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.safe_text import single_line
from enricher.formats import load_format
from enricher.settings import FORMATS, MOST_LIMIT, OCSF_VERSIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="EventBridge events, findings or GetFindings responses: JSON, NDJSON or gzip; - for stdin",
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
    add_mapping_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each finding enriched; report each rejected input on stderr and continue.

    Returns 1 if an input or an override was rejected, 2 if a file could not be read, else 0.
    """
    mapping, code = load_mapping(arguments)
    release = chosen_release(arguments, mapping)
    render = load_format(arguments.format, arguments.ocsf_version)
    for name in arguments.files:
        for item in read_file(name):
            if isinstance(item, Rejected):
                code = max(code, report(item))
            else:
                enriched = enrich(item, mapping, release)
                print(render(enriched, MOST_LIMIT))
                if arguments.why:
                    print("\n".join(why_lines(enriched)), file=sys.stderr)
    return code


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
