"""Serialize compact JSON without characters that SQS and SNS reject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from enricher.formats.base import TooLarge

# json.dumps builds an encoder for every value if it is given an option. Parsed JSON has no cycles.
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(check_circular=False, separators=(",", ":"), allow_nan=False)


def dump_json(value: object) -> str:
    """Return compact JSON that SQS and SNS accept; non-ASCII characters are kept where that is possible.

    Raise TooLarge for Infinity and NaN, which JSON cannot represent, and for values nested too deeply.
    """
    try:
        text = _ENCODER.encode(value)
        if not _is_accepted(text):
            text = _ASCII_ENCODER.encode(value)
    except RecursionError:
        raise TooLarge("nested too deeply to serialize as JSON") from None
    except ValueError:
        raise TooLarge("contains a number that JSON cannot represent") from None
    return text


def _is_accepted(text: str) -> bool:
    """Return whether SQS and SNS accept a JSON text.

    They reject characters outside XML 1.0; of these ensure_ascii=False leaves surrogates, U+FFFE and U+FFFF.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    if text.isascii():
        return True
    with suppress(UnicodeEncodeError):
        text.encode(
            "latin-1"
        )  # a copy, where UTF-8 is written character by character: the headline has a "·"
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a surrogate
        return False
    return "\ufffe" not in text and "\uffff" not in text


def utf8_size(text: str) -> int:
    """Return the size in UTF-8 bytes of a text that `dump_json` returned."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def filled(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of an object without empty values (None, "", [], {}), nested objects included."""
    inner = {key: filled(value) if isinstance(value, dict) else value for key, value in block.items()}
    return {key: value for key, value in inner.items() if value not in (None, "", [], {})}
