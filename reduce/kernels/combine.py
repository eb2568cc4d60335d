"""Combine frames over time: median or mean of the values that are there.

The median runs a sorting network (Batcher 1968) over whole rows of pixels,
pruned to the comparators the middle needs: each is one vector minimum and maximum.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["combine", "temporal_mean", "temporal_median"]


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
    bad = ~np.isfinite(cube)
    if not bad.any():
        return np.asarray(cube.mean(axis=0, dtype=np.float64), np.float32)
    count = (~bad).sum(axis=0)
    total = np.where(bad, 0.0, cube).sum(axis=0, dtype=np.float64)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), np.float32)


def temporal_median(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Median over the first axis of the values that are not NaN.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.

    Returns
    -------
    NDArray[np.float32]
        (y, x); NaN where no frame has data; otherwise numpy's nanmedian, bit by bit.
    """
    stack = np.ascontiguousarray(cube, dtype=np.float32)
    out = np.empty(stack.shape[1:], np.float32)
    _median_rows(stack.reshape(len(stack), -1), _network(len(stack)), out.reshape(-1))
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
def _network(size: int) -> NDArray[np.int64]:
    """Comparators that the middle values depend on, in order, (n, 2)."""
    wanted = {(size - 1) // 2, size // 2}
    kept = []
    for low, high in reversed(_batcher(size)):
        if low in wanted or high in wanted:
            kept.append((low, high))
            wanted |= {low, high}
    return np.array(kept[::-1], np.int64).reshape(-1, 2)


@compiled
def _median_of(values: NDArray[np.float32]) -> float:
    there = values[~np.isnan(values)]
    size = there.size
    if size == 0:
        return np.nan
    there.sort()
    middle: float = there[size // 2]
    if size % 2 == 0:
        middle = np.float32(0.5) * (there[size // 2 - 1] + middle)
    return middle


@compiled
def _median_rows(stack: NDArray[np.float32], network: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    frames, pixels = stack.shape
    width = 256  # pixels a block: frames x 256 float32 stay in the second-level cache
    block = np.empty((frames, width), np.float32)
    for start in range(0, pixels, width):
        n = min(width, pixels - start)
        gaps = np.zeros(width, np.bool_)
        for t in range(frames):
            for i in range(n):
                value = stack[t, start + i]
                block[t, i] = value
                gaps[i] |= np.isnan(value)
        for c in range(network.shape[0]):
            low, high = network[c, 0], network[c, 1]
            for i in range(n):
                a, b = block[low, i], block[high, i]
                block[low, i] = min(a, b)
                block[high, i] = max(a, b)
        for i in range(n):
            middle = block[(frames - 1) // 2, i]
            if frames % 2 == 0:
                middle = np.float32(0.5) * (middle + block[frames // 2, i])
            out[start + i] = _median_of(stack[:, start + i].copy()) if gaps[i] else middle
