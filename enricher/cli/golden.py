"""Write or check the golden files: the reviewed bodies of the example events, in every format."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from enricher.authoring.loader import ROOT, read_mapping
from enricher.enrichment.attack_object import other_release
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.enrichment.headline import subject_line
from enricher.finding.event import Finding, MalformedEvent
from enricher.formats import load_format
from enricher.formats.asff import Incomplete, to_asff
from enricher.mapping.model import AttackMapping
from enricher.pages.picture import matrix_picture
from enricher.settings import FORMATS

EVENTS = ROOT.parent / "events"
#: The picture in README; it is regenerated and checked with the golden files.
PICTURE = ROOT.parent / "docs" / "coverage.svg"
#: Shows the e-mails of some examples: each between a comment `<!-- mail NAME -->` and the next comment.
ALERTS = ROOT.parent / "docs" / "alerts.md"
_MAIL = re.compile(r"(<!-- mail (?P<name>[\w-]+) -->\n).*?(?=\n<!-- )", re.DOTALL)
#: The last cell of a row whose first one is an example: the words of its e-mail before the link.
_WORDS = re.compile(r"^(?P<row>\| (?P<name>[\w-]+) \|.*\| )\d+ \|$", re.MULTILINE)
_LINK = "\nOPEN  "
#: In place of the mapping's version, so that a new version alone changes no golden file.
MAPPING_VERSION = "0000.00.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; report each file that is out of date"
    )
    parser.add_argument("--events", type=Path, default=EVENTS, help="folder of the example events")


def run(arguments: argparse.Namespace) -> int:
    """Write the golden files, or with --check report those out of date.

    Returns 1 if --check found one, 2 if there are no events, else 0.
    """
    mapping = read_mapping()
    expected = dict(golden_files(arguments.events, mapping))
    if not expected:
        print(f"enricher: {arguments.events}: no events found (*.json)", file=sys.stderr)
        return 2
    present = {path for path in arguments.events.glob("enriched*/**/*") if path.is_file()}
    surplus = sorted(present - expected.keys())
    if arguments.events == EVENTS:
        expected[PICTURE] = matrix_picture(mapping)
        expected[ALERTS] = with_mails(ALERTS.read_text("utf-8"), mapping)
    stale = [path for path, text in expected.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in [*stale, *surplus] if arguments.check else []:
        print(f"enricher: {path}: out of date: run enricher golden and review the diff", file=sys.stderr)
    if arguments.check:
        return 1 if stale or surplus else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(expected[path], encoding="utf-8")
    for path in surplus:
        path.unlink()
    print(f"{len(expected)} golden files, {len(stale)} written, {len(surplus)} removed")
    return 0


def with_mails(page: str, mapping: AttackMapping) -> str:
    """Return the page with the e-mails that it shows, and their numbers of words, as they are now."""

    def enriched(name: str) -> EnrichedFinding:
        return enrich(Finding.from_json((EVENTS / f"{name}.json").read_bytes()), mapping)

    def mail(match: re.Match[str]) -> str:
        finding = enriched(match["name"])
        subject = subject_line(finding.finding, finding.context, finding.alert)
        body = load_format("text")(finding, sys.maxsize)
        return f"{match[1]}\n```text\nSubject: {subject}\n\n{body}```\n"

    def words(match: re.Match[str]) -> str:
        if not (EVENTS / f"{match['name']}.json").is_file():
            return match[0]
        body = load_format("text")(enriched(match["name"]), sys.maxsize)
        return f"{match['row']}{len(body.partition(_LINK)[0].split())} |"

    return _WORDS.sub(words, _MAIL.sub(mail, page))


def golden_files(events: Path, mapping: AttackMapping) -> Iterator[tuple[Path, str]]:
    """Yield the path and text of each golden file, with MAPPING_VERSION as the mapping's version.

    enriched/FORMAT/NAME.json (.txt for text) for a finding, enriched/NAME.error.txt for a rejected event, and
    enriched-FORMER/NAME.json where an entry differs in the former ATT&CK release (18.1).
    """
    former, mapping = mapping.catalogue.former.version, replace(mapping, version=MAPPING_VERSION)
    for path in sorted(events.glob("*.json")):
        try:
            finding = Finding.from_json(path.read_bytes())
        except MalformedEvent as error:
            yield events / "enriched" / f"{path.stem}.error.txt", f"{error}\n"
            continue
        yield from _bodies(events / "enriched", path.stem, enrich(finding, mapping))
        in_former = enrich(finding, mapping, former)
        if _is_different(in_former):
            yield events / f"enriched-{former}" / path.name, _pretty(in_former.as_event())


def _bodies(folder: Path, name: str, enriched: EnrichedFinding) -> Iterator[tuple[Path, str]]:
    """Yield path and text of a finding in each format; as ASFF, or the reason why it cannot be ASFF."""
    for format_name in FORMATS:
        body = load_format(format_name)(enriched, sys.maxsize)
        if FORMATS[format_name].is_email:
            yield folder / format_name / f"{name}.txt", body
        else:
            yield folder / format_name / f"{name}.json", _pretty(json.loads(body))
    try:
        yield folder / "asff" / f"{name}.json", _pretty(to_asff(enriched))
    except Incomplete as error:
        yield folder / "asff" / f"{name}.error.txt", f"{error}\n"


def _is_different(in_former: EnrichedFinding) -> bool:
    return any(other_release(row) for row in in_former.attack["techniques"])


def _pretty(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
