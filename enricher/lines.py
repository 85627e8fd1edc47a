"""Enrich findings in text, by line or by file: for Spark, and for any other batch engine.

`enrich_lines` pickles by name, never raises, and loads the mapping once in each process, so that it can be
called from `mapPartitions` as it is: `rdd.mapPartitions(lambda rows: (line for row in rows for line in
enrich_lines(row)))`. The package must hold the compiled mapping: use the built wheel, also for `--py-files`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.envelopes import findings_of
from enricher.finding.event import Finding, MalformedEvent
from enricher.finding.fields import time_at
from enricher.finding.json_values import split_values
from enricher.formats import load_format
from enricher.formats.base import Render
from enricher.mapping.model import AttackMapping


class Line(NamedTuple):
    """One finding, or one input that is not a finding.

    body: the enriched finding in the format asked for, "" with an error; error: place and reason, "" with a
    body; day: UTC date of the finding's last update (YYYY-MM-DD); account, region, type: the finding's;
    tactic, technique: ids of its first entry. "" where not known.
    """

    body: str
    error: str = ""
    day: str = ""
    account: str = ""
    region: str = ""
    type: str = ""
    tactic: str = ""
    technique: str = ""


def enrich_lines(text: str, format: str = "guardduty", attack_version: str = "") -> Iterator[Line]:  # noqa: A002
    """Yield one Line for each finding in `text`, and one with an error for each input that is not a finding.

    text: one input line, or the content of a file with any number of findings, in every form that `enricher
    enrich` reads; format: a name of `enricher.settings.FORMATS`; attack_version: the ATT&CK release to
    output, "" for the pinned one. Raises KeyError for an unknown format or version, before the first line; a
    finding never raises.
    """
    mapping, render = _mapping(), load_format(format)
    if attack_version and attack_version not in mapping.catalogue.versions:
        raise KeyError(attack_version)
    return _lines(text, mapping, render, attack_version or None)


@cache
def _mapping() -> AttackMapping:
    return AttackMapping.load()


def _lines(text: str, mapping: AttackMapping, render: Render, version: str | None) -> Iterator[Line]:
    found = False
    # A whole line is read at once; without its end each bracket would be looked at, as more could follow.
    for value in split_values([text if text.endswith("\n") else f"{text}\n"]):
        for place, item in findings_of(value):
            found = True
            yield _line(place, item, mapping, render, version)
    if not found:
        yield Line("", "empty: expected findings as JSON")


def _line(
    place: str, item: Finding | MalformedEvent, mapping: AttackMapping, render: Render, version: str | None
) -> Line:
    if isinstance(item, MalformedEvent):
        return Line("", f"{place}: {item}")
    try:
        enriched = enrich(item, mapping, version)
        return _facts(enriched, render(enriched, sys.maxsize))
    except Exception as error:
        # One finding that cannot be written must not end the partition.
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        return Line("", f"{place}: cannot be written: {reason}")


def _facts(enriched: EnrichedFinding, body: str) -> Line:
    finding, attack = enriched.finding, enriched.attack
    return Line(
        body,
        day=f"{updated:%Y-%m-%d}" if (updated := time_at(finding.view, "updatedAt")) else "",
        account=finding.account,
        region=finding.region,
        type=finding.type,
        tactic=next((row["id"] for row in attack["tactics"]), ""),
        technique=next((row["id"] for row in attack["techniques"]), ""),
    )
