"""Be the command line. Standard library only for everything that needs no AWS.

Exit codes: 0 done, 1 some input was refused or some check failed (each named on stderr), 2 the call is
wrong or a file cannot be read or written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from enricher import __version__
from enricher.mapping.problems import InvalidMapping

#: One module each, `add_arguments(parser)` and `run(arguments) -> exit code`; imported when asked for.
COMMANDS = {
    "enrich": "tag findings: one JSON object for each finding and line",
    "explain": "say what the mapping holds for a finding type, and why",
    "validate": "check the mapping, name every fault",
    "coverage": "count what the mapping answers for, of all known finding types",
    "export": "write the mapping as a look-up table for a SIEM",
    "layer": "write an ATT&CK Navigator layer of the mapping, or of what fired",
    "attack": "bring the pinned ATT&CK release up to date",
    "evidence": "write or check docs/evidence.md, the table of the evidence rules",
    "golden": "write or check what the example events become",
    "compile": "write the compact mapping that the Lambda loads",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
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
    try:
        code = import_module(f"enricher.cli.{chosen.command}").run(chosen)
        sys.stdout.flush()
    except InvalidMapping as error:
        print(f"enricher: the mapping is invalid:\n{error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; what is still buffered must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"enricher: {error.filename or 'stdout'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return int(code)
