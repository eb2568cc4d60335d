"""Cubic B-splines on pixel grids: coefficients and weights (Unser et al. 1993, Part II)."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = ["coefficients", "cubic_weights", "filter_plane", "mirrored", "value_at"]

_POLE = np.float32(np.sqrt(3.0) - 2.0)
_REACH = 14  # |pole|**14 = 1e-8: further samples do not matter in float32
_ROWS = 16  # filtered side by side
_TAIL = np.float32(_POLE / (_POLE * _POLE - 1.0))


@compiled
def mirrored(index: int, size: int) -> int:
    """Index of the sample seen at `index` when the grid is mirrored at its first and last sample."""
    if size == 1:
        return 0
    period = 2 * size - 2
    index = abs(index) % period
    return index if index < size else period - index


@compiled
def cubic_weights(fraction: float) -> tuple[float, float, float, float]:
    """Weights of the samples at -1, 0, 1, 2 for a place `fraction` (0..1) behind sample 0."""
    rest = 1.0 - fraction
    square = fraction * fraction
    return (
        rest * rest * rest / 6.0,
        (4.0 - 6.0 * square + 3.0 * square * fraction) / 6.0,
        (1.0 + 3.0 * fraction + 3.0 * square - 3.0 * square * fraction) / 6.0,
        square * fraction / 6.0,
    )


@compiled
def value_at(plane: NDArray[np.float32], x: float, y: float) -> float:
    """Value of a spline at (x, y) from its coefficients (y, x); NaN outside the grid."""
    ny, nx = plane.shape
    if x < 0.0 or y < 0.0 or x > nx - 1 or y > ny - 1:
        return np.nan
    column, row = int(np.floor(x)), int(np.floor(y))
    wx, wy = cubic_weights(x - column), cubic_weights(y - row)
    total = 0.0
    if column >= 1 and row >= 1 and column < nx - 2 and row < ny - 2:
        for j in range(4):
            line = plane[row - 1 + j]
            total += wy[j] * (
                wx[0] * line[column - 1]
                + wx[1] * line[column]
                + wx[2] * line[column + 1]
                + wx[3] * line[column + 2]
            )
        return total
    for j in range(4):
        for i in range(4):
            total += wy[j] * wx[i] * plane[mirrored(row - 1 + j, ny), mirrored(column - 1 + i, nx)]
    return total


@compiled
def _filter_columns(plane: NDArray[np.float32]) -> None:
    ny, nx = plane.shape
    first = np.zeros(nx, np.float32)
    weight = np.float32(1.0)
    for k in range(_REACH):
        row = mirrored(k, ny)
        for i in range(nx):
            first[i] += weight * plane[row, i]
        weight *= _POLE
    for i in range(nx):
        plane[0, i] = np.float32(6.0) * first[i]
    for j in range(1, ny):
        for i in range(nx):
            plane[j, i] = np.float32(6.0) * plane[j, i] + _POLE * plane[j - 1, i]
    for i in range(nx):
        plane[ny - 1, i] = _TAIL * (plane[ny - 1, i] + _POLE * plane[ny - 2, i])
    for j in range(ny - 2, -1, -1):
        for i in range(nx):
            plane[j, i] = _POLE * (plane[j + 1, i] - plane[j, i])


@compiled
def _filter_rows(rows: NDArray[np.float32], lines: NDArray[np.float32]) -> None:
    """Filter rows side by side: each number waits for the one before it in its own row only."""
    few, nx = rows.shape
    six, lanes = np.float32(6.0), range(few)
    for j in lanes:
        first, weight = np.float32(0.0), np.float32(1.0)
        for k in range(_REACH):
            first += weight * rows[j, mirrored(k, nx)]
            weight *= _POLE
        lines[0, j] = six * first
    for i in range(1, nx):
        for j in lanes:
            lines[i, j] = six * rows[j, i] + _POLE * lines[i - 1, j]
    for j in lanes:
        lines[nx - 1, j] = _TAIL * (lines[nx - 1, j] + _POLE * lines[nx - 2, j])
        rows[j, nx - 1] = lines[nx - 1, j]
    for i in range(nx - 2, -1, -1):
        for j in lanes:
            lines[i, j] = _POLE * (lines[i + 1, j] - lines[i, j])
            rows[j, i] = lines[i, j]


@compiled
def filter_plane(plane: NDArray[np.float32]) -> None:
    """Turn the samples of a plane (y, x) into their spline coefficients, in place."""
    ny, nx = plane.shape
    _filter_columns(plane)
    lines = np.empty((nx, _ROWS), np.float32)
    for j in range(0, ny, _ROWS):
        _filter_rows(plane[j : j + _ROWS], lines)


def coefficients(planes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Cubic B-spline coefficients of a stack of planes, mirrored at the edges.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (n, y, x), at least 2 pixels a side, finite.

    Returns
    -------
    NDArray[np.float32]
        (n, y, x) coefficients; the spline goes through every sample.

    Raises
    ------
    ValueError
        If the shape is not (n, y, x) with two pixels a side.
    """
    if planes.ndim != 3 or min(planes.shape[1:]) < 2:  # noqa: PLR2004 # two samples carry a spline
        raise ValueError(f"planes have shape {planes.shape}, wanted (n, y, x) with y, x >= 2")
    filtered = np.empty(planes.shape, np.float32)

    def some(begin: int, end: int) -> None:
        for t in range(begin, end):
            filtered[t] = planes[t]
            filter_plane(filtered[t])

    each_piece(some, len(planes), ENOUGH // filtered[0].size + 1)
    return filtered
