"""Test reading the settings: defaults, validation, every problem reported in one error."""

from __future__ import annotations

import pytest

from enricher.destinations.base import TIMEOUTS
from enricher.settings import InvalidSettings, read_settings

TOPIC = "arn:aws:sns:eu-west-1:111122223333:findings"


def test_defaults_need_only_a_topic() -> None:
    """With TOPIC_ARN alone, all other settings must have the documented defaults."""
    settings = read_settings({"TOPIC_ARN": TOPIC})
    assert ("siem", "sns", "guardduty", "material", 262_144) == (
        settings.route, settings.destination, settings.format, settings.updates, settings.message_limit,
    )  # fmt: skip


def test_one_error_reports_every_problem() -> None:
    """One error must report all problems, each with its variable."""
    environment = {
        "DESTINATION": "kafka",
        "FORMAT": "xml",
        "TOPIC_ARN": "findings",
        "QUEUE_URL": "findings",
        "UPDATES": "some",
        "MAPPING_OVERRIDES": "file.toml",
        "MESSAGE_LIMIT": "12",
        "ATTACK_VERSION": "17.1",
    }
    with pytest.raises(InvalidSettings) as caught:
        read_settings(environment)
    assert [] == [name for name in environment if f"{name} is " not in str(caught.value)]


@pytest.mark.parametrize("version", ["", "19.2", "18.1"])
def test_known_attack_version_is_accepted(version: str) -> None:
    """The ATT&CK versions that the mapping can output must be accepted; empty means the pinned one."""
    settings = read_settings({"TOPIC_ARN": TOPIC, "ATTACK_VERSION": version}, ("19.2", "18.1"))
    assert version == settings.attack_version


@pytest.mark.parametrize("version", ["18", "17.1", "20.0", "18.1 "])
def test_unknown_attack_version_is_rejected(version: str) -> None:
    """An ATT&CK version that the mapping cannot output must raise an error that lists the known ones."""
    with pytest.raises(InvalidSettings) as caught:
        read_settings({"TOPIC_ARN": TOPIC, "ATTACK_VERSION": version}, ("19.2", "18.1"))
    assert f"ATTACK_VERSION is {version!r}: expected one of 19.2, 18.1" == str(caught.value)


def test_missing_topic_is_rejected() -> None:
    """SNS settings without a topic must raise an error that names TOPIC_ARN."""
    with pytest.raises(InvalidSettings, match="TOPIC_ARN is not set"):
        read_settings({})


@pytest.mark.parametrize(
    ("value", "valid"), [("16384", True), ("16383", False), ("1048576", True), ("1048577", False)]
)
def test_message_limit_is_bounded(value: str, valid: bool) -> None:
    """The message limit must be valid for an SNS topic and large enough for an enriched event."""
    try:
        limit = read_settings({"TOPIC_ARN": TOPIC, "MESSAGE_LIMIT": value}).message_limit
    except InvalidSettings:
        limit = 0
    assert valid == (limit == int(value))


def test_longest_call_fits_the_function_timeout() -> None:
    """The longest call to a destination must take less than half of the function's timeout of 60 s."""
    assert TIMEOUTS.seconds < 30


def test_unknown_ocsf_version_is_rejected() -> None:
    """An OCSF version other than the three must be rejected with the known ones."""
    with pytest.raises(InvalidSettings) as caught:
        read_settings({"TOPIC_ARN": TOPIC, "OCSF_VERSION": "1.3.0"})
    assert "OCSF_VERSION is '1.3.0': expected one of 1.8.0, 1.5.0, 1.1.0" == str(caught.value)
