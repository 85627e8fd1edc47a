"""Read a function's settings from its environment, once, and name every fault in one error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: What a route can send to, and in which body; each is a module of `destinations` and of `formats`.
DESTINATIONS = ("sns", "security-hub-annotate", "security-hub-import")
FORMATS = ("guardduty", "ecs", "ocsf", "text", "chat")
UPDATE_MODES = ("material", "every", "first")

#: MaximumMessageSize of an SNS topic: default, least and most, in bytes.
#: https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
DEFAULT_LIMIT, LEAST_LIMIT, MOST_LIMIT = 262_144, 16_384, 1_048_576

_ACCOUNT = re.compile(r"[0-9]{12}")


class InvalidSettings(ValueError):
    """Carry every fault of the environment."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold what one function is told by its environment (see docs/settings.md).

    account_id: the function's own; message_limit: bytes.
    """

    route: str = "siem"
    destination: str = "sns"
    format: str = "guardduty"
    topic_arn: str = ""
    queue_url: str = ""
    dead_letter_queue_url: str = ""
    updates: str = "material"
    repeats_table: str = ""
    account_id: str = ""
    attack_version: str = ""
    mapping_overrides: str = ""
    message_limit: int = DEFAULT_LIMIT


def read_settings(environment: Mapping[str, str], attack_versions: tuple[str, ...] = ()) -> Settings:
    """Read the settings; raise InvalidSettings with every fault: the variable, its value, the remedy.

    attack_versions: the ATT&CK releases that the mapping speaks.
    """
    faults: list[str] = []

    def choose(name: str, default: str, choices: tuple[str, ...]) -> str:
        value = environment.get(name) or default
        if value not in choices:
            faults.append(f"{name} is {value!r}: expected one of {', '.join(filter(None, choices))}")
        return value

    def arn(name: str, prefix: str, *, needed: bool) -> str:
        value = environment.get(name, "")
        if needed and not value:
            faults.append(f"{name} is not set: expected {prefix}…")
        elif value and not value.startswith(prefix):
            faults.append(f"{name} is {value!r}: expected {prefix}…")
        return value

    def account(*, needed: bool) -> str:
        value = environment.get("ACCOUNT_ID") or _account_of_queue(environment.get("QUEUE_URL", ""))
        if needed and not _ACCOUNT.fullmatch(value):
            faults.append(f"ACCOUNT_ID is {value!r}: expected the function's own account, 12 digits")
        return value

    destination = choose("DESTINATION", "sns", DESTINATIONS)
    settings = Settings(
        route=environment.get("ROUTE") or "siem",
        destination=destination,
        format=choose("FORMAT", "guardduty", FORMATS),
        topic_arn=arn("TOPIC_ARN", "arn:", needed=destination == "sns"),
        queue_url=arn("QUEUE_URL", "http", needed=False),
        dead_letter_queue_url=arn("DEAD_LETTER_QUEUE_URL", "http", needed=False),
        updates=choose("UPDATES", "material", UPDATE_MODES),
        repeats_table=environment.get("REPEATS_TABLE", ""),
        account_id=account(needed=destination == "security-hub-import"),
        attack_version=choose("ATTACK_VERSION", "", ("", *attack_versions)),
        mapping_overrides=_overrides(environment.get("MAPPING_OVERRIDES", ""), faults),
        message_limit=_limit(environment.get("MESSAGE_LIMIT", ""), faults),
    )
    if faults:
        raise InvalidSettings("; ".join(faults))
    return settings


def _account_of_queue(url: str) -> str:
    """Give the account in https://sqs.REGION.amazonaws.com/ACCOUNT/NAME; "" if there is none."""
    parts = url.split("/")
    return parts[3] if len(parts) == 5 and _ACCOUNT.fullmatch(parts[3]) else ""


def _overrides(value: str, faults: list[str]) -> str:
    if value and not value.startswith(("s3://", "ssm:/")):
        faults.append(f"MAPPING_OVERRIDES is {value!r}: expected s3://BUCKET/KEY or ssm:/PARAMETER/NAME")
    return value


def _limit(value: str, faults: list[str]) -> int:
    if not value:
        return DEFAULT_LIMIT
    limit = int(value) if value.isascii() and value.isdecimal() else 0
    if not LEAST_LIMIT <= limit <= MOST_LIMIT:
        faults.append(f"MESSAGE_LIMIT is {value!r}: expected bytes from {LEAST_LIMIT} to {MOST_LIMIT}")
    return limit
