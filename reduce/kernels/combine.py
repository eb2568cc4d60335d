"""Combine frames over time: median or mean of the values that are there.

The median runs a sorting network (Batcher 1968) over whole rows of pixels,
pruned to the comparators the middle needs: each is one vector minimum and maximum.
It sorts the bits of the numbers as integers, the lower 31 turned over where the sign is set,
which is the order of the numbers: of a float's minimum LLVM makes a masked store, four times slower.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = ["combine", "temporal_mean", "temporal_median"]

_MAGNITUDE = 0x7FFFFFFF  # all bits of a float32 but its sign
_INFINITY = 0x7F800000  # larger magnitudes are NaN
_WIDTH = 256  # pixels a block: frames x 256 float32 stay in the second-level cache


def temporal_mean(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean over the first axis of the finite values, float64 inside.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.

    Returns
    -------
    NDArray[np.float32]
        (y, x); NaN where no frame has data.
    """
    out = np.empty(cube.shape[1:], np.float32)

    def some(begin: int, end: int) -> None:
        out[begin:end] = _mean(cube[:, begin:end])

    each_piece(some, len(out), ENOUGH // max(cube[:, :1].size, 1) + 1)
    return out


def _mean(cube: NDArray[np.floating]) -> NDArray[np.float64]:
    there = np.isfinite(cube)
    if there.all():
        return np.asarray(cube.mean(axis=0, dtype=np.float64))
    count = there.sum(axis=0)
    total = np.where(there, cube, 0.0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def temporal_median(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Median over the first axis of the values that are not NaN.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.

    Returns
    -------
    NDArray[np.float32]
        (y, x); NaN where no frame has data; otherwise numpy's nanmedian, exactly.
    """
    stack = np.ascontiguousarray(cube, dtype=np.float32)
    out = np.empty(stack.shape[1:], np.float32)
    bits, flat, networks = (
        stack.reshape(len(stack), -1).view(np.int32),
        out.reshape(-1),
        _networks(len(stack)),
    )

    def some(begin: int, end: int) -> None:
        _median_rows(bits, networks, (begin, end), flat)

    each_piece(some, flat.size, ENOUGH // (_WIDTH * len(stack)) * _WIDTH + _WIDTH)
    return out


def combine(cube: NDArray[np.floating], how: str) -> NDArray[np.float32]:
    """Combine frames over time.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    how : str
        'median' or 'mean'.

    Returns
    -------
    NDArray[np.float32]
        (y, x).

    Raises
    ------
    ValueError
        If `how` is neither.
    """
    if how == "median":
        return temporal_median(cube)
    if how == "mean":
        return temporal_mean(cube)
    raise ValueError(f"combination is {how!r}, wanted 'median' or 'mean'")


def _batcher(size: int) -> list[tuple[int, int]]:
    """Comparators of Batcher's odd-even merge sort for any size."""
    pairs: list[tuple[int, int]] = []
    p = 1
    while p < size:
        k = p
        while k >= 1:
            pairs += [
                (i + j, i + j + k)
                for j in range(k % p, size - k, 2 * k)
                for i in range(min(k, size - j - k))
                if (i + j) // (2 * p) == (i + j + k) // (2 * p)
            ]
            k //= 2
        p *= 2
    return pairs


@lru_cache(maxsize=64)
def _networks(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Comparators that the middle values depend on, and those that sort all, in order, (n, 2)."""
    wanted = {(size - 1) // 2, size // 2}
    kept, every = [], _batcher(size)
    for low, high in reversed(every):
        if low in wanted or high in wanted:
            kept.append((low, high))
            wanted |= {low, high}
    return np.array(kept[::-1], np.int64).reshape(-1, 2), np.array(every, np.int64).reshape(-1, 2)


@compiled
def _sort_block(block: NDArray[np.int32], network: NDArray[np.int64]) -> None:
    for c in range(network.shape[0]):
        first, second = block[network[c, 0]], block[network[c, 1]]
        for i in range(_WIDTH):
            a, b = first[i], second[i]
            first[i] = min(a, b)
            second[i] = max(a, b)


@compiled
def _take_block(rows: NDArray[np.int32], block: NDArray[np.int32], there: NDArray[np.int32]) -> bool:
    """Numbers of (time, pixel) in order as integers, NaN last; how many there are, and if any is NaN."""
    frames, n = rows.shape
    there[:n] = frames
    for t in range(frames):
        row, into = rows[t], block[t]
        for i in range(n):
            gap = (row[i] & _MAGNITUDE) > _INFINITY
            into[i] = _MAGNITUDE if gap else row[i] ^ ((row[i] >> 31) & _MAGNITUDE)
            there[i] -= gap
    return bool(there[:n].min() < frames)


@compiled
def _median_rows(
    bits: NDArray[np.int32],
    networks: tuple[NDArray[np.int64], NDArray[np.int64]],
    pixels: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    """Medians of float32 given as their bits, (time, pixel), from the first of `pixels` up to the second."""
    frames = bits.shape[0]
    block, there = np.zeros((frames, _WIDTH), np.int32), np.empty(_WIDTH, np.int32)
    two = np.empty(2, np.int32)
    middle, half = two.view(np.float32), np.float32(0.5)
    for start in range(pixels[0], pixels[1], _WIDTH):
        end = min(start + _WIDTH, pixels[1])
        gaps = _take_block(bits[:, start:end], block, there)
        _sort_block(block, networks[1 if gaps else 0])
        for i in range(end - start):
            count = there[i]
            for k in range(2):
                value = block[(count - 1 + k) // 2 if count else 0, i]
                two[k] = value ^ ((value >> 31) & _MAGNITUDE)
            out[start + i] = middle[0] if count % 2 else half * (middle[0] + middle[1])
