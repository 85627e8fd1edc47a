"""Tag the findings of a file and render them, for one process or for several."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from enricher.cli.saved_findings import Rejected, label_of, read_values
from enricher.enrichment.enrich import EnrichedFinding, enrich
from enricher.finding.envelopes import findings_of
from enricher.finding.event import MalformedEvent
from enricher.finding.json_values import JsonValue
from enricher.finding.safe_text import single_line
from enricher.formats.base import Render
from enricher.mapping.model import AttackMapping

#: A file has no limit of size, unlike an SNS message.
NO_LIMIT = sys.maxsize


class Explanation(NamedTuple):
    """What stderr says of the finding before it: the source, confidence and evidence of each entry."""

    text: str


class Printed(NamedTuple):
    """Several findings as they are printed, encoded: what another process returns."""

    data: bytes
    findings: int


#: A finding as it is printed, its explanation, or an input that is not a finding.
Result = str | Explanation | Rejected


class Tagger(NamedTuple):
    """What is done with each finding; picklable, for other processes.

    release: the ATT&CK version to output, None for the pinned one; explains: whether an Explanation follows.
    """

    mapping: AttackMapping
    release: str | None
    render: Render
    explains: bool = False

    def file_results(self, name: str) -> Iterator[Result]:
        """Yield the result of each input of a file, "-" for stdin, as soon as it is read."""
        return self.results(read_values(name), label_of(name))

    def results(self, values: Iterable[JsonValue | Rejected], label: str) -> Iterator[Result]:
        """Yield the result of each value of a file; label: the file's name in messages."""
        for value in values:
            if isinstance(value, Rejected):
                yield value
                continue
            for place, item in findings_of(value):
                if isinstance(item, MalformedEvent):
                    yield Rejected(label, place, str(item))
                    continue
                try:
                    enriched = enrich(item, self.mapping, self.release)
                    body = self.render(enriched, NO_LIMIT)
                except Exception as error:
                    # One finding that cannot be written must not keep the next one from coming out.
                    reason = str(error) if isinstance(error, ValueError) else type(error).__name__
                    yield Rejected(label, place, f"cannot be written: {reason}")
                    continue
                yield body
                if self.explains:
                    yield Explanation("\n".join(why_lines(enriched)))


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
