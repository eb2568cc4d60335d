"""Frames minus a few images, each frame with its own coefficients: images and patches of what is left.

Principal components of hundreds of frames are a few images: frame n becomes
A_n - sum over k of L[n, k] M_k. That is far cheaper than mixing all frames with all. Frames may
be stretched; derotation undoes it in the same interpolation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine
from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import rotate_splines
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.spline import cubic_weights, mirrored

__all__ = [
    "Box",
    "less_image",
    "less_patch",
    "mode_images",
    "reach_of_patch",
    "values_of",
]

Box = tuple[int, int, int, int]
"""Columns left..right and rows low..top (ends not in it) of a frame: left, right, low, top."""

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding


def less_image(
    frames: tuple[NDArray[np.float32], NDArray[np.bool_]],
    turns: tuple[NDArray[np.floating], NDArray[np.floating]],
    modes: tuple[NDArray[np.floating], NDArray[np.float32]],
    how: str,
) -> NDArray[np.float32]:
    """Derotate and combine what is left of a few frames.

    Parameters
    ----------
    frames : tuple[NDArray[np.float32], NDArray[np.bool_]]
        (time, y, x) spline coefficients, and pixels without data (empty: none).
    turns : tuple[NDArray[np.floating], NDArray[np.floating]]
        (time,) derotation angles in degrees, and (time,) stretch of the frames.
    modes : tuple[NDArray[np.floating], NDArray[np.float32]]
        (time, k) coefficients, and (k, y, x) spline coefficients of the images to subtract.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    NDArray[np.float32]
        (y, x), north up.
    """
    planes, bad = frames
    left, images = modes
    flat = left.astype(np.float32) @ images.reshape(len(images), -1)
    residual = planes - flat.reshape(planes.shape)
    return combine(rotate_splines(residual, bad, turns[0], scales=turns[1]), how)


def reach_of_patch(
    shape: tuple[int, int],
    turns: tuple[NDArray[np.floating], NDArray[np.floating]],
    patch: tuple[int, int, int],
) -> Box:
    """Pixels of the frames that a patch of the sky is interpolated from, in any frame.

    Parameters
    ----------
    shape : tuple[int, int]
        (y, x) of a frame.
    turns : tuple[NDArray[np.floating], NDArray[np.floating]]
        (time,) derotation angles in degrees, and stretch.
    patch : tuple[int, int, int]
        x, y, half in the derotated image.

    Returns
    -------
    Box
        Within the frame, may be empty.
    """
    ny, nx = shape
    angle, stretch = np.radians(np.asarray(turns[0], np.float64)), np.asarray(turns[1], np.float64)
    cosine, sine = stretch * np.cos(angle), stretch * np.sin(angle)
    dx, dy = patch[0] - nx // 2, patch[1] - ny // 2
    reach = patch[2] * (np.abs(cosine) + np.abs(sine)) + 3
    x, y = nx // 2 + cosine * dx + sine * dy, ny // 2 + cosine * dy - sine * dx
    left, right = np.clip([np.floor((x - reach).min()), np.ceil((x + reach).max()) + 2], 0, nx).astype(int)
    low, top = np.clip([np.floor((y - reach).min()), np.ceil((y + reach).max()) + 2], 0, ny).astype(int)
    return int(left), int(right), int(low), int(top)


def mode_images(planes: NDArray[np.float32], right: NDArray[np.floating]) -> NDArray[np.float32]:
    """Images that are sums of frames.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (time, y, x).
    right : NDArray[np.floating]
        (time, k) coefficients.

    Returns
    -------
    NDArray[np.float32]
        (k, y, x).
    """
    flat = np.ascontiguousarray(planes).reshape(len(planes), -1)
    images = np.ascontiguousarray(right.T, np.float32) @ flat
    return images.reshape(right.shape[1], *planes.shape[1:])


def values_of(spline: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Pixel values of a part of frames given by their spline coefficients.

    Parameters
    ----------
    spline : NDArray[np.float32]
        (time, y, x).
    box : Box
        Which part.

    Returns
    -------
    NDArray[np.float32]
        (time, top - low, right - left).
    """
    out = np.empty((len(spline), box[3] - box[2], box[1] - box[0]), np.float32)
    _values(spline, box[0], box[2], out)
    return out


@compiled
def _values(spline: NDArray[np.float32], column: int, row: int, out: NDArray[np.float32]) -> None:
    ny, nx = spline.shape[1:]
    middle, side = np.float32(4.0 / 6.0), np.float32(1.0 / 6.0)
    height, width = out.shape[1:]
    across = np.empty((height + 2, width), np.float32)
    for t in range(len(out)):
        for j in range(height + 2):
            line = spline[t, mirrored(row + j - 1, ny)]
            for i in range(width):
                before, after = mirrored(column + i - 1, nx), mirrored(column + i + 1, nx)
                across[j, i] = side * (line[before] + line[after]) + middle * line[column + i]
        for j in range(height):
            for i in range(width):
                out[t, j, i] = side * (across[j, i] + across[j + 2, i]) + middle * across[j + 1, i]


def less_patch(
    frames: tuple[NDArray[np.float32], NDArray[np.bool_]],
    turns: tuple[NDArray[np.floating], NDArray[np.floating]],
    patch: tuple[int, int, int],
    signal: Stamps | None,
    modes: Sequence[NDArray[np.floating]],
    corner: tuple[int, int],
) -> NDArray[np.float32]:
    """Derotate one patch of what is left of the frames.

    Parameters
    ----------
    frames : tuple[NDArray[np.float32], NDArray[np.bool_]]
        (time, y, x) spline coefficients, and pixels without data (empty: none).
    turns : tuple[NDArray[np.floating], NDArray[np.floating]]
        (time,) derotation angles in degrees, and stretch.
    patch : tuple[int, int, int]
        x, y, half in the derotated image.
    signal : Stamps | None
        Added to the frames; the images must hold it already.
    modes : Sequence[NDArray[np.floating]]
        (time, k) coefficients, (k, y, x) spline coefficients of the part of the images
        that `reach_of_patch` asks for.
    corner : tuple[int, int]
        Column and row of that part's first pixel.

    Returns
    -------
    NDArray[np.float32]
        (time, 2 half + 1, 2 half + 1), NaN outside the frame and where there is no data.
    """
    size = 2 * patch[2] + 1
    out = np.empty((len(turns[0]), size, size), np.float32)
    angle, stretch = np.radians(np.asarray(turns[0], np.float64)), np.asarray(turns[1], np.float64)
    none = np.zeros(len(out), np.int64)
    stamps = (np.zeros((len(out), 0, 0), np.float32), none, none)
    if signal is not None:
        stamps = (signal.spline, signal.left - MARGIN, signal.low - MARGIN)
    left = np.ascontiguousarray(modes[0], np.float32)
    images = np.ascontiguousarray(modes[1], np.float32)
    turn = (stretch * np.cos(angle), stretch * np.sin(angle))
    _patch(*frames, turn, patch, stamps, (left, images), corner, out)
    return out


@compiled
def _patch(
    spline: NDArray[np.float32],
    bad: NDArray[np.bool_],
    turn: tuple[NDArray[np.float64], NDArray[np.float64]],
    patch: tuple[int, int, int],
    signal: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]],
    modes: tuple[NDArray[np.float32], NDArray[np.float32]],
    corner: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    ny, nx = spline.shape[1:]
    left, images = modes
    none = np.zeros((0, 0), np.bool_)
    dx, dy = patch[0] - nx // 2, patch[1] - ny // 2
    for t in range(len(out)):
        cosine, sine = turn[0][t], turn[1][t]
        cx, cy = nx // 2 + cosine * dx + sine * dy, ny // 2 + cosine * dy - sine * dx
        reach = patch[2] * (abs(cosine) + abs(sine)) + 3
        column, row = min(max(int(cx - reach), 0), nx), min(max(int(cy - reach), 0), ny)
        right, top = max(min(int(cx + reach) + 2, nx), column), max(min(int(cy + reach) + 2, ny), row)
        box = spline[t, row:top, column:right].copy()
        if signal[0].size:
            _add(box, signal[0][t], signal[1][t] - column, signal[2][t] - row, np.float32(1.0))
        for k in np.flatnonzero(left[t]):
            _add(box, images[k], corner[0] - column, corner[1] - row, -left[t, k])
        mask = bad[t] if bad.size and bad[t, row:top, column:right].any() else none
        _interpolate(box, mask, (column, row), (cosine, sine), patch, (ny, nx), out[t])


@compiled
def _add(box: NDArray[np.float32], image: NDArray[np.float32], dx: int, dy: int, factor: np.float32) -> None:
    for j in range(max(0, -dy), min(image.shape[0], box.shape[0] - dy)):
        for i in range(max(0, -dx), min(image.shape[1], box.shape[1] - dx)):
            box[j + dy, i + dx] += factor * image[j, i]


@compiled
def _interpolate(
    box: NDArray[np.float32],
    bad: NDArray[np.bool_],
    corner: tuple[int, int],
    turn: tuple[float, float],
    patch: tuple[int, int, int],
    shape: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
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
            w0, w1, w2, w3 = cubic_weights(x - column)
            wy = cubic_weights(y - row)
            c0, c1, c2, c3 = column - 1, column, column + 1, column + 2
            r0, r1, r2, r3 = row - 1, row, row + 1, row + 2
            if c0 < 0 or r0 < 0 or c3 >= nx or r3 >= ny:
                c0, c2, c3 = mirrored(c0, nx), mirrored(c2, nx), mirrored(c3, nx)
                r0, r2, r3 = mirrored(r0, ny), mirrored(r2, ny), mirrored(r3, ny)
            total, touched = np.float32(0.0), False
            for r, w in ((r0, wy[0]), (r1, wy[1]), (r2, wy[2]), (r3, wy[3])):
                line = box[r - corner[1]]
                a, b, c, d = c0 - corner[0], c1 - corner[0], c2 - corner[0], c3 - corner[0]
                total += np.float32(w * (w0 * line[a] + w1 * line[b] + w2 * line[c] + w3 * line[d]))
                if bad.size:
                    touched |= bad[r, c0] | bad[r, c1] | bad[r, c2] | bad[r, c3]
            out[j, i] = np.nan if touched else total
