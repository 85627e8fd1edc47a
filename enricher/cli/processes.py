"""Enrich files with several processes: whole lines go out, printed lines come back, in order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from enricher.cli.saved_findings import Block, Rejected, read_blocks
from enricher.cli.tagging import Printed, Result, Tagger

#: Blocks under way for each process: one in work, the next one waiting.
_BLOCKS_AHEAD = 2

_BlockResult = Printed | Result
_Pending = Future[list[_BlockResult]] | Rejected


def results_of(tagger: Tagger, files: list[str], jobs: int) -> Iterator[_BlockResult]:
    """Yield the results of the files in their order; only a few blocks are read ahead."""
    with ProcessPoolExecutor(jobs, initializer=_start, initargs=(tagger,)) as pool:
        pending: deque[_Pending] = deque()
        try:
            for name in files:
                for block in read_blocks(name):
                    pending.append(
                        block if isinstance(block, Rejected) else pool.submit(_enrich_block, block)
                    )
                    while len(pending) > _BLOCKS_AHEAD * jobs:
                        yield from _finished(pending.popleft())
            while pending:
                yield from _finished(pending.popleft())
        finally:
            # Waited for: a pool that is left while its thread runs reports a closed pipe at exit.
            pool.shutdown(wait=True, cancel_futures=True)


def _finished(item: _Pending) -> list[_BlockResult]:
    return [item] if isinstance(item, Rejected) else item.result()


#: The tagger of this process, if it is one of several.
_process: list[Tagger] = []


def _start(tagger: Tagger) -> None:
    """Take the tagger: inherited where processes are forked, else pickled once for each of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    _process.append(tagger)


def _enrich_block(block: Block) -> list[_BlockResult]:
    """Return the results of a block, findings that follow one another joined."""
    found: list[_BlockResult] = []
    bodies: list[str] = []
    for result in _process[0].results(block.values(), block.label):
        if isinstance(result, str):
            bodies.append(result)
        else:
            found += [*_printed(bodies), result]
            bodies = []
    return [*found, *_printed(bodies)]


def _printed(bodies: list[str]) -> list[_BlockResult]:
    text = "".join(f"{body}\n" for body in bodies)
    # As the parent's stdout encodes it.
    return [Printed(text.encode("utf-8", "backslashreplace"), len(bodies))] if bodies else []
