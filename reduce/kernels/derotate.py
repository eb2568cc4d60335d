"""Rotate frames about the star so that north comes up and east left.

Convention: PA_sky = PA_detector + angle, position angles counted from +y towards -x;
the same as ``scipy.ndimage.rotate(frame, -angle, reshape=False)``.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.spline import cubic_weights, filter_plane, mirrored
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = ["derotate", "detector_position", "holes", "rotate_splines"]

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding
_BLOCK = 64  # columns of the output done one line after the other
_STEEP = 1e-9  # pixels a column: a line of the output that stays on one column or row of the frame


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
def _weigh(
    x: float,
    y: float,
    cosine: float,
    sine: float,
    width: int,
    weights: NDArray[np.float32],
    first: NDArray[np.int32],
) -> None:
    """Weights of the 4 columns and 4 rows (8, i) and the first of the 4 x 4 pixels of each place on a line.

    Place i is (x + cosine i, y - sine i), both >= 1; pixels are counted through a plane of `width` columns.
    """
    one, two_thirds, sixth, three = np.float32(1), np.float32(2 / 3), np.float32(1 / 6), np.float32(3)
    for i in range(first.size):
        px, py = x + cosine * i, y - sine * i
        column, row = np.int32(px), np.int32(py)
        first[i] = (row - 1) * width + column - 1
        f, g = np.float32(px - column), np.float32(py - row)
        rest, cube = one - f, f * f * f * sixth
        a, b = rest * rest * rest * sixth, three * cube - f * f + two_thirds
        weights[0, i], weights[1, i], weights[2, i], weights[3, i] = a, b, one - a - b - cube, cube
        rest, cube = one - g, g * g * g * sixth
        a, b = rest * rest * rest * sixth, three * cube - g * g + two_thirds
        weights[4, i], weights[5, i], weights[6, i], weights[7, i] = a, b, one - a - b - cube, cube


@compiled
def _sum_weighted(
    pixels: NDArray[np.float32],
    width: int,
    weights: NDArray[np.float32],
    first: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    """4 x 4 pixels times their weights; unsigned numbers spare the test whether one counts from the end."""
    n, one, two, three = np.uint64(width), np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(out.size):
        p = np.uint64(first[i])
        q, r, s = p + n, p + n + n, p + n + n + n
        a, b, c, d = weights[4, i], weights[5, i], weights[6, i], weights[7, i]
        out[i] = (
            weights[0, i] * (a * pixels[p] + b * pixels[q] + c * pixels[r] + d * pixels[s])
            + weights[1, i]
            * (a * pixels[p + one] + b * pixels[q + one] + c * pixels[r + one] + d * pixels[s + one])
            + weights[2, i]
            * (a * pixels[p + two] + b * pixels[q + two] + c * pixels[r + two] + d * pixels[s + two])
            + weights[3, i]
            * (a * pixels[p + three] + b * pixels[q + three] + c * pixels[r + three] + d * pixels[s + three])
        )


@compiled
def _blank(bad: NDArray[np.bool_], first: NDArray[np.int32], width: int, out: NDArray[np.float32]) -> None:
    """NaN where one of the 4 x 4 pixels is bad; `bad` is flat."""
    for i in range(out.size):
        for r in range(4):
            p = first[i] + r * width
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
    spans, first = np.empty((ny, 2), np.int64), np.empty(_BLOCK, np.int32)
    weights = np.empty((8, _BLOCK), np.float32)
    _fill_edges(plane, bad, step, (x, y), spans, out)
    for left in range(0, nx, _BLOCK):
        for j in range(ny):
            begin, end = max(left, spans[j, 0]), min(left + _BLOCK, spans[j, 1])
            if begin >= end:
                continue
            line, its_first = out[j, begin:end], first[: end - begin]
            along, up = x + sine * j + cosine * begin, y + cosine * j - sine * begin
            _weigh(along, up, cosine, sine, nx, weights, its_first)
            _sum_weighted(plane.ravel(), nx, weights, its_first, line)
            if bad.size:
                _blank(bad.ravel(), its_first, nx, line)


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
