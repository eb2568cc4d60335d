"""Equal pieces of work over several processes: results in order, the same on any number of them."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from reduce.kernels.threads import limit

__all__ = ["Worker", "in_turn"]

_Setup = TypeVar("_Setup")
_Result_co = TypeVar("_Result_co", covariant=True)
_AHEAD = 2  # pieces waiting for each process: results do not pile up


class Worker(Protocol[_Result_co]):
    """Made once in each process, does one piece at a time."""

    def __call__(self, number: int, /) -> _Result_co:
        """Do piece `number`; the result must not depend on the pieces done before."""


_here: dict[str, Worker[Any]] = {}
"""The worker of this process, where it is one of the pool's."""


def in_turn(
    make: Callable[[_Setup], Worker[_Result_co]], setup: _Setup, count: int, workers: int
) -> Iterator[_Result_co]:
    """Do pieces 0 to count - 1.

    Parameters
    ----------
    make : Callable[[_Setup], Worker[_Result_co]]
        A class or function of a module: each process makes its own worker.
    setup : _Setup
        What it needs; goes to other processes by pickle, as do the results.
    count : int
        How many pieces.
    workers : int
        Processes; with 1 the work is done in this one.

    Yields
    ------
    _Result_co
        In order; an error of a piece is raised in its turn.
    """
    if min(workers, count) <= 1:
        yield from map(make(setup), range(count))
        return
    many = min(workers, count)
    with ProcessPoolExecutor(many, get_context("spawn"), _begin, (make, setup)) as pool:
        waiting: deque[Future[_Result_co]] = deque()
        try:
            for number in range(count):
                waiting.append(pool.submit(_one, number))
                if len(waiting) > _AHEAD * many:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(make: Callable[[_Setup], Worker[_Result_co]], setup: _Setup) -> None:
    threadpool_limits(limits=1)  # for the life of the process: as in the engine's own
    limit(1)
    _here["worker"] = make(setup)


def _one(number: int) -> Any:  # noqa: ANN401 - whatever the worker gives
    return _here["worker"](number)
