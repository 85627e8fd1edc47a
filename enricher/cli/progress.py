"""Show on a terminal how far a command is; in a pipe nothing but its results and its errors."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds to the count of `what` ("findings"), shown on stderr while it rises.

    Needs the extra `cli` (rich). Nothing is shown without it, where stderr is not a terminal, or where stdout
    is one.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda number: progress.advance(task, number)


#: Seconds between two lines where there is no progress bar.
LINE_SECONDS = 10


@contextmanager
def advancing(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds to the count of `what`, of `total` if that is known.

    On a terminal with the extra `cli` (rich) it moves a bar; elsewhere a line on stderr every ten seconds
    says how far the command is.
    """
    if sys.stderr.isatty():
        try:
            from rich.console import Console
            from rich.progress import Progress
        except ModuleNotFoundError:
            pass
        else:
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task(what, total=total)
                yield lambda number: progress.advance(task, number)
            return
    yield _Lines(what, total).add


@dataclass(slots=True)
class _Lines:
    """Progress as lines on stderr."""

    what: str
    total: int | None
    done: int = 0
    _last: float = field(default_factory=time.monotonic)

    def add(self, number: int) -> None:
        self.done += number
        if time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            of = "" if self.total is None else f" of about {self.total:,}"
            print(f"{self.what}: {self.done:,}{of}", file=sys.stderr, flush=True)
