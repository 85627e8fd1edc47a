"""Test that every log line is valid JSON, complete and of limited size, whatever a finding contains."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from hypothesis import given
from hypothesis import strategies as st

from enricher.delivery.log_lines import MAX_LIST, MAX_TEXT, ascii_text, log_line

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(entry=st.dictionaries(st.text(), VALUES))
def test_any_entry_is_one_line_of_json(entry: dict[str, Any]) -> None:
    """Any entry must become one line of ASCII that a JSON parser without extensions reads."""

    def fail(constant: str) -> None:
        raise AssertionError(constant)

    line = log_line(entry)
    assert line.isascii()
    assert "\n" not in line
    assert isinstance(json.loads(line, parse_constant=fail), dict)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800", "\ud800"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("x" * MAX_TEXT, "x" * MAX_TEXT),
        ("x" * 150_000, "x" * MAX_TEXT + f"... {150_000 - MAX_TEXT} more characters"),
        (list(range(MAX_LIST + 2)), [*range(MAX_LIST), "... 2 more"]),
        ({"a": ("b",)}, {"a": ["b"]}),
        (object, str(object)),
    ],
    ids=["surrogate", "nan", "infinity", "limit", "long", "list", "nested", "object"],
)
def test_value_is_logged_as_far_as_json_and_the_limit_allow(value: object, expected: object) -> None:
    """A value that JSON or CloudWatch Logs does not accept must be logged in its nearest form."""
    assert {"key": expected} == json.loads(log_line({"key": value}))


def test_logger_writes_lone_surrogates_to_standard_output() -> None:
    """With the handler's serializer a lone surrogate must reach a UTF-8 stream, as standard output is."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    logger = Logger(service="surrogate", stream=stream, json_serializer=log_line)
    logger.info("forwarded", extra={"finding_arn": "a\ud800b"})
    stream.seek(0)
    assert "a\ud800b" == json.loads(stream.read())["finding_arn"]


@pytest.mark.parametrize("text", ["plain", "é", "日本", "\ud800"])
def test_ascii_text_is_readable(text: str) -> None:
    """Text must stay readable in ASCII: unchanged if it is ASCII, with escapes if it is not."""
    assert ascii_text(text).isascii()
    assert text == ascii_text(text).encode().decode("unicode_escape")


@pytest.mark.parametrize("topic", ["日本", "é", "plain"])
def test_error_at_init_is_ascii(topic: str) -> None:
    """An error at init must be ASCII, or Lambda's runtime client does not report it."""
    code = (
        "import sys, os\n"
        f"os.environ.update(TOPIC_ARN={topic!r})\n"
        "try:\n    import enricher.handler\n"
        "except Exception as error:\n    sys.stdout.write(ascii(str(error)))\n"
    )
    # The clone has no compiled mapping: the handler gets one in its place.
    stub = (
        "from enricher.mapping.model import AttackMapping\n"
        "from enricher.authoring.loader import read_mapping\n"
        "AttackMapping.load = classmethod(lambda cls: read_mapping())\n"
    )
    done = subprocess.run([sys.executable, "-c", stub + code], capture_output=True, text=True, check=True)
    assert ("TOPIC_ARN is " in done.stdout, "\\\\u" in done.stdout) == (True, topic == "日本")
