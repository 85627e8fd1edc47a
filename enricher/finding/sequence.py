"""Read the signals of an attack sequence in the order of time: who did what, from where, to what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from enricher.finding.fields import Block, rows_at, text_at, time_at, value_at, whole_at

_SEQUENCE = "service.detection.sequence"
#: Maximum number of signals, and of actors, endpoints and resources, that are read; GuardDuty's own limits.
_MAX_SIGNALS, _MAX_PARTS = 100, 400
_TACTIC = "ATTACK_TACTIC"


class Signal(NamedTuple):
    """One signal of an attack sequence.

    started: None if not stated; name: its calls, else the last part of its finding type; type: the finding
    type, "" where the calls are named; count: how often it was observed, 0 if not stated.
    """

    started: datetime | None
    name: str
    type: str
    times: int
    tactics: tuple[str, ...]
    actors: tuple[str, ...]
    addresses: tuple[str, ...]
    resources: tuple[str, ...]


def read_signals(view: Block) -> list[Signal]:
    """List the signals of a finding's sequence by their start; those without a time keep their place last."""
    sequence = value_at(view, _SEQUENCE)
    actors = {text_at(row, "id"): _actor(row) for row in rows_at(sequence, "actors", _MAX_PARTS)}
    own_keys = {text_at(row, "user.credentialUid") for row in rows_at(sequence, "actors", _MAX_PARTS)}
    endpoints = {
        text_at(row, "id"): text_at(row, "ip") or text_at(row, "domain")
        for row in rows_at(sequence, "endpoints", _MAX_PARTS)
    }
    resources = {
        text_at(row, "uid"): _resource(row)
        for row in rows_at(sequence, "resources", _MAX_PARTS)
        if text_at(row, "uid") not in own_keys
    }
    signals = [
        Signal(
            started=time_at(row, "firstSeenAt") or time_at(row, "createdAt"),
            name=_name(row),
            type="" if _calls(row) else text_at(row, "name"),
            times=whole_at(row, "count") or 0,
            tactics=_indicator(row, _TACTIC),
            actors=_named(row, "actorIds", actors),
            addresses=_named(row, "endpointIds", endpoints),
            resources=_named(row, "resourceUids", resources),
        )
        for row in rows_at(sequence, "signals", _MAX_SIGNALS)
    ]
    return sorted(signals, key=lambda signal: signal.started or _LAST)


_LAST = datetime.max.replace(tzinfo=UTC)


def _name(row: Block) -> str:
    calls = _calls(row)
    if not calls:
        return text_at(row, "name").rpartition("/")[2]
    service = text_at(calls[0], "service").removesuffix(".amazonaws.com")
    text = ", ".join(dict.fromkeys(text_at(call, "operation") for call in calls))
    errors = {text_at(call, "error") for call in calls}
    failed = "" in errors or not errors
    return f"{service}:{text}" + ("" if failed else f" ({', '.join(sorted(errors))})")


def _calls(row: Block) -> list[object]:
    """Return the calls of a signal that have a name."""
    calls = (value_at(item, "api") for item in rows_at(row, "activities"))
    return [call for call in calls if text_at(call, "operation")]


def _actor(row: Block) -> str:
    return text_at(row, "user.name") or text_at(row, "process.name") or text_at(row, "user.uid")


def _resource(row: Block) -> str:
    owner, name = text_at(row, "data.accessKey.userName"), text_at(row, "name") or text_at(row, "uid")
    return f"key of {owner} {name}" if owner else name


def _named(row: Block, key: str, names: dict[str, str]) -> tuple[str, ...]:
    ids = row.get(key)
    found = (names.get(item, "") for item in ids if isinstance(item, str)) if isinstance(ids, list) else ()
    return tuple(dict.fromkeys(filter(None, found)))


def _indicator(row: Block, key: str) -> tuple[str, ...]:
    for item in rows_at(row, "signalIndicators"):
        values = item.get("values")
        if item.get("key") == key and isinstance(values, list):
            return tuple(value for value in values[:6] if isinstance(value, str))
    return ()
