"""What injected sources change in one patch of the final image, from local pixels alone."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.reduction import Parts, Sequenced
from reduce.kernels.spline import cubic_weights, mirrored

__all__ = ["NOTHING", "derotated_patch", "gram_change", "merged", "sample_box"]

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding

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


def gram_change(sequenced: Sequenced, mask: NDArray[np.float32], signal: Stamps) -> NDArray[np.float64]:
    """Change of the Gram matrix of the frames when a signal is added to them.

    Parameters
    ----------
    sequenced : Sequenced
        The data D.
    mask : NDArray[np.float32]
        (y, x) 1 where pixels count, else 0.
    signal : Stamps
        The signal S.

    Returns
    -------
    NDArray[np.float64]
        (time, time): D S^T + S D^T + S S^T over the pixels that count.
    """
    frames = sequenced.data.shape[2]
    cross, own = np.zeros((frames, frames)), np.zeros((frames, frames))
    counted = np.zeros_like(signal.data)
    _mask_stamps(signal.data, signal.left, signal.low, mask, counted)
    _cross(sequenced.data, counted, signal.left, signal.low, cross)
    _own(counted, signal.left, signal.low, own)
    return cross + cross.T + own


@compiled
def _mask_stamps(
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    mask: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    ny, nx = mask.shape
    for t in range(stamps.shape[0]):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                out[t, j, i] = stamps[t, j, i] * mask[low[t] + j, left[t] + i]


@compiled
def _cross(
    data: NDArray[np.float32],
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    ny, nx, frames = data.shape
    partial = np.empty(frames, np.float32)
    for t in range(frames):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            partial[:] = 0.0
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                value = stamps[t, j, i]
                pixel = data[low[t] + j, left[t] + i]
                for s in range(frames):
                    partial[s] += value * pixel[s]
            for s in range(frames):
                out[s, t] += partial[s]


@compiled
def _own(
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    frames, height, width = stamps.shape
    for t in range(frames):
        for s in range(t + 1):
            dx, dy = left[t] - left[s], low[t] - low[s]
            total = 0.0
            for j in range(max(0, -dy), min(height, height - dy)):
                line = np.float32(0.0)
                for i in range(max(0, -dx), min(width, width - dx)):
                    line += stamps[t, j, i] * stamps[s, j + dy, i + dx]
                total += float(line)
            out[s, t] = total
            out[t, s] = total


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
def _mixed_box(
    spline: NDArray[np.float32],
    weights: NDArray[np.float32],
    frame: int,
    corner: tuple[int, int],
    box: NDArray[np.float32],
) -> None:
    column, row = corner
    for j in range(box.shape[0]):
        for i in range(box.shape[1]):
            pixel = spline[row + j, column + i]
            if weights.size == 0:
                box[j, i] = pixel[frame]
                continue
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
    dx, dy = patch[0] - nx // 2, patch[1] - ny // 2
    stamps, left, low = signal
    for t in range(frames):
        cosine, sine = np.cos(angle[t]), np.sin(angle[t])
        cx, cy = nx // 2 + cosine * dx + sine * dy, ny // 2 + cosine * dy - sine * dx
        reach = patch[2] * (abs(cosine) + abs(sine)) + 3
        column, row = min(max(int(cx - reach), 0), nx), min(max(int(cy - reach), 0), ny)
        right, top = max(min(int(cx + reach) + 2, nx), column), max(min(int(cy + reach) + 2, ny), row)
        corner = (column, row)
        box = np.empty((top - row, right - column), np.float32)
        _mixed_box(spline, mixing[t] if mixing.size else mixing.ravel(), t, corner, box)
        if stamps.size:
            for s in range(frames):
                if mixing.size:
                    _add_to_box(stamps[s], left[s], low[s], mixing[t, s], corner, box)
                elif s == t:
                    _add_to_box(stamps[s], left[s], low[s], 1.0, corner, box)
        if removed[0].size:
            _add_to_box(removed[0], removed[1], removed[2], -1.0, corner, box)
        sample_box(box, bad, t, corner, (cosine, sine), patch, (ny, nx), out[t])


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
