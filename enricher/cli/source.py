"""Load the mapping for a command: compiled from mapping/ in a clone, else the compiled bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring.compiled_mapping import compiled_mapping
from enricher.authoring.files import read_text
from enricher.authoring.loader import ROOT, shown_path
from enricher.cli.saved_findings import Rejected
from enricher.mapping.model import AttackMapping, Record
from enricher.mapping.problems import InvalidMapping
from enricher.mapping.records import read_overrides


def add_mapping_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the mapping and the ATT&CK release."""
    parser.add_argument(
        "--overrides", metavar="FILE", help="TOML file of overrides, as for MAPPING_OVERRIDES"
    )
    parser.add_argument(
        "--attack-version", metavar="VERSION", help="ATT&CK version to output (default: the pinned release)"
    )


def load_mapping(arguments: argparse.Namespace) -> tuple[AttackMapping, int]:
    """Load the mapping and apply the overrides; return it with the exit code so far.

    Each invalid override is reported on stderr and ignored; the exit code is then 1.
    """
    mapping = compiled_mapping() if ROOT.is_dir() else AttackMapping.load()
    if not arguments.overrides:
        return mapping, 0
    path = Path(arguments.overrides)
    records: dict[str, Record] = {}
    try:
        text = read_text(path)
        records, problems = read_overrides(text, path.name, mapping.catalogue, mapping.responses)
    except InvalidMapping as error:
        problems = list(error.problems)
    for problem in sorted(problems, key=lambda item: item.line):
        print(f"enricher: invalid override: {problem.text(shown_path(path.parent))}", file=sys.stderr)
    return mapping.with_overrides(records), 1 if problems else 0


def chosen_release(arguments: argparse.Namespace, mapping: AttackMapping) -> str | None:
    """Return the chosen ATT&CK version, None for the pinned release; exit with 2 if it is not known."""
    version, known = arguments.attack_version or None, mapping.catalogue.versions
    if version and version not in known:
        print(
            f"enricher: invalid value for --attack-version: {version!r}: expected {' or '.join(known)}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return version


def report(rejected: Rejected) -> int:
    """Report a rejected input on stderr; return its exit code: 2 if it could not be read, else 1."""
    print(f"enricher: {'' if rejected.is_unread else 'rejected: '}{rejected}", file=sys.stderr)
    return 2 if rejected.is_unread else 1
