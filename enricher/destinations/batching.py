"""Cut a batch into calls that stay within a service's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")


def cut_by_size(
    items: Iterable[_Item], most: int, limit: int, size_of: Callable[[_Item], int]
) -> Iterator[list[_Item]]:
    """Cut into calls of at most `most` items and `limit` bytes in total, in order.

    An item larger than the limit is a call of its own: whoever made it has refused what cannot be sent.
    """
    call: list[_Item] = []
    size = 0
    for item in items:
        if call and (len(call) == most or size + size_of(item) > limit):
            yield call
            call, size = [], 0
        call.append(item)
        size += size_of(item)
    if call:
        yield call
