"""Write JSON as small as it goes, and never what a queue would refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from enricher.formats.base import TooLarge

# SQS and SNS reject characters outside XML 1.0; JSON leaves these unescaped when asked for non-ASCII.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[\ud800-\udfff\ufffe\uffff]")


def dump_json(value: object) -> str:
    """Serialise compactly; raise TooLarge for numbers that JSON cannot carry and for too deep a nesting."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        if _REFUSED.search(text):
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise TooLarge("nested too deeply to be written as JSON") from None
    except ValueError:
        raise TooLarge("holds a number that JSON cannot carry") from None
    return text


def utf8_size(text: str) -> int:
    """Count the UTF-8 bytes of a text that `dump_json` wrote."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def filled(block: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a block without its empty values (None, "", [], {}), at every depth of objects."""
    inner = {key: filled(value) if isinstance(value, dict) else value for key, value in block.items()}
    return {key: value for key, value in inner.items() if value not in (None, "", [], {})}
