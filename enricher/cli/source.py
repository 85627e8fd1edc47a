"""Find the mapping a command works with: compiled in memory from the clone, or the compiled bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enricher.authoring import ROOT, read_mapping
from enricher.mapping import Mapping
from enricher.record_authoring import read_overrides
from enricher.settings import InvalidSettings, check_attack_version


def add_mapping_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the mapping and the ATT&CK release."""
    parser.add_argument(
        "--overrides", metavar="FILE", help="TOML file of your own records, as MAPPING_OVERRIDES"
    )
    parser.add_argument(
        "--attack-version", metavar="VERSION", help="ATT&CK release to speak in (default: pinned)"
    )


def load_mapping(arguments: argparse.Namespace) -> Mapping:
    """Load the mapping with its overrides; each invalid override is named on stderr and left out."""
    mapping = read_mapping() if ROOT.is_dir() else Mapping.load()
    if not arguments.overrides:
        return mapping
    path = Path(arguments.overrides)
    records, faults = read_overrides(path.read_text(encoding="utf-8"), path.name, mapping.catalogue)
    for fault in faults:
        print(f"enricher: override refused: {fault}", file=sys.stderr)
    return mapping.with_overrides(records)


def chosen_release(arguments: argparse.Namespace, mapping: Mapping) -> str | None:
    """Give the chosen ATT&CK release, None for the pinned one; exit with 2 for one that is not known."""
    try:
        return check_attack_version(arguments.attack_version or "", mapping.catalogue.versions)
    except InvalidSettings as error:
        print(f"enricher: {error}", file=sys.stderr)
        raise SystemExit(2) from None
