"""Tests of the SVG picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.pages.coverage import coverage, kinds
from enricher.pages.observed import Observed
from enricher.pages.picture import WIDTH, matrix_picture
from tests import examples
from tests.pages.hostile import findings

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(picture: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(picture).iter(f"{_SVG}text")]


@pytest.mark.parametrize("version", ["19.2", "18.1"])
def test_picture_names_every_tactic_and_both_numbers(version: str, mapping: AttackMapping) -> None:
    """The picture must name every tactic, every covered technique, and count types and rules apart."""
    picture = matrix_picture(mapping, version)
    texts = _texts(picture)
    release = mapping.catalogue.release(version)
    cells = coverage(mapping, version)
    assert {tactic.name for tactic in release.tactics.values()} <= set(texts)
    names = {
        release.techniques[key[0].partition(".")[0]].name
        for key, cell in cells.items()
        if cell.kind != "retired"
    }
    assert names <= set(texts)
    counts = kinds(cells)
    assert f"{counts['type']} technique-tactic pairs" in texts[1]
    assert f"{counts['rule']} more" in texts[1]


def test_every_text_and_shape_is_inside_the_picture(mapping: AttackMapping) -> None:
    """No text or shape may reach over the edge: each text states its length, in any font."""
    root = ET.fromstring(matrix_picture(mapping))
    height = float(root.attrib["height"])
    for item in root.iter():
        if item.tag == f"{_SVG}text":
            right = float(item.attrib["x"]) + float(item.attrib["textLength"])
        elif item.tag == f"{_SVG}rect":
            right = float(item.attrib["x"]) + float(item.attrib["width"])
        else:
            continue
        assert 0 <= float(item.attrib["x"])
        assert right <= WIDTH
        assert float(item.attrib["y"]) <= height


def test_observed_findings_are_counted_on_the_chip(mapping: AttackMapping) -> None:
    """A technique with observed findings must show their number."""
    scans = (examples.event("ec2-portscan", arn=f"arn:{number}") for number in range(37))
    observed = Observed(mapping).add_all(Finding.from_event(event) for event in scans)
    assert "37" in _texts(matrix_picture(mapping, None, observed))
    assert "37" not in _texts(matrix_picture(mapping))


def test_text_of_findings_is_not_in_the_picture(mapping: AttackMapping) -> None:
    """The picture shows counts only: nothing that an attacker wrote may be in it."""
    observed = Observed(mapping).add_all(Finding.from_event(event) for event in findings())
    picture = matrix_picture(mapping, None, observed)
    assert "owned" not in picture
    assert not [item for item in ET.fromstring(picture).iter() if item.tag == f"{_SVG}script"]
