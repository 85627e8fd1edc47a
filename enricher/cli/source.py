"""Find the mapping a command works with: compiled in memory from the clone, or the compiled bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring.loader import ROOT, read_mapping
from enricher.cli.saved_findings import Refusal
from enricher.mapping.model import Mapping
from enricher.mapping.records import read_overrides


def add_mapping_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the mapping and the ATT&CK release."""
    parser.add_argument(
        "--overrides", metavar="FILE", help="TOML file of your own records, as MAPPING_OVERRIDES"
    )
    parser.add_argument(
        "--attack-version", metavar="VERSION", help="ATT&CK release to speak in (default: pinned)"
    )


def load_mapping(arguments: argparse.Namespace) -> tuple[Mapping, int]:
    """Load the mapping with its overrides, and give the exit code so far.

    Each invalid override is named on stderr and left out, and the code is then 1.
    """
    mapping = read_mapping() if ROOT.is_dir() else Mapping.load()
    if not arguments.overrides:
        return mapping, 0
    path = Path(arguments.overrides)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        print(
            f"enricher: overrides refused: {path.name}: byte {error.start}: not UTF-8: save it as UTF-8",
            file=sys.stderr,
        )
        return mapping, 1
    records, faults = read_overrides(text, path.name, mapping.catalogue)
    for fault in faults:
        print(f"enricher: override refused: {fault}", file=sys.stderr)
    return mapping.with_overrides(records), 1 if faults else 0


def chosen_release(arguments: argparse.Namespace, mapping: Mapping) -> str | None:
    """Give the chosen ATT&CK release, None for the pinned one; exit with 2 for one that is not known."""
    version, known = arguments.attack_version or None, mapping.catalogue.versions
    if version and version not in known:
        print(f"enricher: --attack-version is {version!r}: expected {' or '.join(known)}", file=sys.stderr)
        raise SystemExit(2)
    return version


def report(refusal: Refusal) -> int:
    """Name a refused input on stderr; give its exit code, 2 if it could not be read, else 1."""
    print(f"enricher: {'' if refusal.is_unread else 'refused: '}{refusal}", file=sys.stderr)
    return 2 if refusal.is_unread else 1
