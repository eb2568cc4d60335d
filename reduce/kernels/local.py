"""What injected sources change in one patch of the final image, from local pixels alone."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.reduction import Parts, Sequenced
from reduce.kernels.spline import cubic_weights, mirrored

__all__ = ["NOTHING", "derotated_patch", "merged", "sample_box"]

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding
_GROUP = 16  # frames mixed from one piece of the cube: a patch moves little between them

NOTHING = np.zeros((0, 0), np.float32)
"""Stands for no mixing, or no image to take away."""


def merged(parts: Parts) -> Stamps | None:
    """Sum of sources, each times its flux, as one stamp a frame.

    Parameters
    ----------
    parts : Parts
        Stamps and fluxes; may be empty.

    Returns
    -------
    Stamps | None
        Stamps that hold all of them; None for none.
    """
    if not parts:
        return None
    first, flux = parts[0]
    if len(parts) == 1:
        scale = np.float32(flux)
        return Stamps(first.data * scale, first.left, first.low, first.spline * scale)
    left = np.min([s.left for s, _ in parts], axis=0)
    low = np.min([s.low for s, _ in parts], axis=0)
    width = max(int(np.max(s.left - left)) + s.data.shape[2] for s, _ in parts)
    height = max(int(np.max(s.low - low)) + s.data.shape[1] for s, _ in parts)
    data = np.zeros((len(left), height, width), np.float32)
    spline = np.zeros((len(left), height + 2 * MARGIN, width + 2 * MARGIN), np.float32)
    for stamps, factor in parts:
        _add(data, stamps.data, stamps.left - left, stamps.low - low, float(factor))
        _add(spline, stamps.spline, stamps.left - left, stamps.low - low, float(factor))
    return Stamps(data, left, low, spline)


@compiled
def _add(
    out: NDArray[np.float32],
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    factor: float,
) -> None:
    weight = np.float32(factor)
    for t in range(out.shape[0]):
        for j in range(stamps.shape[1]):
            for i in range(stamps.shape[2]):
                out[t, low[t] + j, left[t] + i] += weight * stamps[t, j, i]


def derotated_patch(
    sequenced: Sequenced,
    angles_deg: NDArray[np.floating],
    patch: tuple[int, int, int],
    signal: Stamps | None = None,
    mixing: NDArray[np.float32] = NOTHING,
    removed: tuple[NDArray[np.float32], int, int] = (NOTHING, 0, 0),
) -> NDArray[np.float32]:
    """Derotate one patch of the sky from the frames, mixed and with a signal added.

    Parameters
    ----------
    sequenced : Sequenced
        The cube.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    patch : tuple[int, int, int]
        x, y, half in the derotated image.
    signal : Stamps | None
        Added to the frames before mixing.
    mixing : NDArray[np.float32]
        (time, time): frame t becomes sum of mixing[t, s] frame s; empty leaves the frames.
    removed : tuple[NDArray[np.float32], int, int]
        Spline coefficients (y, x) of an image subtracted from each frame, and the column and row
        of its first pixel; an empty image is none.

    Returns
    -------
    NDArray[np.float32]
        (time, 2 half + 1, 2 half + 1), NaN outside the frame and where there is no data.
    """
    size = 2 * patch[2] + 1
    out = np.empty((len(angles_deg), size, size), np.float32)
    none = np.zeros(len(angles_deg), np.int64)
    stamps, left, low = np.zeros((len(out), 0, 0), np.float32), none, none
    if signal is not None:
        stamps, left, low = signal.spline, signal.left - MARGIN, signal.low - MARGIN
    angle = np.radians(np.asarray(angles_deg, np.float64))
    _patch(sequenced.spline, sequenced.bad, angle, patch, (stamps, left, low), mixing, removed, out)
    return out


@compiled
def _box_about(
    cosine: float, sine: float, patch: tuple[int, int, int], shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Pixels of a frame that a patch of the sky is interpolated from: column, row, those behind the last."""
    ny, nx = shape
    dx, dy = patch[0] - nx // 2, patch[1] - ny // 2
    cx, cy = nx // 2 + cosine * dx + sine * dy, ny // 2 + cosine * dy - sine * dx
    reach = patch[2] * (abs(cosine) + abs(sine)) + 3
    column, row = min(max(int(cx - reach), 0), nx), min(max(int(cy - reach), 0), ny)
    right, top = max(min(int(cx + reach) + 2, nx), column), max(min(int(cy + reach) + 2, ny), row)
    return column, row, right, top


@compiled
def _piece(
    spline: NDArray[np.float32],
    around: tuple[int, int, int, int],
    signal: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float32]:
    """Pixels (column, row to right, top) of the cube (y, x, time) with the signal in them."""
    column, row, right, top = around
    piece = spline[row:top, column:right].copy()
    stamps, left, low = signal
    for t in range(piece.shape[2] if stamps.size else 0):
        x, y = left[t] - column, low[t] - row
        for j in range(max(0, -y), min(stamps.shape[1], piece.shape[0] - y)):
            for i in range(max(0, -x), min(stamps.shape[2], piece.shape[1] - x)):
                piece[y + j, x + i, t] += stamps[t, j, i]
    return piece


@compiled
def _mix(
    piece: NDArray[np.float32],
    weights: NDArray[np.float32],
    offset: tuple[int, int],
    box: NDArray[np.float32],
) -> None:
    """One frame of a mixture: pixels of a piece (y, x, time) from `offset` (x, y) on, times weights."""
    for j in range(box.shape[0]):
        for i in range(box.shape[1]):
            pixel = piece[offset[1] + j, offset[0] + i]
            total = np.float32(0.0)
            for s in range(weights.size):
                total += weights[s] * pixel[s]
            box[j, i] = total


@compiled
def _add_to_box(
    image: NDArray[np.float32],
    left: int,
    low: int,
    weight: float,
    corner: tuple[int, int],
    box: NDArray[np.float32],
) -> None:
    dx, dy = left - corner[0], low - corner[1]
    factor = np.float32(weight)
    for j in range(max(0, -dy), min(image.shape[0], box.shape[0] - dy)):
        for i in range(max(0, -dx), min(image.shape[1], box.shape[1] - dx)):
            box[j + dy, i + dx] += factor * image[j, i]


@compiled
def _patch(
    spline: NDArray[np.float32],
    bad: NDArray[np.bool_],
    angle: NDArray[np.float64],
    patch: tuple[int, int, int],
    signal: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]],
    mixing: NDArray[np.float32],
    removed: tuple[NDArray[np.float32], int, int],
    out: NDArray[np.float32],
) -> None:
    ny, nx, frames = spline.shape
    cosine, sine = np.cos(angle), np.sin(angle)
    stamps, left, low = signal
    boxes = np.empty((frames, 4), np.int64)
    for t in range(frames):
        boxes[t] = _box_about(cosine[t], sine[t], patch, (ny, nx))
    piece, begin_x, begin_y = spline, 0, 0
    for t in range(frames):
        column, row, right, top = boxes[t]
        box = np.empty((top - row, right - column), np.float32)
        if mixing.size:
            if t % _GROUP == 0:
                group = boxes[t : t + _GROUP]
                begin_x, begin_y = group[:, 0].min(), group[:, 1].min()
                around = (begin_x, begin_y, group[:, 2].max(), group[:, 3].max())
                piece = _piece(spline, around, signal)
            _mix(piece, mixing[t], (column - begin_x, row - begin_y), box)
        else:
            box[:] = spline[row:top, column:right, t]
            if stamps.size:
                _add_to_box(stamps[t], left[t], low[t], 1.0, (column, row), box)
        if removed[0].size:
            _add_to_box(removed[0], removed[1], removed[2], -1.0, (column, row), box)
        sample_box(box, bad, t, (column, row), (cosine[t], sine[t]), patch, (ny, nx), out[t])


@compiled
def sample_box(
    box: NDArray[np.float32],
    bad: NDArray[np.bool_],
    t: int,
    corner: tuple[int, int],
    turn: tuple[float, float],
    patch: tuple[int, int, int],
    shape: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    """Sample a patch (x, y, half) of the sky in frame t from a box of spline coefficients at `corner`.

    `turn` is the cosine and sine of the frame's angle, `shape` the frame's; `out` (y, x) is filled,
    NaN outside the frame and where `bad` (y, x, time) is touched.
    """
    cosine, sine = turn
    ny, nx = shape
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            dx, dy = patch[0] - patch[2] + i - nx // 2, patch[1] - patch[2] + j - ny // 2
            x, y = cosine * dx + sine * dy + nx // 2, cosine * dy - sine * dx + ny // 2
            if not (-_EDGE <= x <= nx - 1 + _EDGE and -_EDGE <= y <= ny - 1 + _EDGE):
                out[j, i] = np.nan
                continue
            x, y = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
            column, row = int(x), int(y)
            wx, wy = cubic_weights(x - column), cubic_weights(y - row)
            inside = 1 <= column < nx - 2 and 1 <= row < ny - 2  # mirroring costs more than all the rest
            total, touched = 0.0, False
            for k in range(4):
                r = row - 1 + k if inside else mirrored(row - 1 + k, ny)
                for m in range(4):
                    c = column - 1 + m if inside else mirrored(column - 1 + m, nx)
                    total += wy[k] * wx[m] * box[r - corner[1], c - corner[0]]
                    if bad.size:
                        touched |= bad[r, c, t]
            out[j, i] = np.nan if touched else total
