"""Where the tracks of sky positions run over the frames, and sums along them.

A point of the sky falls between the pixels of a frame. What was computed on the pixels is taken there by
Lagrange's polynomials through 6 x 6 pixels: sources are 4 pixels wide, so this is right to 0.5 % (tested),
and it reaches no further than those pixels. At the edges of what is known the 6 x 6 pixels move inward.
"""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["NODES", "lagrange_weights", "mark_tracks", "spread_marks", "track_sums"]

NODES = 6
"""Pixels a side that a value between pixels is made of."""

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding


@compiled
def lagrange_weights(place: float, out: NDArray[np.float64]) -> None:
    """Weights of the samples at 0 .. 5 for a place among them.

    Parameters
    ----------
    place : float
        0..5.
    out : NDArray[np.float64]
        (6,), written.
    """
    a, b, c = place, place - 1.0, place - 2.0
    d, e, f = place - 3.0, place - 4.0, place - 5.0
    ab, abc, ef, deff = a * b, a * b * c, e * f, d * e * f
    out[0] = -b * c * deff / 120.0
    out[1] = a * c * deff / 24.0
    out[2] = -ab * deff / 12.0
    out[3] = abc * ef / 12.0
    out[4] = -abc * d * f / 24.0
    out[5] = abc * d * e / 120.0


@compiled
def _start(place: float, low: int, high: int) -> int:
    """First of the pixels around a place; -1 if it lies outside low..high or these are too few."""
    if high - low < NODES - 1 or not low - _EDGE <= place <= high + _EDGE:
        return -1
    return min(max(int(np.floor(place)) - NODES // 2 + 1, low), high - NODES + 1)


@compiled
def mark_tracks(
    sky: NDArray[np.int64],
    angle: NDArray[np.float64],
    reach: int,
    marks: NDArray[np.bool_],
) -> None:
    """Mark the first of the 6 x 6 pixels around each place that the tracks pass.

    Parameters
    ----------
    sky : NDArray[np.int64]
        (n,) pixels of the derotated image, counted row by row.
    angle : NDArray[np.float64]
        (time,) derotation angles, radians.
    reach : int
        Pixels along the frame's edges of which nothing is known.
    marks : NDArray[np.bool_]
        (y, x), set.
    """
    ny, nx = marks.shape
    for t in range(angle.size):
        cosine, sine = np.cos(angle[t]), np.sin(angle[t])
        for s in range(sky.size):
            dx, dy = sky[s] % nx - nx // 2, sky[s] // nx - ny // 2
            i = _start(cosine * dx + sine * dy + nx // 2, reach, nx - 1 - reach)
            j = _start(cosine * dy - sine * dx + ny // 2, reach, ny - 1 - reach)
            if i >= 0 and j >= 0:
                marks[j, i] = True


@compiled
def spread_marks(
    marks: NDArray[np.bool_], dy: NDArray[np.int64], dx: NDArray[np.int64], out: NDArray[np.bool_]
) -> None:
    """Mark the pixels at given steps from those that are marked; all of them lie in the frame.

    Parameters
    ----------
    marks : NDArray[np.bool_]
        (y, x).
    dy : NDArray[np.int64]
        (n,) rows.
    dx : NDArray[np.int64]
        (n,) columns.
    out : NDArray[np.bool_]
        (y, x), set.
    """
    for j in range(marks.shape[0]):
        for i in range(marks.shape[1]):
            if marks[j, i]:
                for k in range(dy.size):
                    out[j + dy[k], i + dx[k]] = True


@compiled
def _holed(holes: NDArray[np.bool_], number: NDArray[np.int32], column: int, row: int) -> bool:
    for j in range(NODES):
        first = number[row + j, column]
        for i in range(NODES):
            if holes[first + i]:
                return True
    return False


_Six = tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]


@compiled
def _as_float32(w: NDArray[np.float64]) -> _Six:
    return (
        np.float32(w[0]),
        np.float32(w[1]),
        np.float32(w[2]),
        np.float32(w[3]),
        np.float32(w[4]),
        np.float32(w[5]),
    )


@compiled
def _across(values: NDArray[np.float32], first: int, w: _Six) -> np.float32:
    """Weighted sum of six values; an index without a sign needs no look at whether it is negative."""
    k, step = np.uintp(first), np.uintp(1)
    total: np.float32 = w[0] * values[k]
    for i in range(1, NODES):
        k += step
        total += w[i] * values[k]
    return total


@compiled
def track_sums(
    sky: NDArray[np.int64],
    angle: NDArray[np.float64],
    reach: int,
    number: NDArray[np.int32],
    filtered: NDArray[np.float32],
    fixed: NDArray[np.float32],
    holes: NDArray[np.bool_],
    out: NDArray[np.float64],
) -> None:
    """Add up along each track what changes from frame to frame, and what does not.

    Parameters
    ----------
    sky : NDArray[np.int64]
        (n,) pixels of the derotated image, counted row by row.
    angle : NDArray[np.float64]
        (time,) derotation angles, radians.
    reach : int
        Pixels along the frame's edges of which nothing is known.
    number : NDArray[np.int32]
        (y, x) column of `filtered` of each pixel that a track touches, counted row by row.
    filtered : NDArray[np.float32]
        (time, target).
    fixed : NDArray[np.float32]
        (2, target).
    holes : NDArray[np.bool_]
        (time, target) True leaves out a frame where its track touches the pixel; empty = none.
    out : NDArray[np.float64]
        (3, n), added to: sums of `filtered` and of the two of `fixed`.
    """
    ny, nx = number.shape
    wx, wy = np.empty(NODES), np.empty(NODES)
    one, two = fixed
    right, up = (sky % nx - nx // 2).astype(np.float64), (sky // nx - ny // 2).astype(np.float64)
    for t in range(angle.size):
        cosine, sine = np.cos(angle[t]), np.sin(angle[t])
        plane = filtered[t]
        for s in range(sky.size):
            x = cosine * right[s] + sine * up[s] + nx // 2
            y = cosine * up[s] - sine * right[s] + ny // 2
            column, row = _start(x, reach, nx - 1 - reach), _start(y, reach, ny - 1 - reach)
            if column < 0 or row < 0 or (holes.size and _holed(holes[t], number, column, row)):
                continue
            lagrange_weights(x - column, wx)
            lagrange_weights(y - row, wy)
            across = _as_float32(wx)
            a, b, c = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for j in range(NODES):
                first, weight = number[row + j, column], np.float32(wy[j])
                a += weight * _across(plane, first, across)
                b += weight * _across(one, first, across)
                c += weight * _across(two, first, across)
            out[0, s] += a
            out[1, s] += b
            out[2, s] += c
