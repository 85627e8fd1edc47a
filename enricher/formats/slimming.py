"""Make what is too large for its destination smaller, part by part, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: What is given up, in this order, when the event exceeds the limit: first what an analyst would look up in
#: the console anyway, last what names the resource. Identity, `attack` and `alert` are never given up.
SLIMMING_ORDER = (
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


def slim_detail(detail: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Give ever smaller copies of a detail, each with the paths of what it lacks (`detail.…`)."""
    removed: list[str] = []
    for path in (*SLIMMING_ORDER, *sorted(detail.keys() - {_spelling(detail, key) for key in _IDENTITY})):
        smaller = without(detail, path.split("."))
        if smaller is detail:
            continue
        detail = smaller
        removed = [*(done for done in removed if not done.startswith(f"detail.{path}.")), f"detail.{path}"]
        yield detail, removed


def give_up(
    document: Mapping[str, Any], removed: str, order: Iterable[str]
) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Give ever smaller copies of a document that lacks `removed` already: its keys go in `order`."""
    gone = [removed]
    yield document, gone
    for name in order:
        if name in document:
            document = {key: value for key, value in document.items() if key != name}
            gone = [*gone, name]
            yield document, gone


def without(block: Mapping[str, Any], keys: list[str]) -> Mapping[str, Any]:
    """Copy `block` without the value at the path `keys`, in either case; give `block` if none is there."""
    key = _spelling(block, keys[0])
    if key not in block:
        return block
    if len(keys) == 1:
        return {name: value for name, value in block.items() if name != key}
    inner = block[key]
    if not isinstance(inner, dict):
        return block
    smaller = without(inner, keys[1:])
    return block if smaller is inner else {**block, key: smaller}


def _spelling(block: Mapping[str, Any], key: str) -> str:
    return key if key in block else key[0].upper() + key[1:]
