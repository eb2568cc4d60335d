"""The same results in the same order on one process and on two; an error comes out as it was raised."""

import os

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from hcvo.errors import ReductionError
from reduce.kernels.threads import threads
from reduce.pool import in_turn


class _Noise:
    """Draws numbers of its own for each piece, and says in which process and on how many threads."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, number: int, /) -> tuple[NDArray[np.float64], int, int]:
        if number == 99:
            raise ReductionError("piece 99: found nothing, wanted something")
        drawn = np.random.default_rng(number).normal(size=(self._size, self._size))
        used = max(threads(), *(pool["num_threads"] for pool in threadpool_info()))
        return drawn @ drawn.T, os.getpid(), used


def test_two_processes_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # each of them takes one all the same
    alone = list(in_turn(_Noise, 40, 7, 1))
    shared = list(in_turn(_Noise, 40, 7, 2))
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    assert {pid for _, pid, _ in alone} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid, _ in shared}
    assert {used for *_, used in shared} == {1}


def test_nothing_to_do() -> None:
    assert list(in_turn(_Noise, 3, 0, 4)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_in_its_turn(workers: int) -> None:
    with pytest.raises(ReductionError, match="piece 99: found nothing"):
        list(in_turn(_Failing, 3, 3, workers))


class _Failing(_Noise):
    def __call__(self, number: int, /) -> tuple[NDArray[np.float64], int, int]:
        return super().__call__(99 if number == 1 else number)
