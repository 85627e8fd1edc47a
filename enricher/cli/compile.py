"""Write the compact mapping that the Lambda loads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from enricher.authoring.bundle import bundle_of
from enricher.authoring.loader import ROOT, read_mapping
from enricher.mapping.model import BUNDLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--output", type=Path, default=BUNDLE, help="file to write (default: enricher/bundle.json)"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="mapping folder (default: the bundled one)")


def run(arguments: argparse.Namespace) -> int:
    """Validate, compile and write the mapping; return 0.

    Raises InvalidMapping, and writes nothing, if the mapping is invalid.
    """
    bundle = bundle_of(read_mapping(arguments.root), arguments.root)
    # Keys are not sorted: evidence rules are evaluated in the order of the compiled tree.
    text = json.dumps(bundle, ensure_ascii=False, separators=(",", ":"))
    arguments.output.write_text(text + "\n", encoding="utf-8")
    print(f"{arguments.output}: {len(bundle['records'])} records, {len(text.encode()) // 1024} kB")
    return 0
