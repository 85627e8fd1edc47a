"""Truncate what is too large for its destination, part by part, in a fixed order.

The work is linear in the finding's size, whatever its number of keys: `fit` bisects the removals, and so
renders a handful of texts, not one for each key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enricher.finding.safe_text import single_line
from enricher.formats.base import TooLarge
from enricher.formats.json_text import dump_json, utf8_size

#: Paths removed, in this order, when the event exceeds the limit: first what an analyst looks up in the
#: console anyway, last what identifies the resource. Identity, `attack` and `alert` are never removed.
TRUNCATION_ORDER = (
    "service.detection.sequence.signals",
    "service.detection.anomaly",
    "service.detection.sequence.sequenceIndicators",
    "service.detection.sequence.endpoints",
    "service.detection.sequence.resources",
    "service.detection.sequence.actors",
    "service.malwareScanDetails",
    "service.ebsVolumeScanDetails.scanDetections",
    "service.ebsVolumeScanDetails",
    "service.runtimeDetails.process.lineage",
    "service.runtimeDetails.context",
    "service.additionalInfo",
    "service.evidence",
    "service.detection",
    "service.runtimeDetails",
    "resource.instanceDetails.tags",
    "resource.s3BucketDetails",
    "resource.kubernetesDetails",
    "service.action",
    "resource",
    "description",
    "service",
)
_IDENTITY = frozenset(
    (
        "schemaVersion", "accountId", "region", "partition", "id", "arn", "type", "severity",
        "createdAt", "updatedAt", "title",
    )
)  # fmt: skip

#: Names of unknown keys that are listed as removed; the others are counted. A finding of a few bytes a key
#: would otherwise fill the limit with the names of what it lost.
_MAX_NAMES, _MAX_NAME_LENGTH = 10, 80
#: UTF-8 bytes of a character, at most: a text far below the limit need not be measured.
_MAX_BYTES = 4


def fit(render: Callable[[int], str], steps: Callable[[], int], limit: int) -> str:
    """Return `render(count)` for the fewest removals whose text has at most `limit` UTF-8 bytes.

    render: returns the text after the first `count` removals, each of which makes it smaller; steps: returns
    the number of removals, and is called only above the limit. Raise TooLarge if all of them do not suffice.
    """
    text = render(0)
    if len(text) * _MAX_BYTES <= limit:
        return text
    whole = utf8_size(text)
    if whole <= limit:
        return text
    too_few, enough = 0, steps()
    smallest = render(enough)
    if utf8_size(smallest) > limit:
        raise TooLarge(f"{whole} bytes, {utf8_size(smallest)} after truncation: the limit is {limit} bytes")
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        text = render(middle)
        if utf8_size(text) <= limit:
            enough, smallest = middle, text
        else:
            too_few = middle
    return smallest


class Removals:
    """What can be removed from a body that contains a detail, in order.

    First the parts of the detail in TRUNCATION_ORDER, then its other keys, the largest first, then `copy`
    (the field of a format that contains the detail as JSON text), then the fields `order` of the format.
    """

    def __init__(self, detail: Mapping[str, Any], copy: str = "", order: Sequence[str] = ()) -> None:
        self._known: list[tuple[Mapping[str, Any], list[str]]] = [(detail, [])]
        self._unknown: list[str] = []
        self._fields = [copy, *order] if copy else []
        self._ready = False

    def __len__(self) -> int:
        """Return the number of removals."""
        self._prepare()
        return len(self._known) - 1 + len(self._unknown) + len(self._fields)

    def detail(self, count: int) -> tuple[Mapping[str, Any] | None, list[str]]:
        """Return the detail after the first `count` removals and the removed paths; None without the copy."""
        if not count:
            return self._known[0]
        self._prepare()
        if (fields := count - len(self) + len(self._fields)) > 0:
            return None, self._fields[:fields]
        if count < len(self._known):
            return self._known[count]
        smaller, removed = self._known[-1]
        names = self._unknown[: count - len(self._known) + 1]
        without_names = set(names)
        listed = [single_line(f"detail.{name}", _MAX_NAME_LENGTH) for name in names[:_MAX_NAMES]]
        if len(names) > _MAX_NAMES:
            listed.append(f"{len(names) - _MAX_NAMES} other keys of detail")
        return {key: value for key, value in smaller.items() if key not in without_names}, removed + listed

    def _prepare(self) -> None:
        """List the removals; separate from the constructor, as nearly every finding fits as it is."""
        if self._ready:
            return
        self._ready = True
        detail, removed = self._known[0]
        for path in TRUNCATION_ORDER:
            smaller = without(detail, path.split("."))
            if smaller is not detail:
                kept = [done for done in removed if not done.startswith(f"detail.{path}.")]
                detail, removed = smaller, [*kept, f"detail.{path}"]
                self._known.append((detail, removed))
        unknown = detail.keys() - {_actual_key(detail, key) for key in _IDENTITY}
        sizes = {key: utf8_size(dump_json(detail[key])) for key in unknown}
        self._unknown = sorted(unknown, key=lambda key: (-sizes[key], key))


def without(block: Mapping[str, Any], keys: list[str]) -> Mapping[str, Any]:
    """Return a copy of `block` without the value at the path `keys`; return `block` itself if it has none.

    keys: the steps of the path in camelCase; PascalCase keys in `block` match as well.
    """
    key = _actual_key(block, keys[0])
    if key not in block:
        return block
    if len(keys) == 1:
        return {name: value for name, value in block.items() if name != key}
    inner = block[key]
    if not isinstance(inner, dict):
        return block
    smaller = without(inner, keys[1:])
    return block if smaller is inner else {**block, key: smaller}


def _actual_key(block: Mapping[str, Any], key: str) -> str:
    return key if key in block else key[0].upper() + key[1:]
