"""Split a batch into calls within a service's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")


def batch_by_size(
    items: Iterable[_Item], max_items: int, max_bytes: int, size_of: Callable[[_Item], int]
) -> Iterator[list[_Item]]:
    """Yield the items of each call, in order: at most `max_items` and `max_bytes` in total.

    size_of: the size of an item in bytes. An item above the limit gets a call of its own; callers reject such
    items beforehand.
    """
    call: list[_Item] = []
    size = 0
    for item in items:
        if call and (len(call) == max_items or size + size_of(item) > max_bytes):
            yield call
            call, size = [], 0
        call.append(item)
        size += size_of(item)
    if call:
        yield call
