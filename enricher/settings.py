"""Read a function's settings from its environment variables and report every problem in one error."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

#: Message attributes of the queues: why a message is in a dead-letter queue, and the id of a resend.
REASON_ATTRIBUTE, RESEND_ATTRIBUTE = "reason", "resend"


class Needs(NamedTuple):
    """What a destination needs.

    topic: TOPIC_ARN; account: ACCOUNT_ID, the only account whose findings it takes; native: the finding that
    GuardDuty itself sends to Security Hub; deduplication: whether a second delivery of the same update must
    be suppressed.
    """

    topic: bool = False
    account: bool = False
    native: bool = False
    deduplication: bool = True


class FormatTraits(NamedTuple):
    """What others must know of a message format.

    is_email: plain text with a subject (the others are JSON); has_finding_id: whether a message contains
    the finding's ID; versions: releases that `render` takes as `version`, the default first, () for none.
    """

    is_email: bool = False
    has_finding_id: bool = True
    versions: tuple[str, ...] = ()


#: The destinations and message formats of a route; each is a module of `destinations` or of `formats`.
DESTINATIONS = {
    "sns": Needs(topic=True),
    # It reads the current fields from Security Hub before it writes, which a second store could contradict.
    "security-hub-annotate": Needs(native=True, deduplication=False),
    "security-hub-import": Needs(account=True),
}
#: OCSF releases of the format ocsf, the default first.
OCSF_VERSIONS = ("1.8.0", "1.5.0", "1.1.0")
FORMATS = {
    "guardduty": FormatTraits(),
    "finding": FormatTraits(),
    "ecs": FormatTraits(),
    "ocsf": FormatTraits(versions=OCSF_VERSIONS),
    "text": FormatTraits(is_email=True, has_finding_id=False),
    "chat": FormatTraits(has_finding_id=False),
}
UPDATE_MODES = ("material", "every", "first")

#: MaximumMessageSize of an SNS topic: default, minimum and maximum, in bytes.
#: https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
DEFAULT_LIMIT, LEAST_LIMIT, MOST_LIMIT = 262_144, 16_384, 1_048_576

_ACCOUNT = re.compile(r"[0-9]{12}")


class InvalidSettings(ValueError):
    """The environment variables are invalid; the message lists every problem."""


class Settings(NamedTuple):
    """Settings of one function, one field for each environment variable (see docs/settings.md).

    account_id: ID of the account the function runs in, 12 digits; message_limit: bytes.
    """

    route: str = "siem"
    destination: str = "sns"
    format: str = "guardduty"
    ocsf_version: str = OCSF_VERSIONS[0]
    account_names: bool = False
    topic_arn: str = ""
    queue_url: str = ""
    dead_letter_queue_url: str = ""
    updates: str = "material"
    deduplication_table: str = ""
    account_id: str = ""
    attack_version: str = ""
    mapping_overrides: str = ""
    mapping_overrides_owner: str = ""
    message_limit: int = DEFAULT_LIMIT


def read_settings(environment: Mapping[str, str], attack_versions: tuple[str, ...] = ()) -> Settings:
    """Read the settings; raise InvalidSettings with every problem: variable, value and what is expected.

    attack_versions: the ATT&CK versions that the mapping can output.
    """
    problems: list[str] = []

    def choose(name: str, default: str, choices: Collection[str]) -> str:
        value = environment.get(name) or default
        if value not in choices:
            problems.append(f"{name} is {value!r}: expected one of {', '.join(filter(None, choices))}")
        return value

    def prefixed(name: str, prefix: str, *, required: bool) -> str:
        value = environment.get(name, "")
        if required and not value:
            problems.append(f"{name} is not set: expected {prefix}...")
        elif value and not value.startswith(prefix):
            problems.append(f"{name} is {value!r}: expected {prefix}...")
        return value

    def account(*, required: bool) -> str:
        value = environment.get("ACCOUNT_ID") or _account_of_queue(environment.get("QUEUE_URL", ""))
        if required and not _ACCOUNT.fullmatch(value):
            problems.append(f"ACCOUNT_ID is {value!r}: expected the function's account ID, 12 digits")
        return value

    destination = choose("DESTINATION", "sns", DESTINATIONS)
    needs = DESTINATIONS.get(destination, Needs())
    settings = Settings(
        route=environment.get("ROUTE") or "siem",
        destination=destination,
        format=choose("FORMAT", "guardduty", FORMATS),
        account_names=choose("ACCOUNT_NAMES", "off", ("off", "on")) == "on",
        ocsf_version=choose("OCSF_VERSION", OCSF_VERSIONS[0], OCSF_VERSIONS),
        topic_arn=prefixed("TOPIC_ARN", "arn:", required=needs.topic),
        queue_url=prefixed("QUEUE_URL", "http", required=False),
        dead_letter_queue_url=prefixed("DEAD_LETTER_QUEUE_URL", "http", required=False),
        updates=choose("UPDATES", "material", UPDATE_MODES),
        deduplication_table=environment.get("DEDUPLICATION_TABLE", ""),
        account_id=account(required=needs.account),
        attack_version=choose("ATTACK_VERSION", "", ("", *attack_versions)),
        mapping_overrides_owner=_owner(environment.get("MAPPING_OVERRIDES_OWNER", ""), problems),
        mapping_overrides=_overrides(environment.get("MAPPING_OVERRIDES", ""), problems),
        message_limit=_limit(environment.get("MESSAGE_LIMIT", ""), problems),
    )
    if problems:
        raise InvalidSettings("; ".join(problems))
    return settings


def _account_of_queue(url: str) -> str:
    """Return ACCOUNT of the queue URL https://sqs.REGION.amazonaws.com/ACCOUNT/NAME; "" for any other URL."""
    parts = url.split("/")
    return parts[3] if len(parts) == 5 and _ACCOUNT.fullmatch(parts[3]) else ""


def _overrides(value: str, problems: list[str]) -> str:
    if value and not value.startswith(("s3://", "ssm:/")):
        problems.append(f"MAPPING_OVERRIDES is {value!r}: expected s3://BUCKET/KEY or ssm:/PARAMETER/NAME")
    return value


def _owner(value: str, problems: list[str]) -> str:
    if value and not _ACCOUNT.fullmatch(value):
        problems.append(
            f"MAPPING_OVERRIDES_OWNER is {value!r}: expected the bucket owner's account ID, 12 digits"
        )
    return value


def _limit(value: str, problems: list[str]) -> int:
    if not value:
        return DEFAULT_LIMIT
    limit = int(value) if value.isascii() and value.isdecimal() else 0
    if not LEAST_LIMIT <= limit <= MOST_LIMIT:
        problems.append(f"MESSAGE_LIMIT is {value!r}: expected {LEAST_LIMIT} to {MOST_LIMIT} bytes")
    return limit
