"""Count the example events for which a join on the look-up table gives another first technique.

python -m bench.lookup
"""

from __future__ import annotations

from collections.abc import Iterator

from enricher.authoring.loader import read_mapping
from enricher.cli.export import one_row_per_type
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from tests.examples import event, names


def first_techniques(mapping: AttackMapping) -> Iterator[tuple[str, str, str]]:
    """Yield each example's name, its first technique by the look-up table and by enrichment, "" for none."""
    lookup = {row["finding_type"]: row["technique_ids"] for row in one_row_per_type(mapping)}
    for name in names():
        finding = Finding.from_event(event(name))
        techniques = enrich(finding, mapping).attack["techniques"]
        joined = lookup.get(finding.type, "").split(" ")[0]
        yield name, joined, techniques[0]["id"] if techniques else ""


def main() -> None:
    """Print what differs, and the count."""
    rows = list(first_techniques(read_mapping()))
    different = [row for row in rows if row[1] != row[2]]
    for name, joined, enriched in different:
        print(f"{name:<48}{joined or '-':<12}{enriched or '-'}")
    print(f"the first technique differs for {len(different)} of {len(rows)} examples")


if __name__ == "__main__":
    main()
