"""Tests of the matrix page's data and size; tests/browser tests the page itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import coverage
from enricher.pages.matrix import matrix_page
from enricher.pages.matrix_data import matrix_data
from enricher.pages.observed import Observed
from tests import examples
from tests.pages.hostile import ATTACKS, findings


@pytest.fixture(scope="module")
def page(mapping: AttackMapping) -> str:
    """Return the page of the mapping."""
    return matrix_page(mapping)


def _data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_page_is_one_file_below_its_limit(page: str) -> None:
    """The page must be below 1.5 MB and load nothing: the only addresses in its markup are links of data."""
    assert len(page.encode("utf-8")) < 1_500_000
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", page.partition("<script")[0])
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML|insertAdjacentHTML|eval\(", page)


def test_data_have_every_type_rule_and_pair_in_both_releases(page: str, mapping: AttackMapping) -> None:
    """Every type, rule and pair of the mapping must be in the page, in both ATT&CK releases."""
    data = _data(page)
    assert list(mapping.records) == [item["name"] for item in data["types"]]
    assert [rule[0] for rule in mapping.evidence["rules"]] == [rule[0] for rule in data["rules"]]
    for version in mapping.catalogue.versions:
        expected = {
            key: sorted({*cell.active, *cell.retired}) for key, cell in coverage(mapping, version).items()
        }
        shown = {
            (row[0], row[1]): sorted(data["types"][number]["name"] for number, _ in row[2])
            for row in data["releases"][version]["cells"]
        }
        assert expected == shown


def test_types_have_their_facts_and_links(page: str) -> None:
    """A type must have severity, source, plan, rationale and a link to its page in the user guide."""
    types = {item["name"]: item for item in _data(page)["types"]}
    scan = types["Recon:EC2/Portscan"]
    assert ("Medium", ["VPC flow logs"], ["Foundational"]) == (
        scan["severity"],
        scan["sources"],
        scan["plans"],
    )
    assert all(
        item["severity"] and item["sources"] and item["plans"] and item["why"] for item in types.values()
    )
    assert not [url for item in types.values() for url in item["links"] if not url.startswith("https://")]
    assert all(item["links"] for item in types.values())


def test_observed_counts_are_in_the_data(mapping: AttackMapping) -> None:
    """The cell of an observed technique must have its counts, times, accounts and resources."""
    observed = Observed(mapping).add_all([Finding.from_event(examples.event("ec2-portscan"))])
    data = matrix_data(mapping, None, observed)
    assert ["19.2"] == list(data["releases"])
    cell = data["observed"]["cells"]["T1046 TA0007"]
    assert (1, 1, [["111122223333", 1]]) == (cell["findings"], cell["accounts"], cell["byAccount"])
    assert cell["first"] <= cell["latest"]
    assert 1 == sum(cell["days"].values()) == sum(cell["last"].values())


def test_text_of_findings_is_only_data(mapping: AttackMapping) -> None:
    """Text that attackers wrote must appear in the data alone, as JSON, and cut no script short."""
    observed = Observed(mapping).add_all(Finding.from_event(event) for event in findings())
    page = matrix_page(mapping, None, observed)
    assert 2 == page.count("</script>")
    assert "owned" in json.dumps(_data(page)["observed"])
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    outside = page.replace(data[1], "")
    assert not [text for text in ATTACKS if len(text) > 8 and text in outside]
    page.encode("utf-8")


def test_type_says_what_is_benign(mapping: AttackMapping) -> None:
    """The details of a type must say what makes it benign, by rule where several rules share it."""
    types = {row["name"]: row["benign"] for row in matrix_data(mapping)["types"]}
    portscan, shared = "Recon:EC2/Portscan", "Persistence:IAM/AccountManipulation"
    assert types[portscan] == mapping.records[portscan].benign
    assert types[shared].count("; if ") == len(mapping.records[shared].rules) - 1
    assert "(IAMAccessKeyCreated)" in types[shared]
    assert types["AttackSequence:IAM/CompromisedCredentials"] == ""
