"""Test that each destination is built from the settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.destinations import load_destination
from enricher.destinations.base import TIMEOUTS
from enricher.destinations.security_hub_annotate import AnnotateDestination
from enricher.destinations.security_hub_import import ImportDestination
from enricher.destinations.sns import SnsDestination
from enricher.destinations.timeouts import Timeouts
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.mapping.model import AttackMapping
from enricher.settings import DESTINATIONS, Settings
from tests import examples

TOPIC = "arn:aws:sns:eu-west-1:111122223333:siem"
SETTINGS = Settings(topic_arn=TOPIC, account_id="111122223333", message_limit=100_000)


def built(name: str, **changes: Any) -> Any:
    """Return a destination of the settings."""
    return load_destination(name, SETTINGS._replace(destination=name, **changes))


def test_name_gives_the_destination_of_its_module() -> None:
    """Each name must give its destination, and a name that is not known be an error."""
    classes = {
        "sns": SnsDestination,
        "security-hub-annotate": AnnotateDestination,
        "security-hub-import": ImportDestination,
    }
    assert classes == {name: type(built(name)) for name in DESTINATIONS}
    with pytest.raises(KeyError, match="os"):
        built("os")


def test_topic_limit_and_format_are_those_of_the_settings(mapping: AttackMapping) -> None:
    """SNS must publish to the topic, within its limit, in the format and the version of OCSF that are set."""
    made = built("sns", format="ocsf", ocsf_version="1.1.0")
    assert (TOPIC, 100_000, TIMEOUTS.seconds) == (made.topic_arn, made.limit, made.call_seconds)
    enriched = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping)
    assert "1.1.0" == json.loads(made.render(enriched, 100_000))["metadata"]["version"]


@pytest.mark.parametrize(("name", "has_subject"), [("text", True), ("guardduty", False), ("chat", False)])
def test_only_mail_has_a_subject(name: str, *, has_subject: bool) -> None:
    """A message has a subject only in the format for e-mail: other subscribers would show it."""
    assert has_subject == built("sns", format=name).subject


def test_client_is_bounded_in_time() -> None:
    """The client must have the timeouts that the time left is compared with, and retry as they count."""
    config = built("sns").client.meta.config
    assert (TIMEOUTS.connect, TIMEOUTS.read) == (config.connect_timeout, config.read_timeout)
    assert {"mode": "standard", "total_max_attempts": TIMEOUTS.attempts} == config.retries


def test_time_of_a_call_is_that_of_all_its_attempts() -> None:
    """Two attempts and the wait between them must be counted: an attempt more may take six seconds more."""
    assert (5.0, 16.0) == (Timeouts(1.0, 4.0, attempts=1).seconds, Timeouts(1.0, 4.0, attempts=2).seconds)
