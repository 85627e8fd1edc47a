"""Test enriching findings that stand in text, as batch engines call it."""

from __future__ import annotations

import json
import pickle
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher import lines
from enricher.enrichment.enrich import enrich
from enricher.finding import json_values
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.lines import Line, enrich_lines
from enricher.mapping.model import AttackMapping
from enricher.settings import FORMATS
from tests import examples


@pytest.fixture(autouse=True)
def bundled(mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve the mapping that the tests compiled in place of the bundle of a built package."""
    monkeypatch.setattr(lines, "_mapping", lambda: mapping)


@pytest.mark.parametrize("name", FORMATS)
def test_line_holds_what_the_command_prints(name: str, mapping: AttackMapping) -> None:
    """Body and facts must be those of the finding, in every format."""
    event = examples.event("ec2-tor-client")
    enriched = enrich(Finding.from_event(event), mapping)
    detail = event["detail"]
    assert [
        Line(
            load_format(name)(enriched, 10**9), "", detail["updatedAt"][:10], detail["accountId"],
            detail["region"], detail["type"], enriched.attack["tactics"][0]["id"],
            enriched.attack["techniques"][0]["id"],
        )
    ] == list(enrich_lines(json.dumps(event), name))  # fmt: skip


def test_file_and_line_give_the_same(mapping: AttackMapping) -> None:
    """A file's content must give the lines that its lines give one by one."""
    texts = [json.dumps(examples.event(name)) for name in examples.names()]
    one_by_one = [line for text in texts for line in enrich_lines(text)]
    assert len(texts) == len(one_by_one)
    assert one_by_one == list(enrich_lines("".join(texts))) == list(enrich_lines("\n".join(texts)))


def test_line_costs_the_same_without_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark hands over lines without their end: they must be read whole, not bracket by bracket."""
    searches, pattern = list[int](), json_values._TOKEN

    def search(text: str, at: int) -> object:
        searches.append(at)
        return pattern.search(text, at)

    monkeypatch.setattr(json_values, "_TOKEN", SimpleNamespace(search=search))
    text = json.dumps(examples.event("ec2-tor-client"))
    with_end = list(enrich_lines(f"{text}\n"))
    assert len(searches) <= 2
    assert with_end == list(enrich_lines(text))
    assert len(searches) <= 4


def test_every_input_is_accounted_for() -> None:
    """Findings in must be bodies plus errors out, each error with its place and reason."""
    found = list(enrich_lines('{"type": "Recon:EC2/One"}\nno\n{"type": "Recon:EC2/Two", "x": 1e999}\n'))
    assert ["", "line 2: not JSON", "line 3: cannot be written"] == [
        ": ".join(line.error.split(": ")[:2]) for line in found
    ]
    assert [True, False, False] == [bool(line.body) for line in found]
    assert ["empty: expected findings as JSON"] == [line.error for line in enrich_lines(" \n")]


@given(st.text(max_size=60) | st.text(alphabet='{}[]",:0\n', max_size=40))
def test_any_text_gives_lines(text: str) -> None:
    """Whatever a line holds, at least one Line must come out, with a body or an error."""
    found = list(enrich_lines(text))
    assert found
    assert all(bool(line.body) != bool(line.error) for line in found)


def test_function_and_lines_pickle_by_name() -> None:
    """Spark sends the function to its workers, and the lines back."""
    assert pickle.loads(pickle.dumps(enrich_lines)) is enrich_lines
    line = Line("body", day="2026-01-01")
    assert line == pickle.loads(pickle.dumps(line))


def test_unknown_format_or_version_is_an_error_at_once() -> None:
    """A wrong argument is a mistake of the call, not of each finding."""
    for arguments in (("{}", "xml"), ("{}", "guardduty", "17")):
        with pytest.raises(KeyError):
            enrich_lines(*arguments)


def test_mapping_is_loaded_once(mapping: AttackMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process must load the mapping once, however many lines it is given."""
    monkeypatch.undo()
    loads: list[int] = []

    def load() -> AttackMapping:
        loads.append(1)
        return mapping

    monkeypatch.setattr(AttackMapping, "load", load)
    lines._mapping.cache_clear()
    for _ in range(3):
        list(enrich_lines('{"type": "Recon:EC2/One"}'))
    lines._mapping.cache_clear()
    assert [1] == loads
