"""Read and validate the mapping in its source form (TOML, CSV, JSON), reporting every problem.

Used by the command line and at build time only; the Lambda function reads the compiled form.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

from enricher.attack.catalog import Catalogue
from enricher.authoring import responses
from enricher.authoring.authored_records import check_coverage, check_purposes, read_all_records
from enricher.authoring.files import read_text, read_toml
from enricher.authoring.kept_choices import check_kept_choices
from enricher.authoring.known_types import check_known_types, read_known_types
from enricher.authoring.record_rules import check_records
from enricher.authoring.rule_compiler import read_evidence
from enricher.mapping.model import AttackMapping
from enricher.mapping.problems import InvalidMapping, Problem

_VERSION = re.compile(r"20[0-9]{2}\.(0[1-9]|1[0-2])\.[0-9]+")

_CLONE = Path(__file__).resolve().parents[2] / "mapping"
#: The mapping's source: that of the clone this module is in, else the copy in the installed package.
ROOT = _CLONE if (_CLONE / "attack.json").is_file() else Path(__file__).resolve().with_name("mapping")


def read_catalogue(root: Path = ROOT) -> Catalogue:
    """Read the pinned ATT&CK release; raise InvalidMapping if `attack.json` is malformed."""
    try:
        return Catalogue.from_json(read_catalogue_json(root))
    except (LookupError, TypeError, AttributeError) as error:
        message = f"not a catalogue written by `enricher attack import` ({error!r}): restore the file"
        raise InvalidMapping([Problem("attack.json", "", message)]) from error


def read_catalogue_json(root: Path = ROOT) -> dict[str, Any]:
    """Parse `attack.json`; raise InvalidMapping if it is not JSON."""
    text = read_text(root / "attack.json")
    try:
        return cast("dict[str, Any]", json.loads(text))
    except json.JSONDecodeError as error:
        problem = Problem("attack.json", "", f"not JSON: {error}: restore the file", error.lineno)
        raise InvalidMapping([problem]) from error


def read_guide_pages(root: Path = ROOT) -> dict[str, str]:
    """Return the URL of the user guide's page for each record file, by its name without .toml."""
    pages = ((Path(source.name).stem, source.data.get("page")) for source in read_toml(root, []))
    return {stem: page for stem, page in pages if isinstance(page, str)}


def read_mapping(root: Path = ROOT) -> AttackMapping:
    """Read and validate the whole mapping; raise InvalidMapping with every problem in it."""
    try:
        return _read_mapping(root)
    except InvalidMapping as error:
        raise InvalidMapping(error.problems, shown_path(root)) from error


def shown_path(root: Path) -> str:
    """Return a folder as an editor opens it: relative if it is below the working directory."""
    path = root.resolve()
    shown = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return "" if shown == "." else shown


def _read_mapping(root: Path) -> AttackMapping:
    catalogue = read_catalogue(root)
    known = read_known_types(root)
    problems: list[Problem] = []
    authored = read_all_records(root, catalogue, problems)
    version = read_text(root / "VERSION").strip()
    if not _VERSION.fullmatch(version):
        message = f"{version!r} is not a valid version: expected YEAR.MONTH.NUMBER"
        problems.append(Problem("VERSION", "", message, 1))
    rejected = {problem.subject or problem.file.removesuffix(".toml") for problem in problems}
    problems += [*check_known_types(known), *check_coverage(known, authored, rejected)]
    problems += [*check_records(authored), *check_kept_choices(root, catalogue, authored)]
    evidence = read_evidence(root / "evidence", catalogue, problems)
    if evidence:
        problems += check_purposes(authored, evidence["purposes"])
    groups = responses.read_responses(root, problems)
    problems += responses.check_groups(groups, authored)
    if problems:
        raise InvalidMapping(problems)
    aliases = {row.type: row.replaced_by for row in known if row.status == "alias"}
    ordered = {row.type: authored[row.type].record for row in known if row.status != "alias"}
    by_name = {name: item.response for name, item in groups.items()}
    return AttackMapping(version, catalogue, ordered, aliases, evidence, by_name)
