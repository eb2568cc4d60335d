"""How many threads the kernels of this process use, and equal pieces of work over them.

The environment says how many: the smallest of NUMBA_NUM_THREADS and OMP_NUM_THREADS that is set, else
there are as many as cores this process may run on. Where processes work side by side each is limited to
one, as its BLAS is. The pieces are the same whatever the number of threads, and none depends on another:
so are the results, bit by bit.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

__all__ = ["ENOUGH", "each_piece", "limit", "limited", "threads"]

ENOUGH = 1 << 18
"""Pixels that are worth a piece of their own: about a millisecond, a thread costs a tenth of one."""

_NAMES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
_limits: list[int] = []
"""In force in this process; the last one counts."""

_here = threading.local()
"""Of each thread: whether it is at a piece, so that what it calls has no threads of its own."""


def threads() -> int:
    """Threads that the kernels of this process may use, at least 1."""
    if _limits:
        return _limits[-1]
    said = [int(os.environ[name]) for name in _NAMES if os.environ.get(name, "").isdigit()]
    return max(1, min(said, default=len(os.sched_getaffinity(0))))


def limit(count: int) -> None:
    """Give the kernels `count` threads for the life of this process."""
    _limits.append(count)


@contextmanager
def limited(count: int) -> Iterator[None]:
    """Give the kernels `count` threads for a while.

    Parameters
    ----------
    count : int
        At least 1.

    Yields
    ------
    None
        Inside, the limit holds in all threads of this process.
    """
    _limits.append(count)
    try:
        yield
    finally:
        _limits.pop()


def each_piece(work: Callable[[int, int], object], count: int, piece: int) -> None:
    """Do work 0 .. count - 1 in pieces, each by the next thread that is free; errors are raised.

    What the work itself does in pieces is done in its thread: the outermost pieces are the ones shared out.

    Parameters
    ----------
    work : Callable[[int, int], object]
        Does `begin` to `end` - 1; gives way to other threads while it computes, as compiled functions, numpy
        and BLAS do.
    count : int
        How much there is.
    piece : int
        How much of it is a piece, at least 1; a single one is done in this thread.
    """
    starts = range(0, count, piece)
    turns = iter(starts)

    def run() -> None:
        for begin in turns:  # each start goes to one thread alone
            work(begin, min(begin + piece, count))

    def run_alone() -> None:
        _here.busy = True
        try:
            run()
        finally:
            _here.busy = False

    helpers = min(threads(), len(starts)) - 1 if len(starts) > 1 else 0
    if not helpers or getattr(_here, "busy", False):
        run()
        return
    with ThreadPoolExecutor(helpers) as pool:
        waiting = [pool.submit(run_alone) for _ in range(helpers)]
        run_alone()
    for future in waiting:
        future.result()
