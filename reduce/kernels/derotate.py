"""Rotate frames about the star so that north comes up and east left.

Convention: PA_sky = PA_detector + angle, position angles counted from +y towards -x;
the same as ``scipy.ndimage.rotate(frame, -angle, reshape=False)``.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.lanes import ONE, spline_sum
from reduce.kernels.spline import cubic_weights, filter_plane, mirrored
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = ["derotate", "detector_position", "holes", "rotate_splines"]

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding
_BLOCK = 64  # columns of the output done one line after the other
_STEEP = 1e-9  # pixels a column: a line of the output that stays on one column or row of the frame


@compiled
def _whole(pixels: float) -> int:
    """In units of 1 / ONE: a step rounded so is off by 1e-7 pixel after a thousand."""
    return int(np.rint(pixels * ONE))


@compiled
def _columns_within(start: float, step: float, low: float, high: float) -> tuple[float, float]:
    """First and last i, not yet whole numbers, for which start + step i lies between low and high."""
    if high < low or (abs(step) < _STEEP and not low <= start <= high):
        return np.inf, -np.inf
    if abs(step) < _STEEP:
        return -np.inf, np.inf
    first, final = (low - start) / step, (high - start) / step
    return (first, final) if first <= final else (final, first)


@compiled
def _stretch_within(
    x: float, y: float, step: tuple[float, float], margin: float, shape: tuple[int, int]
) -> tuple[int, int]:
    """Columns begin to end - 1 of a line at (x, y) + step i that lie `margin` or more within the frame."""
    ny, nx = shape
    a, b = _columns_within(x, step[0], margin, nx - 1.0 - margin)
    c, d = _columns_within(y, step[1], margin, ny - 1.0 - margin)
    begin = int(min(max(np.ceil(max(a, c)), 0.0), float(nx)))
    return begin, max(begin, int(min(max(np.floor(min(b, d)) + 1.0, 0.0), float(nx))))


@compiled
def _at_edge(plane: NDArray[np.float32], bad: NDArray[np.bool_], x: float, y: float) -> float:
    """Value of the spline at (x, y) where its 4 x 4 pixels may be mirrored; NaN outside and near bad ones."""
    ny, nx = plane.shape
    if not (-_EDGE <= x <= nx - 1 + _EDGE and -_EDGE <= y <= ny - 1 + _EDGE):
        return np.nan
    x, y = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
    column, row = int(x), int(y)
    wx, wy = cubic_weights(x - column), cubic_weights(y - row)
    total, touched = 0.0, False
    for k in range(4):
        r = mirrored(row - 1 + k, ny)
        for m in range(4):
            c = mirrored(column - 1 + m, nx)
            total += wy[k] * wx[m] * plane[r, c]
            if bad.size:
                touched |= bad[r, c]
    return np.nan if touched else total


@compiled
def _interpolate(
    pixels: NDArray[np.float32],
    width: int,
    start: tuple[int, int],
    step: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    """Values at start + step i, in units of 1 / ONE; all of their 4 x 4 pixels lie within the plane."""
    for i in range(out.size):
        out[i] = spline_sum(pixels, width, start[0] + step[0] * i, start[1] + step[1] * i)


@compiled
def _blank(
    bad: NDArray[np.bool_],
    width: int,
    start: tuple[int, int],
    step: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    """NaN where one of the 4 x 4 pixels of `_interpolate` is bad; `bad` is flat."""
    for i in range(out.size):
        column, row = (start[0] + step[0] * i) // ONE, (start[1] + step[1] * i) // ONE
        for r in range(row - 1, row + 3):
            p = r * width + column - 1
            if bad[p] | bad[p + 1] | bad[p + 2] | bad[p + 3]:
                out[i] = np.nan


@compiled
def _fill_edges(
    plane: NDArray[np.float32],
    bad: NDArray[np.bool_],
    step: tuple[float, float],
    origin: tuple[float, float],
    spans: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Pixels outside the frame and at its edge; `spans` (y, 2) get columns begin, end of the rest."""
    for j in range(len(out)):
        x, y = origin[0] - step[1] * j, origin[1] + step[0] * j
        enter, leave = _stretch_within(x, y, step, -2.0 * _EDGE, plane.shape)
        begin, end = _stretch_within(x, y, step, 1.0 + _EDGE, plane.shape)
        begin, end = (begin, end) if begin < end else (leave, leave)
        out[j, :enter] = np.nan
        out[j, leave:] = np.nan
        for i in range(enter, begin):
            out[j, i] = _at_edge(plane, bad, x + step[0] * i, y + step[1] * i)
        for i in range(end, leave):
            out[j, i] = _at_edge(plane, bad, x + step[0] * i, y + step[1] * i)
        spans[j, 0], spans[j, 1] = begin, end


@compiled
def _rotate_plane(
    plane: NDArray[np.float32],
    bad: NDArray[np.bool_],
    cosine: float,
    sine: float,
    centre: tuple[float, float],
    out: NDArray[np.float32],
) -> None:
    """Edges, then the inner part by blocks of columns, whose pixels stay near the processor."""
    ny, nx = plane.shape
    cx, cy = centre
    step = (cosine, -sine)
    x, y = cx - cosine * cx - sine * cy, cy + sine * cx - cosine * cy
    whole = (_whole(step[0]), _whole(step[1]))
    spans = np.empty((ny, 2), np.int64)
    _fill_edges(plane, bad, step, (x, y), spans, out)
    for left in range(0, nx, _BLOCK):
        for j in range(ny):
            begin, end = max(left, spans[j, 0]), min(left + _BLOCK, spans[j, 1])
            if begin >= end:
                continue
            start = (_whole(x + sine * j + cosine * begin), _whole(y + cosine * j - sine * begin))
            _interpolate(plane.ravel(), nx, start, whole, out[j, begin:end])
            if bad.size:
                _blank(bad.ravel(), nx, start, whole, out[j, begin:end])


def derotate(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    centre: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Rotate each frame by its angle, by cubic B-spline interpolation.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data, filled with 0 for the spline: meant for residuals around 0.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float] | None
        (x, y) 0-based of the star; None is pixel n//2.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x); NaN outside the frame and where a NaN lies in the 4 x 4 pixels of the spline.

    Raises
    ------
    ValueError
        If there is not one angle a frame.
    """
    if len(angles_deg) != len(cube):
        raise ValueError(f"{len(angles_deg)} angles for {len(cube)} frames; wanted one a frame")
    bad = holes(cube)

    def spline(t: int, plane: NDArray[np.float32]) -> None:
        plane[:] = np.where(bad[t], 0.0, cube[t]) if bad.size else cube[t]
        filter_plane(plane)

    return _rotated(spline, bad, angles_deg, (cube.shape, centre), np.ones(len(cube)))


def holes(cube: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Pixels without data.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x).

    Returns
    -------
    NDArray[np.bool_]
        (time, y, x) where it is not finite; empty (0, 0, 0) when it is finite everywhere.
    """
    bad = np.empty(cube.shape, np.bool_)

    def some(begin: int, end: int) -> None:
        np.logical_not(np.isfinite(cube[begin:end]), out=bad[begin:end])

    each_piece(some, len(cube), 4 * ENOUGH // cube[0].size + 1)
    return bad if bad.any() else np.zeros((0, 0, 0), np.bool_)


def rotate_splines(
    planes: NDArray[np.float32],
    bad: NDArray[np.bool_],
    angles_deg: NDArray[np.floating],
    centre: tuple[float, float] | None = None,
    scales: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """Rotate frames given as spline coefficients, and undo their stretch in the same interpolation.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (time, y, x) from `spline.coefficients`.
    bad : NDArray[np.bool_]
        (time, y, x) pixels without data; an empty array says there are none.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float] | None
        (x, y) 0-based of the star; None is pixel n//2.
    scales : NDArray[np.floating] | None
        (time,) factor by which distances from the star are larger in the frame than on the sky; None is 1.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x) as `derotate`.
    """
    stretch = np.ones(len(planes)) if scales is None else np.asarray(scales, np.float64)

    def spline(t: int, plane: NDArray[np.float32]) -> None:
        plane[:] = planes[t]

    return _rotated(spline, bad, angles_deg, (planes.shape, centre), stretch)


def _rotated(
    spline: Callable[[int, NDArray[np.float32]], None],
    bad: NDArray[np.bool_],
    angles_deg: NDArray[np.floating],
    given: tuple[tuple[int, ...], tuple[float, float] | None],
    stretch: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Rotate planes as `spline` writes them: one that was just written is near the processor."""
    (frames, ny, nx), centre = given
    middle = centre if centre is not None else (float(nx // 2), float(ny // 2))
    none = np.zeros((0, 0), np.bool_)
    out = np.empty((frames, ny, nx), np.float32)
    angle = np.radians(np.asarray(angles_deg, np.float64))
    cosine, sine = stretch * np.cos(angle), stretch * np.sin(angle)

    def some(begin: int, end: int) -> None:
        plane = np.empty((ny, nx), np.float32)
        for t in range(begin, end):
            spline(t, plane)
            mask = bad[t] if bad.size and bad[t].any() else none
            _rotate_plane(plane, mask, cosine[t], sine[t], middle, out[t])

    each_piece(some, frames, ENOUGH // (2 * ny * nx) + 1)
    return out


def detector_position(
    x: float, y: float, angles_deg: NDArray[np.floating], centre: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a point of the sky image falls in each frame.

    Parameters
    ----------
    x : float
        Column in the derotated image, 0-based.
    y : float
        Row in the derotated image, 0-based.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float]
        (x, y) of the star.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        x and y in each frame, (time,).
    """
    angle = np.radians(np.asarray(angles_deg, np.float64))
    dx, dy = x - centre[0], y - centre[1]
    return (
        centre[0] + np.cos(angle) * dx + np.sin(angle) * dy,
        centre[1] + np.cos(angle) * dy - np.sin(angle) * dx,
    )
