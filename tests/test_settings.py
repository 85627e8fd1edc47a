"""Test the reading of settings: once, completely, every fault named."""

from __future__ import annotations

import pytest

from enricher.destinations.base import PATIENCE
from enricher.settings import InvalidSettings, read_settings

TOPIC = "arn:aws:sns:eu-west-1:111122223333:findings"


def test_defaults_need_only_a_topic() -> None:
    """A function that is told its topic alone must work with the documented defaults."""
    settings = read_settings({"TOPIC_ARN": TOPIC})
    assert ("siem", "sns", "guardduty", "material", 262_144) == (
        settings.route, settings.destination, settings.format, settings.updates, settings.message_limit,
    )  # fmt: skip


def test_every_fault_is_named_at_once() -> None:
    """All faults must stand in one error, each with its variable."""
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
    with pytest.raises(InvalidSettings) as fault:
        read_settings(environment)
    assert [] == [name for name in environment if f"{name} is " not in str(fault.value)]


@pytest.mark.parametrize("version", ["", "19.2", "18.1"])
def test_known_release_is_accepted(version: str) -> None:
    """The releases that the mapping speaks must be accepted, and none be the pinned one."""
    settings = read_settings({"TOPIC_ARN": TOPIC, "ATTACK_VERSION": version}, ("19.2", "18.1"))
    assert version == settings.attack_version


@pytest.mark.parametrize("version", ["18", "17.1", "20.0", "18.1 "])
def test_unknown_release_is_refused_with_the_known_ones(version: str) -> None:
    """A release that the mapping does not speak must stop the function, and the error name those it does."""
    with pytest.raises(InvalidSettings) as fault:
        read_settings({"TOPIC_ARN": TOPIC, "ATTACK_VERSION": version}, ("19.2", "18.1"))
    assert f"ATTACK_VERSION is {version!r}: expected one of 19.2, 18.1" == str(fault.value)


def test_missing_topic_is_a_fault() -> None:
    """An SNS function without a topic must say so."""
    with pytest.raises(InvalidSettings, match="TOPIC_ARN is not set"):
        read_settings({})


@pytest.mark.parametrize(
    ("value", "valid"), [("16384", True), ("16383", False), ("1048576", True), ("1048577", False)]
)
def test_message_limit_is_bounded(value: str, valid: bool) -> None:
    """The message limit must be one that an SNS topic can have and that holds an enriched event."""
    try:
        limit = read_settings({"TOPIC_ARN": TOPIC, "MESSAGE_LIMIT": value}).message_limit
    except InvalidSettings:
        limit = 0
    assert valid == (limit == int(value))


def test_one_call_fits_the_functions_time() -> None:
    """The longest call to a destination must fit well into the function's minute."""
    assert PATIENCE.seconds < 30
