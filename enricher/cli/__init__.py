"""The command line; standard library only.

Exit codes: 0 success; 1 some input was rejected or a check failed, each reported on stderr; 2 usage error, or
a file could not be read or written.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from enricher import __version__
from enricher.mapping.problems import InvalidMapping

#: One module per command, with `add_arguments(parser)` and `run(arguments) -> exit code`; imported on demand.
COMMANDS = {
    "enrich": "tag findings with ATT&CK: one JSON object per finding, one per line",
    "explain": "show how a finding type is mapped, and why",
    "validate": "check the mapping and report every problem",
    "coverage": "count the known finding types that the mapping covers",
    "export": "write the mapping as a lookup table for a SIEM",
    "report": "write the report of a period: what was observed in ATT&CK, and what is new",
    "layer": "write an ATT&CK Navigator layer: coverage of the mapping, or observed findings",
    "matrix": "write the ATT&CK matrix of the mapping, or of observed findings, as a page and a picture",
    "redrive": "move the findings of a stack's dead-letter queues back to their routes",
    "verify": "make sample findings and check that a stack delivers them",
    "backfill": "bring past findings from GuardDuty or its S3 export to a stack's routes",
    "attack": "update the pinned ATT&CK release",
    "evidence": "write or check docs/evidence.md, the reference of the evidence rules",
    "golden": "write or check the golden files: the expected output for the example events",
    "compile": "write the compact mapping that the Lambda loads",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` defaults to those of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="enricher", description="GuardDuty findings, tagged with MITRE ATT&CK."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name in words[:1]:
            import_module(f"enricher.cli.{name}").add_arguments(command)
    chosen = parser.parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # JSON is UTF-8 whatever the terminal is set to, and no character may end the output.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = import_module(f"enricher.cli.{chosen.command}").run(chosen)
        sys.stdout.flush()
    except InvalidMapping as error:
        print(f"enricher: the mapping is invalid:\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("enricher: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) closed the pipe; what is still buffered must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"enricher: {error.filename or 'stdout'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return int(code)
