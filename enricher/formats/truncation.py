"""Truncate what is too large for its destination, part by part, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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


def truncate_detail(detail: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Yield increasingly smaller copies of a detail, each with the list of removed paths (`detail.…`)."""
    removed: list[str] = []
    for path in (*TRUNCATION_ORDER, *sorted(detail.keys() - {_actual_key(detail, key) for key in _IDENTITY})):
        smaller = without(detail, path.split("."))
        if smaller is detail:
            continue
        detail = smaller
        removed = [*(done for done in removed if not done.startswith(f"detail.{path}.")), f"detail.{path}"]
        yield detail, removed


def remove_fields(
    document: Mapping[str, Any], removed: str, order: Iterable[str]
) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Yield increasingly smaller copies of a document, each with the list of removed names.

    removed: the name of what the document lacks already; order: the top-level keys to remove, in this order.
    """
    all_removed = [removed]
    yield document, all_removed
    for name in order:
        if name in document:
            document = {key: value for key, value in document.items() if key != name}
            all_removed = [*all_removed, name]
            yield document, all_removed


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
